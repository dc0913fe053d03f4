/* Ops through the store: what is written, shown, journalled and counted (sync-protocol.md sections 2-5). */
#include <stdio.h>
#include <string.h>

#include "tests/unit/sync/support.h"

static int setup(void **state)
{
	*state = fixture_open();
	return 0;
}

static int teardown(void **state)
{
	fixture_close(*state);
	return 0;
}

static void shows(struct fixture *f, const char *text)
{
	const char *view = fixture_view(f, COLLECTION_PROGRESS, "anime-1");
	assert_non_null(view);
	if (!strstr(view, text))
		fail_msg("%s is not in %s", text, view);
}

static void opening_never_overwrites_a_place(void **state)
{
	struct fixture *f = *state;
	struct op op = test_progress(f, EVENT_MANUAL, "", 12, 700);
	assert_int_equal(fixture_op(f, &op)->outcome, OUTCOME_APPLIED);
	fixture_pass(f, 1000);
	op = test_progress(f, EVENT_OPEN, "", 13, 0);
	assert_int_equal(fixture_op(f, &op)->outcome, OUTCOME_APPLIED);
	shows(f, "\"currentEpisode\":13,\"currentTime\":0,\"duration\":0");
	fixture_pass(f, 1000);
	op = test_progress(f, EVENT_OPEN, "", 12, 0);
	(void)fixture_op(f, &op);
	shows(f, "\"currentEpisode\":12,\"currentTime\":700,\"duration\":1440");
}

static void ticks_of_one_session_rewrite_one_row(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 100; i++) {
		struct op op = test_progress(f, EVENT_HEARTBEAT, "s", 1, i);
		assert_int_equal(fixture_op(f, &op)->outcome, OUTCOME_APPLIED);
		fixture_pass(f, 1000);
	}
	shows(f, "\"currentTime\":99");
	/* The first tick opened the episode too; all others share a second row. */
	const char *history = fixture_history(f, COLLECTION_PROGRESS, "anime-1");
	assert_int_equal(count_text(history, "\"seq\":"), 2);
	assert_int_equal(count_text(history, "\"current\":true"), 2);
}

static void a_paused_player_does_not_take_the_place(void **state)
{
	struct fixture *f = *state;
	struct op tv = test_progress(f, EVENT_HEARTBEAT, "tv", 1, 600);
	(void)fixture_op(f, &tv);
	fixture_pass(f, 60000);
	struct op phone = test_progress(f, EVENT_HEARTBEAT, "phone", 1, 900);
	phone.device = test_device(2);
	assert_int_equal(fixture_op(f, &phone)->outcome, OUTCOME_APPLIED);
	fixture_pass(f, 20 * 60000);
	struct op_result *result = fixture_op(f, &tv);
	assert_int_equal(result->outcome, OUTCOME_CANDIDATE);
	assert_int_equal(result->rule, RULE_PAUSED_PLAYER);
	shows(f, "\"currentTime\":900");
	assert_int_equal(
		count_text(fixture_history(f, COLLECTION_PROGRESS, "anime-1"), "\"outcome\":\"candidate\""),
		1);
	fixture_pass(f, 1000);
	(void)fixture_op(f, &tv);
	assert_int_equal(
		count_text(fixture_history(f, COLLECTION_PROGRESS, "anime-1"), "\"outcome\":\"candidate\""),
		1);
}

static void an_early_rewind_is_a_candidate_and_a_seek_is_meant(void **state)
{
	struct fixture *f = *state;
	struct op first = test_progress(f, EVENT_MANUAL, "", 1, 600);
	(void)fixture_op(f, &first);
	fixture_pass(f, 1000);
	struct op stale = test_progress(f, EVENT_HEARTBEAT, "b", 1, 100);
	stale.device = test_device(2);
	struct op_result *result = fixture_op(f, &stale);
	assert_int_equal(result->outcome, OUTCOME_CANDIDATE);
	assert_int_equal(result->rule, RULE_EARLY_REWIND);
	shows(f, "\"currentTime\":600");
	fixture_pass(f, 1000);
	stale.event = EVENT_SEEK;
	assert_int_equal(fixture_op(f, &stale)->outcome, OUTCOME_APPLIED);
	shows(f, "\"currentTime\":100");
}

