/* Replicas below another: what waits, what is settled, and that all agree in the end (sync-protocol.md
 * section 6). */
#include "tests/unit/sync/checked.h"
#include "tests/unit/sync/exchange_support.h"

#include <stdio.h>
#include <string.h>

struct world {
	struct fixture *home;
	struct below laptop;
	struct below phone; /* below the laptop */
};

static int setup(void **state)
{
	static struct world w;
	memset(&w, 0, sizeof w);
	w.home = fixture_open();
	w.laptop = (struct below){.f = fixture_open(), .up = w.home, .device = test_device(20)};
	w.phone = (struct below){.f = fixture_open(), .up = w.laptop.f, .device = test_device(30)};
	w.home->device = test_device(1);
	w.laptop.f->device = test_device(2);
	w.phone.f->device = test_device(3);
	below_link(&w.laptop);
	below_link(&w.phone);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	checked_agrees(w->phone.f);
	checked_agrees(w->laptop.f);
	checked_agrees(w->home);
	fixture_close(w->phone.f);
	fixture_close(w->laptop.f);
	fixture_close(w->home);
	return 0;
}

static void pass(struct world *w, int64_t ms)
{
	fixture_pass(w->home, ms);
	fixture_pass(w->laptop.f, ms);
	fixture_pass(w->phone.f, ms);
}

static void everybody(struct world *w)
{
	for (int i = 0; i < 3; i++) {
		below_exchange(&w->phone);
		below_exchange(&w->laptop);
	}
	below_exchange(&w->phone);
	assert_same_items(w->home, w->laptop.f);
	assert_same_items(w->laptop.f, w->phone.f);
}

static void set(struct fixture *f, const char *key, const char *status)
{
	struct op op = test_watchlist(f, key, status);
	(void)fixture_op(f, &op);
}

static void act(struct fixture *f, enum op_kind kind, enum collection collection, const char *key)
{
	struct op op = op_make(kind, collection, str_from(key), f->device);
	op.session = STR("");
	(void)fixture_op(f, &op);
}

static void tick(struct fixture *f, enum event event, const char *session, int64_t episode, double time)
{
	struct op op = test_progress(f, event, session, episode, time);
	(void)fixture_op(f, &op);
}

static void writes_of_all_three_meet(void **state)
{
	struct world *w = *state;
	set(w->home, "a", "watching");
	pass(w, 1000);
	set(w->phone.f, "b", "completed");
	pass(w, 1000);
	set(w->laptop.f, "a", "dropped");
	everybody(w);
	assert_non_null(strstr(fixture_view(w->home, COLLECTION_WATCHLIST, "a"), "\"dropped\""));
	assert_non_null(strstr(fixture_view(w->home, COLLECTION_WATCHLIST, "b"), "\"completed\""));
	assert_non_null(strstr(fixture_view(w->phone.f, COLLECTION_WATCHLIST, "a"), "\"dropped\""));
}

static void nothing_is_said_twice(void **state)
{
	struct world *w = *state;
	set(w->phone.f, "a", "watching");
	tick(w->laptop.f, EVENT_HEARTBEAT, "s", 3, 100);
	everybody(w);
	struct replica_ask *ask = below_ask(&w->laptop);
	assert_int_equal(ask->ops, 0);
	const char *answer = exchange_answer(w->home, w->laptop.device, ask->body.ptr);
	assert_non_null(strstr(answer, "\"items\":[]"));
	job_free(&ask->job);
}

static void ticks_wait_as_one_op_and_survive_a_lost_answer(void **state)
{
	struct world *w = *state;
	bool more = false;
	for (int i = 0; i < 50; i++) {
		tick(w->laptop.f, EVENT_HEARTBEAT, "tv", 5, 100 + i);
		pass(w, 1000);
	}
	struct replica_ask *ask = below_ask(&w->laptop);
	assert_true(ask->ops <= 2); /* the first one also opened the episode */
	(void)exchange_answer(w->home, w->laptop.device, ask->body.ptr); /* its answer is lost */
	job_free(&ask->job);
	for (int i = 0; i < 10; i++) {
		tick(w->laptop.f, EVENT_HEARTBEAT, "tv", 5, 150 + i);
		pass(w, 1000);
	}
	ask = below_ask(&w->laptop);
	const char *answer = exchange_answer(w->home, w->laptop.device, ask->body.ptr);
	assert_int_equal(below_take(&w->laptop, ask, answer, &more), REPLICA_TAKEN);
	everybody(w);
	assert_non_null(strstr(fixture_view(w->home, COLLECTION_PROGRESS, "anime-1"), "159"));
}

