/* What tests/sim found, each in its smallest form (sync-protocol.md sections 3 to 6). */
#include "tests/unit/sync/checked.h"
#include "tests/unit/sync/exchange_support.h"

#include <stdio.h>
#include <string.h>

static const int64_t HOUR_MS = 3600000;
static const int64_t YEAR_MS = (int64_t)365 * 86400000;

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
	below_link(&w.phone);
	*state = &w;
	return 0;
}

static int setup_linked(void **state)
{
	(void)setup(state);
	struct world *w = *state;
	below_link(&w->laptop);
	below_exchange(&w->laptop);
	below_rekey(&w->phone);
	below_exchange(&w->phone);
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

static void watch(struct fixture *f, double time)
{
	struct op op = test_progress(f, EVENT_MANUAL, "", 3, time);
	(void)fixture_op(f, &op);
}

static bool shows(struct fixture *f, enum collection collection, const char *key, const char *text)
{
	const char *view = fixture_view(f, collection, key);
	return view && strstr(view, text);
}

/* A connection is being followed, and the store only pushes. */
static void pushing_alone_moves_no_cursor(void **state)
{
	struct world *w = *state;
	set(w->home, "a", "watching");
	struct replica_ask *ask = replica_ask_make(w->laptop.f->user);
	assert_non_null(ask);
	ask->most_ops = OPS_MAX;
	ask->most_bytes = 4 << 20;
	fixture_run(w->laptop.f, &ask->job);
	bool more = false;
	const char *answer = exchange_answer(w->home, w->laptop.device, ask->body.ptr);
	assert_int_equal(below_take(&w->laptop, ask, answer, &more), REPLICA_TAKEN);
	everybody(w);
	assert_true(shows(w->laptop.f, COLLECTION_WATCHLIST, "a", "\"watching\""));
}

static void a_stub_that_a_clear_left_can_be_taken(void **state)
{
	struct world *w = *state;
	watch(w->home, 100);
	pass(w, 1000);
	act(w->home, OP_CLEAR, COLLECTION_PROGRESS, "");
	while (checked_slices(w->home, 100))
		;
	everybody(w);
}

/* The laptop has not heard of the clear: what it says lives again, and since when. */
static void what_lives_again_tells_since_when(void **state)
{
	struct world *w = *state;
	set(w->laptop.f, "a", "watching");
	everybody(w);
	pass(w, 1000);
	act(w->home, OP_CLEAR, COLLECTION_WATCHLIST, "");
	pass(w, 1000);
	set(w->laptop.f, "a", "completed");
	everybody(w);
}

/* The phone was offline: its title is older than the clear, which the title survives. */
static void titles_of_a_voided_op_travel_up(void **state)
{
	struct world *w = *state;
	struct op op = test_watchlist(w->phone.f, "a", "watching");
	(void)fixture_op(w->phone.f, &op);
	pass(w, 1000);
	act(w->home, OP_CLEAR, COLLECTION_WATCHLIST, "");
	below_exchange(&w->laptop);
	everybody(w);
	const char *items = exchange_answer(w->home, w->home->device, "{\"cursor\":null}");
	assert_non_null(strstr(items, "\"Title\""));
}

static void a_clear_erases_what_its_own_push_wrote(void **state)
{
	struct world *w = *state;
	(void)exchange_answer(w->home, test_device(40),
		"{\"ops\":[{\"n\":1,\"collection\":\"progress\",\"key\":\"b\",\"age\":5000,\"set\":{"
		"\"position\":"
		"{\"currentEpisode\":2,\"currentTime\":60,\"duration\":600}}},"
		"{\"n\":2,\"collection\":\"progress\",\"clear\":true,\"age\":1000}]}");
	while (checked_slices(w->home, 100))
		;
	checked_agrees(w->home);
}

/*
 * The laptop's clock is an hour ahead. The clear is settled for the phone by the laptop's word, then moved
 * back by the home server's: what had been void for the phone counts, although it erased it.
 */
static void what_was_erased_too_early_comes_back(void **state)
{
	struct world *w = *state;
	w->laptop.f->now.wall_ms += HOUR_MS;
	act(w->phone.f, OP_CLEAR, COLLECTION_PROGRESS, "");
	pass(w, 60000);
	below_exchange(&w->phone);
	watch(w->home, 222);
	below_exchange(&w->laptop);
	while (checked_slices(w->phone.f, 100))
		;
	everybody(w);
	assert_true(shows(w->phone.f, COLLECTION_PROGRESS, "anime-1", "222"));
}

/* The laptop's clock is an hour ahead, so the place looks later than the clear that came after it. */
static void place_before_a_clear(struct world *w)
{
	w->laptop.f->now.wall_ms += HOUR_MS;
	watch(w->phone.f, 333);
	pass(w, 60000);
}

/* Also those below the phone, which only hears of it. */
static void those_below_hear_what_was_moved_into_the_void(void **state)
{
	struct world *w = *state;
	char body[128];
	place_before_a_clear(w);
	below_exchange(&w->phone);
	const char *cursor = strstr(exchange_answer(w->phone.f, test_device(40), "{}"), "\"cursor\":\"");
	assert_non_null(cursor);
	(void)snprintf(body, sizeof body, "{%.*s}", (int)strcspn(cursor, ","), cursor);
	act(w->home, OP_CLEAR, COLLECTION_PROGRESS, "");
	everybody(w);
	assert_null(fixture_view(w->phone.f, COLLECTION_PROGRESS, "anime-1"));
	const char *told = exchange_answer(w->phone.f, test_device(40), body);
	assert_non_null(strstr(told, "\"position\":{\"value\":null"));
}

/* Pulls and pushes nothing, as when the pushes before it are still waited for. */
static void pull_alone(struct below *b)
{
	struct replica_ask *ask = replica_ask_make(b->f->user);
	assert_non_null(ask);
	ask->most_bytes = 4 << 20;
	ask->limit = 500;
	fixture_run(b->f, &ask->job);
	assert_int_equal(ask->ops, 0);
	bool more = false;
	const char *answer = exchange_answer(b->up, b->device, ask->body.ptr);
	assert_int_equal(below_take(b, ask, answer, &more), REPLICA_TAKEN);
}

static void a_repeated_op_hears_it_too(void **state)
{
	struct world *w = *state;
	place_before_a_clear(w);
	struct replica_ask *lost = below_ask(&w->phone);
	(void)exchange_answer(w->laptop.f, w->phone.device, lost->body.ptr);
	job_free(&lost->job);
	act(w->home, OP_CLEAR, COLLECTION_PROGRESS, "");
	below_exchange(&w->laptop);
	pull_alone(&w->phone);
	everybody(w);
	assert_null(fixture_view(w->phone.f, COLLECTION_PROGRESS, "anime-1"));
}

/* The laptop's clock is an hour ahead: its delete looks later than the place, until the home server says when
 * it was. */
static void what_a_delete_took_too_early_comes_back(void **state)
{
	struct world *w = *state;
	w->laptop.f->now.wall_ms += HOUR_MS;
	act(w->laptop.f, OP_DELETE, COLLECTION_PROGRESS, "anime-1");
	pass(w, 60000);
	watch(w->home, 555);
	pull_alone(&w->laptop);
	assert_null(fixture_view(w->laptop.f, COLLECTION_PROGRESS, "anime-1"));
	everybody(w);
	assert_true(shows(w->laptop.f, COLLECTION_PROGRESS, "anime-1", "555"));
}

/* The laptop was a server of its own, and has erased what it cannot give. */
static void what_a_link_cannot_give_is_dropped_below(void **state)
{
	struct world *w = *state;
	w->laptop.f->now.wall_ms += HOUR_MS;
	watch(w->phone.f, 444);
	pass(w, 1000);
	below_exchange(&w->phone);
	act(w->laptop.f, OP_CLEAR, COLLECTION_PROGRESS, "");
	while (checked_slices(w->laptop.f, 100))
		;
	below_exchange(&w->phone);
	below_link(&w->laptop);
	below_exchange(&w->laptop);
	below_rekey(&w->phone);
	everybody(w);
	assert_null(fixture_view(w->phone.f, COLLECTION_PROGRESS, "anime-1"));
}

/* Nothing was stamped here: all came from a device, with its age. */
static void a_server_that_starts_is_not_before_what_it_showed(void **state)
{
	struct world *w = *state;
	(void)exchange_answer(w->home, test_device(40),
		"{\"ops\":[{\"n\":1,\"collection\":\"watchlist\",\"key\":\"a\",\"age\":1000,\"set\":{"
		"\"notes\":"
		"\"first\"}}]}");
	w->home->now.wall_ms -= YEAR_MS;
	fixture_restart(w->home);
	pass(w, 5000);
	(void)exchange_answer(w->home, test_device(41),
		"{\"ops\":[{\"n\":1,\"collection\":\"watchlist\",\"key\":\"a\",\"age\":1000,\"set\":{"
		"\"notes\":"
		"\"second\"}}]}");
	assert_true(shows(w->home, COLLECTION_WATCHLIST, "a", "\"second\""));
}

/* It looks at its clock when it starts, and has written nothing since. */
static void a_clock_found_behind_runs_on_without_a_write(void **state)
{
	struct world *w = *state;
	(void)exchange_answer(w->home, test_device(40),
		"{\"ops\":[{\"n\":1,\"collection\":\"watchlist\",\"key\":\"a\",\"set\":{\"notes\":\"first\"}}"
		"]}");
	w->home->now.wall_ms -= YEAR_MS;
	fixture_restart(w->home);
	(void)checked_slices(w->home, 1);
	pass(w, HOUR_MS);
	(void)exchange_answer(w->home, test_device(41),
		"{\"ops\":[{\"n\":1,\"collection\":\"watchlist\",\"key\":\"a\",\"age\":60000,\"set\":{"
		"\"notes\":"
		"\"second\"}}]}");
	assert_true(shows(w->home, COLLECTION_WATCHLIST, "a", "\"second\""));
}

/* The laptop's clock is a year behind until it hears the home server; then it starts anew. */
static void what_waits_moves_along_with_the_clock(void **state)
{
	struct world *w = *state;
	w->home->now.wall_ms += YEAR_MS;
	below_link(&w->laptop);
	set(w->home, "a", "watching");
	pass(w, 60000);
	set(w->laptop.f, "a", "completed");
	pull_alone(&w->laptop);
	fixture_restart(w->laptop.f);
	below_exchange(&w->laptop);
	assert_true(shows(w->home, COLLECTION_WATCHLIST, "a", "\"completed\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(pushing_alone_moves_no_cursor, setup_linked, teardown),
		cmocka_unit_test_setup_teardown(
			a_stub_that_a_clear_left_can_be_taken, setup_linked, teardown),
		cmocka_unit_test_setup_teardown(what_lives_again_tells_since_when, setup_linked, teardown),
		cmocka_unit_test_setup_teardown(titles_of_a_voided_op_travel_up, setup_linked, teardown),
		cmocka_unit_test_setup_teardown(
			a_clear_erases_what_its_own_push_wrote, setup_linked, teardown),
		cmocka_unit_test_setup_teardown(what_was_erased_too_early_comes_back, setup_linked, teardown),
		cmocka_unit_test_setup_teardown(
			those_below_hear_what_was_moved_into_the_void, setup_linked, teardown),
		cmocka_unit_test_setup_teardown(
			what_a_delete_took_too_early_comes_back, setup_linked, teardown),
		cmocka_unit_test_setup_teardown(a_repeated_op_hears_it_too, setup_linked, teardown),
		cmocka_unit_test_setup_teardown(what_a_link_cannot_give_is_dropped_below, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_server_that_starts_is_not_before_what_it_showed, setup_linked, teardown),
		cmocka_unit_test_setup_teardown(
			a_clock_found_behind_runs_on_without_a_write, setup_linked, teardown),
		cmocka_unit_test_setup_teardown(what_waits_moves_along_with_the_clock, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