static void a_delete_stays_deleted_unless_acted_upon_later(void **state)
{
	struct fixture *f = *state;
	struct op op = test_progress(f, EVENT_MANUAL, "", 1, 600);
	(void)fixture_op(f, &op);
	fixture_pass(f, 10000);
	struct op del = op_make(OP_DELETE, COLLECTION_PROGRESS, STR("anime-1"), f->device);
	del.need = NEED_PRESENT;
	assert_int_equal(fixture_op(f, &del)->refusal, REFUSED_NOT);
	assert_null(fixture_view(f, COLLECTION_PROGRESS, "anime-1"));
	fixture_pass(f, 1000);
	op.age_ms = 5000;
	struct op_result *late = fixture_op(f, &op);
	assert_int_equal(late->outcome, OUTCOME_SUPERSEDED);
	assert_int_equal(late->rule, RULE_DELETED_LATER);
	assert_false(late->shown);
	assert_null(fixture_view(f, COLLECTION_PROGRESS, "anime-1"));
	op.age_ms = -1;
	assert_true(fixture_op(f, &op)->shown);
	assert_int_equal(fixture_op(f, &del)->refusal, REFUSED_NOT);
	assert_int_equal(fixture_op(f, &del)->refusal, REFUSED_MISSING);
}

static void a_clear_hides_at_once_and_slices_erase(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 5; i++) {
		struct op op = test_progress(f, EVENT_HEARTBEAT, "s", 1, 10 * i);
		(void)fixture_op(f, &op);
		fixture_pass(f, 1000);
	}
	struct op clear = op_make(OP_CLEAR, COLLECTION_PROGRESS, STR(""), f->device);
	(void)fixture_op(f, &clear);
	assert_null(fixture_view(f, COLLECTION_PROGRESS, "anime-1"));
	assert_string_equal(fixture_history(f, COLLECTION_PROGRESS, "anime-1"), "[]");
	int slices = 0;
	while (store_slice(f->store, f->now))
		assert_true(++slices < 100);
	assert_null(fixture_view(f, COLLECTION_PROGRESS, "anime-1"));
	fixture_pass(f, 1000);
	struct op late = test_progress(f, EVENT_MANUAL, "", 1, 600);
	late.age_ms = 500;
	assert_true(fixture_op(f, &late)->shown);
	late.age_ms = 60000;
	assert_int_equal(fixture_op(f, &late)->outcome, OUTCOME_SUPERSEDED);
	shows(f, "\"currentTime\":600");
}

static void counts_follow_status_and_rating(void **state)
{
	struct fixture *f = *state;
	struct watchlist_stats stats;
	struct op op = test_watchlist(f, "a", "watching");
	op.values[REG_RATING].f[0] = (struct field){.i = 9};
	op.need = NEED_ABSENT;
	assert_int_equal(fixture_op(f, &op)->refusal, REFUSED_NOT);
	assert_int_equal(fixture_op(f, &op)->refusal, REFUSED_EXISTS);
	op = test_watchlist(f, "b", "completed");
	(void)fixture_op(f, &op);
	assert_int_equal(query_watchlist_stats(f->reader, f->user, &stats), ERR_OK);
	assert_int_equal(stats.total, 2);
	assert_int_equal(stats.statuses[1], 1);
	assert_int_equal(stats.rated, 1);
	assert_int_equal(stats.rating_sum, 9);
	struct op del = op_make(OP_DELETE, COLLECTION_WATCHLIST, STR("a"), f->device);
	(void)fixture_op(f, &del);
	assert_int_equal(query_watchlist_stats(f->reader, f->user, &stats), ERR_OK);
	assert_int_equal(stats.total, 1);
	assert_int_equal(stats.rated, 0);
	assert_int_equal(stats.rating_sum, 0);
}