static void a_clock_that_is_a_year_ahead_wins_nothing(void **state)
{
	struct world *w = *state;
	w->phone.f->now.wall_ms += 31536000000;
	set(w->phone.f, "a", "watching");
	pass(w, 60000);
	set(w->home, "a", "completed"); /* a minute later in truth */
	pass(w, 60000);
	everybody(w);
	assert_non_null(strstr(fixture_view(w->phone.f, COLLECTION_WATCHLIST, "a"), "\"completed\""));
	/* And the home server's own writes go on winning. */
	pass(w, 60000);
	set(w->home, "a", "on_hold");
	everybody(w);
	assert_non_null(strstr(fixture_view(w->phone.f, COLLECTION_WATCHLIST, "a"), "\"on_hold\""));
}

static void deletes_and_clears_travel(void **state)
{
	struct world *w = *state;
	set(w->home, "a", "watching");
	tick(w->home, EVENT_MANUAL, "", 4, 400);
	everybody(w);
	pass(w, 1000);
	act(w->phone.f, OP_DELETE, COLLECTION_WATCHLIST, "a");
	act(w->phone.f, OP_CLEAR, COLLECTION_PROGRESS, "");
	assert_null(fixture_view(w->phone.f, COLLECTION_PROGRESS, "anime-1"));
	everybody(w);
	assert_null(fixture_view(w->home, COLLECTION_WATCHLIST, "a"));
	assert_null(fixture_view(w->home, COLLECTION_PROGRESS, "anime-1"));
	pass(w, 1000);
	set(w->laptop.f, "a", "completed");
	everybody(w);
	assert_non_null(strstr(fixture_view(w->home, COLLECTION_WATCHLIST, "a"), "\"completed\""));
}

/* The phone's clock is ahead, so its barrier looks later than it was: when it moves back, what it had voided
 * counts. */
static void a_barrier_that_moves_back_gives_back_what_it_took(void **state)
{
	struct world *w = *state;
	everybody(w);
	w->phone.f->now.wall_ms += 3600000;
	act(w->phone.f, OP_CLEAR, COLLECTION_PROGRESS, "");
	pass(w, 60000);
	tick(w->home, EVENT_MANUAL, "", 7, 700);
	everybody(w);
	assert_non_null(fixture_view(w->home, COLLECTION_PROGRESS, "anime-1"));
	assert_non_null(fixture_view(w->phone.f, COLLECTION_PROGRESS, "anime-1"));
}

static void a_home_server_that_lost_its_history_regains_it(void **state)
{
	struct world *w = *state;
	set(w->phone.f, "a", "watching");
	tick(w->laptop.f, EVENT_MANUAL, "tv", 2, 222);
	act(w->home, OP_CLEAR, COLLECTION_WATCHLIST, "");
	pass(w, 1000);
	set(w->home, "c", "dropped");
	everybody(w);
	/* A new, empty server with the same identity would be a restore; here the old one's cursor is unknown
	 * to it. */
	char cursor[200];
	(void)snprintf(cursor, sizeof cursor, "{\"cursor\":\"0badc0de:12\",\"now\":%lld}",
		(long long)w->home->now.wall_ms);
	const char *answer = exchange_answer(w->home, w->laptop.device, cursor);
	assert_non_null(strstr(answer, "\"offer\":true"));
	/* The laptop's cursor is of an epoch that is lost now: it offers all it has, and nothing changes. */
	struct replica_ask *ask = below_ask(&w->laptop);
	answer = exchange_answer(w->home, w->laptop.device, ask->body.ptr);
	assert_non_null(strstr(answer, "\"offer\":true"));
	bool more = false;
	assert_int_equal(below_take(&w->laptop, ask, answer, &more), REPLICA_TAKEN);
	assert_true(more);
	everybody(w);
	assert_non_null(strstr(fixture_view(w->home, COLLECTION_PROGRESS, "anime-1"), "222"));
}

