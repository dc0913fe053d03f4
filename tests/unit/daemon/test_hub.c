/* Followers of users: woken once for each round with the newest head, and free to come and go in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/hub.h"

enum { PLACES = 600 };

struct follower {
	struct hub_place place;
	unsigned woken;
	int64_t head;
	struct follower *leaves; /* who leaves when this one is visited */
};

static struct hub *hub;
static struct follower followers[PLACES];

static struct follower *of(struct hub_place *place)
{
	return (struct follower *)((char *)place - offsetof(struct follower, place));
}

static void on_wake(struct hub_place *place, int64_t head)
{
	of(place)->woken++;
	of(place)->head = head;
}

static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < PLACES; i++)
		followers[i] = (struct follower){.head = -1};
	hub = hub_make(on_wake);
	return hub ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < PLACES; i++)
		hub_leave(hub, &followers[i].place);
	hub_free(hub);
	return 0;
}

static void wakes_the_followers_of_who_moved(void **state)
{
	(void)state;
	assert_true(hub_join(hub, 1, &followers[0].place));
	assert_true(hub_join(hub, 1, &followers[1].place));
	assert_true(hub_join(hub, 2, &followers[2].place));
	hub_moved(hub, 1, 7);
	assert_int_equal(followers[0].woken, 0);
	hub_wake(hub);
	assert_int_equal(followers[0].woken, 1);
	assert_int_equal(followers[1].woken, 1);
	assert_int_equal(followers[1].head, 7);
	assert_int_equal(followers[2].woken, 0);
	hub_wake(hub);
	assert_int_equal(followers[0].woken, 1);
}

static void wakes_once_for_many_moves_with_the_newest_head(void **state)
{
	(void)state;
	assert_true(hub_join(hub, 9, &followers[0].place));
	hub_moved(hub, 9, 5);
	hub_moved(hub, 9, 8);
	hub_moved(hub, 9, 6);
	hub_moved(hub, 10, 99);
	hub_wake(hub);
	assert_int_equal(followers[0].woken, 1);
	assert_int_equal(followers[0].head, 8);
}

static void forgets_who_left_even_before_the_round(void **state)
{
	(void)state;
	assert_true(hub_join(hub, 1, &followers[0].place));
	assert_true(hub_join(hub, 2, &followers[1].place));
	assert_true(hub_join(hub, 3, &followers[2].place));
	for (uint64_t user = 1; user <= 3; user++)
		hub_moved(hub, user, 4);
	hub_leave(hub, &followers[1].place);
	hub_leave(hub, &followers[1].place);
	hub_wake(hub);
	assert_int_equal(followers[0].woken, 1);
	assert_int_equal(followers[1].woken, 0);
	assert_int_equal(followers[2].woken, 1);
	assert_true(hub_join(hub, 2, &followers[1].place));
	hub_moved(hub, 2, 5);
	hub_wake(hub);
	assert_int_equal(followers[1].head, 5);
}

static void visit(struct hub_place *place, void *context)
{
	struct follower *f = of(place);
	f->woken++;
	assert_ptr_equal(context, hub);
	if (f->leaves)
		hub_leave(hub, &f->leaves->place);
}

static void lets_them_leave_while_they_are_visited(void **state)
{
	(void)state;
	for (size_t i = 0; i < 5; i++)
		assert_true(hub_join(hub, 1, &followers[i].place));
	/* The newest comes first: 4 takes 3 with it, and 0 itself. */
	followers[4].leaves = &followers[3];
	followers[0].leaves = &followers[0];
	hub_visit(hub, 1, visit, hub);
	assert_int_equal(followers[4].woken, 1);
	assert_int_equal(followers[3].woken, 0);
	assert_int_equal(followers[2].woken, 1);
	assert_int_equal(followers[0].woken, 1);
	hub_visit(hub, 1, visit, hub);
	assert_int_equal(followers[0].woken, 1);
	assert_int_equal(followers[2].woken, 2);
	hub_visit(hub, 77, visit, hub);
}

static void holds_more_users_than_it_has_buckets_at_first(void **state)
{
	(void)state;
	for (size_t i = 0; i < PLACES; i++)
		assert_true(hub_join(hub, 1 + (i * UINT64_C(0x9e3779b97f4a7c15)) % 500, &followers[i].place));
	for (uint64_t user = 1; user <= 500; user++)
		hub_moved(hub, user, (int64_t)user);
	hub_wake(hub);
	for (size_t i = 0; i < PLACES; i++) {
		assert_int_equal(followers[i].woken, 1);
		assert_int_equal(followers[i].head, 1 + (i * UINT64_C(0x9e3779b97f4a7c15)) % 500);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(wakes_the_followers_of_who_moved, setup, teardown),
		cmocka_unit_test_setup_teardown(
			wakes_once_for_many_moves_with_the_newest_head, setup, teardown),
		cmocka_unit_test_setup_teardown(forgets_who_left_even_before_the_round, setup, teardown),
		cmocka_unit_test_setup_teardown(lets_them_leave_while_they_are_visited, setup, teardown),
		cmocka_unit_test_setup_teardown(
			holds_more_users_than_it_has_buckets_at_first, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