static void writes_survive_a_restart_and_begin_an_epoch(void **state)
{
	struct fixture *f = *state;
	struct op op = test_progress(f, EVENT_HEARTBEAT, "s", 3, 60);
	(void)fixture_op(f, &op);
	fixture_restart(f);
	shows(f, "\"currentEpisode\":3,\"currentTime\":60");
	/* The wall clock went back an hour while the program was off: the stamp clock does not follow. */
	f->now.wall_ms -= 3600000;
	op = test_progress(f, EVENT_HEARTBEAT, "s", 3, 61);
	assert_int_equal(fixture_op(f, &op)->outcome, OUTCOME_APPLIED);
	shows(f, "\"currentTime\":61");
}

static void history_keeps_its_bound_and_what_holds(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 200; i++) {
		struct op op = test_progress(f, EVENT_MANUAL, "", 1, 2 * i);
		(void)fixture_op(f, &op);
		fixture_pass(f, 1000);
	}
	const char *history = fixture_history(f, COLLECTION_PROGRESS, "anime-1");
	assert_in_range(count_text(history, "\"seq\":"), 50, 60);
	assert_int_equal(count_text(history, "\"current\":true"), 2);
	struct op restore = op_make(OP_SET, COLLECTION_PROGRESS, STR("anime-1"), f->device);
	restore.restore_seq = 190;
	assert_true(fixture_op(f, &restore)->shown);
	shows(f, "\"currentTime\":378");
	restore.restore_seq = 3;
	assert_int_equal(fixture_op(f, &restore)->refusal, REFUSED_MISSING);
}

static void one_bad_job_does_not_block_another(void **state)
{
	struct fixture *f = *state;
	struct apply *good = apply_make(f->user, 1);
	struct apply *bad = apply_make(f->user + 1, 1);
	good->ops[0] = test_watchlist(f, "good", "watching");
	bad->ops[0] = test_watchlist(f, "bad", "watching");
	bad->job.next = &good->job;
	store_run(f->store, &bad->job, f->now);
	assert_int_equal(bad->job.err, ERR_NOT_FOUND);
	assert_int_equal(good->job.err, ERR_OK);
	assert_non_null(fixture_view(f, COLLECTION_WATCHLIST, "good"));
	job_free(&good->job);
	job_free(&bad->job);
}

/* Lists everything and says whether the keys k<from>, k<from - 1>, ... k<to> come in that order. */
static void lists_from_to(struct fixture *f, int from, int to)
{
	struct buf b = buf_make(1 << 20);
	int64_t count = 0;
	assert_int_equal(
		query_progress(f->reader, f->user, "507f1f77bcf86cd799439011", 100, &b, &count), ERR_OK);
	assert_int_equal(count, from - to + 1);
	const char *at = b.ptr;
	for (int i = from; i >= to; i--) {
		char key[24];
		(void)snprintf(key, sizeof key, "\"animeId\":\"k%d\"", i);
		at = strstr(at, key);
		if (!at)
			fail_msg("k%d is not where it should be", i);
	}
	buf_free(&b);
}

/* More than stand outside the indexes at a time, set by ticks and by plain writes. */
static void more_items_than_stand_outside_are_all_listed_newest_first(void **state)
{
	struct fixture *f = *state;
	static const enum event events[] = {EVENT_HEARTBEAT, EVENT_MANUAL, EVENT_PAUSE};
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 40; i++) {
			char key[8];
			(void)snprintf(key, sizeof key, "k%d", i);
			struct op op = test_progress(f, events[(i + round) % 3], "s", 1, 10 * round);
			op.key = str_from(key);
			assert_int_equal(fixture_op(f, &op)->outcome, OUTCOME_APPLIED);
			fixture_pass(f, 1000);
		}
		lists_from_to(f, 39, 0);
	}
}