static void a_replica_is_linked_to_another_server(void **state)
{
	struct world *w = *state;
	struct fixture *other = fixture_open();
	other->device = test_device(9);
	set(w->phone.f, "a", "watching");
	tick(w->home, EVENT_MANUAL, "", 2, 222);
	everybody(w);
	pass(w, 5000);
	fixture_pass(other, 5000 + w->home->now.wall_ms - other->now.wall_ms - 5000);
	set(w->laptop.f, "b", "completed"); /* waits */
	pass(w, 5000);
	fixture_pass(other, 5000);
	w->laptop.up = other;
	w->laptop.device = test_device(21);
	struct replica_ask *ask = below_ask(&w->laptop);
	bool more = false;
	assert_int_equal(below_take(&w->laptop, ask, exchange_answer(other, w->laptop.device, "{}"), &more),
		REPLICA_OTHER_SERVER);
	below_link(&w->laptop);
	below_exchange(&w->laptop);
	assert_non_null(strstr(fixture_view(other, COLLECTION_WATCHLIST, "a"), "\"watching\""));
	assert_non_null(strstr(fixture_view(other, COLLECTION_WATCHLIST, "b"), "\"completed\""));
	assert_non_null(strstr(fixture_view(other, COLLECTION_PROGRESS, "anime-1"), "222"));
	assert_same_items(other, w->laptop.f);
	below_exchange(&w->phone);
	below_rekey(&w->phone);
	assert_same_items(w->laptop.f, w->phone.f);
	fixture_close(other);
}

static void a_clone_gets_a_new_device(void **state)
{
	struct world *w = *state;
	bool more = false;
	set(w->laptop.f, "a", "watching");
	below_exchange(&w->laptop);
	/* Another copy of this store has pushed under later numbers. */
	(void)exchange_answer(w->home, w->laptop.device,
		"{\"ops\":[{\"n\":500,\"collection\":\"watchlist\",\"key\":\"z\",\"set\":{\"rating\":3}}]}");
	set(w->laptop.f, "a", "completed");
	struct replica_ask *ask = below_ask(&w->laptop);
	const char *answer = exchange_answer(w->home, w->laptop.device, ask->body.ptr);
	assert_string_equal(answer, "409");
	job_free(&ask->job);
	ask = below_ask(&w->laptop);
	answer = exchange_answer(w->home, w->laptop.device, "{}");
	assert_int_equal(below_take(&w->laptop, ask, answer, &more), REPLICA_RESTORED);
	struct replica_renumber *anew = replica_renumber_make(w->laptop.f->user);
	fixture_run(w->laptop.f, &anew->job);
	job_free(&anew->job);
	w->laptop.device = test_device(22);
	everybody(w);
	assert_non_null(strstr(fixture_view(w->home, COLLECTION_WATCHLIST, "a"), "\"completed\""));
}

static void a_late_answer_counts_for_nothing(void **state)
{
	struct world *w = *state;
	bool more = false;
	set(w->laptop.f, "a", "watching");
	struct replica_ask *first = below_ask(&w->laptop);
	const char *late = exchange_answer(w->home, w->laptop.device, first->body.ptr);
	struct replica_ask *second = below_ask(&w->laptop);
	const char *answer = exchange_answer(w->home, w->laptop.device, second->body.ptr);
	assert_int_equal(below_take(&w->laptop, first, late, &more), REPLICA_STALE);
	assert_int_equal(below_take(&w->laptop, second, answer, &more), REPLICA_TAKEN);
	everybody(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(writes_of_all_three_meet, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_is_said_twice, setup, teardown),
		cmocka_unit_test_setup_teardown(
			ticks_wait_as_one_op_and_survive_a_lost_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(a_clock_that_is_a_year_ahead_wins_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(deletes_and_clears_travel, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_barrier_that_moves_back_gives_back_what_it_took, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_home_server_that_lost_its_history_regains_it, setup, teardown),
		cmocka_unit_test_setup_teardown(a_replica_is_linked_to_another_server, setup, teardown),
		cmocka_unit_test_setup_teardown(a_clone_gets_a_new_device, setup, teardown),
		cmocka_unit_test_setup_teardown(a_late_answer_counts_for_nothing, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