/* One job that writes all of them: those it sends inside to make room are its own. */
static void one_job_moves_items_in_and_out_of_the_indexes(void **state)
{
	struct fixture *f = *state;
	for (int round = 0; round < 2; round++) {
		char keys[80][8];
		struct apply *a = apply_make(f->user, 80);
		assert_non_null(a);
		for (int i = 0; i < 80; i++) {
			(void)snprintf(keys[i], sizeof keys[i], "k%d", i);
			a->ops[i] = test_progress(
				f, i % 2 ? EVENT_MANUAL : EVENT_HEARTBEAT, "s", 1, 10 * round + i);
			a->ops[i].key = str_from(keys[i]);
			a->ops[i].age_ms = 1000 - i;
		}
		fixture_run(f, &a->job);
		job_free(&a->job);
		lists_from_to(f, 79, 0);
		fixture_pass(f, 5000);
	}
}

/* What the store remembers of rows is what the file holds: also after a transaction that was taken back. */
static void a_tick_that_was_taken_back_leaves_nothing_behind(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 3; i++) {
		struct op op = test_progress(f, EVENT_HEARTBEAT, "s", 1, 100 + i);
		assert_int_equal(fixture_op(f, &op)->outcome, OUTCOME_APPLIED);
		fixture_pass(f, 1000);
	}
	const char *before = fixture_history(f, COLLECTION_PROGRESS, "anime-1");
	struct apply *good = apply_make(f->user, 1);
	struct apply *bad = apply_make(f->user + 1, 1);
	good->ops[0] = test_progress(f, EVENT_HEARTBEAT, "s", 1, 500);
	bad->ops[0] = test_watchlist(f, "bad", "watching");
	good->job.next = &bad->job;
	store_run(f->store, &good->job, f->now);
	assert_int_equal(bad->job.err, ERR_NOT_FOUND);
	assert_int_equal(good->job.err, ERR_OK);
	shows(f, "\"currentTime\":500");
	/* It ran twice and was written once: one seq further, in the same row. */
	int64_t head = good->results[0].item.seq;
	job_free(&good->job);
	job_free(&bad->job);
	struct op op = test_progress(f, EVENT_HEARTBEAT, "s", 1, 501);
	fixture_pass(f, 1000);
	assert_int_equal(fixture_op(f, &op)->item.seq, head + 1);
	const char *after = fixture_history(f, COLLECTION_PROGRESS, "anime-1");
	assert_int_equal(count_text(after, "\"seq\":"), count_text(before, "\"seq\":"));
	fixture_restart(f);
	shows(f, "\"currentTime\":501");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(opening_never_overwrites_a_place, setup, teardown),
		cmocka_unit_test_setup_teardown(ticks_of_one_session_rewrite_one_row, setup, teardown),
		cmocka_unit_test_setup_teardown(a_paused_player_does_not_take_the_place, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_early_rewind_is_a_candidate_and_a_seek_is_meant, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_delete_stays_deleted_unless_acted_upon_later, setup, teardown),
		cmocka_unit_test_setup_teardown(a_clear_hides_at_once_and_slices_erase, setup, teardown),
		cmocka_unit_test_setup_teardown(counts_follow_status_and_rating, setup, teardown),
		cmocka_unit_test_setup_teardown(writes_survive_a_restart_and_begin_an_epoch, setup, teardown),
		cmocka_unit_test_setup_teardown(history_keeps_its_bound_and_what_holds, setup, teardown),
		cmocka_unit_test_setup_teardown(one_bad_job_does_not_block_another, setup, teardown),
		cmocka_unit_test_setup_teardown(
			more_items_than_stand_outside_are_all_listed_newest_first, setup, teardown),
		cmocka_unit_test_setup_teardown(
			one_job_moves_items_in_and_out_of_the_indexes, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_tick_that_was_taken_back_leaves_nothing_behind, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
