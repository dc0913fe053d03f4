/* The journal: which ticks share a row and which do not, seqs, and what history says (sync-protocol.md
 * section 5). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/rows.h"
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

static const char *history(struct fixture *f)
{
	return fixture_history(f, COLLECTION_PROGRESS, "anime-1");
}

static size_t rows(struct fixture *f)
{
	return count_text(history(f), "\"seq\":");
}

static enum outcome tick(
	struct fixture *f, enum event event, const char *session, int64_t episode, double time)
{
	struct op op = test_progress(f, event, session, episode, time);
	fixture_pass(f, 1000);
	return fixture_op(f, &op)->outcome;
}

/* A session that is ticking: two rows, the second of which the next heartbeat rewrites. */
static void begin(struct fixture *f)
{
	assert_int_equal(tick(f, EVENT_HEARTBEAT, "s", 5, 100), OUTCOME_APPLIED);
	assert_int_equal(tick(f, EVENT_HEARTBEAT, "s", 5, 101), OUTCOME_APPLIED);
	assert_int_equal(tick(f, EVENT_HEARTBEAT, "s", 5, 102), OUTCOME_APPLIED);
	assert_int_equal(rows(f), 2);
}

static void a_heartbeat_that_goes_on_rewrites_its_row(void **state)
{
	struct fixture *f = *state;
	begin(f);
	(void)tick(f, EVENT_HEARTBEAT, "s", 5, 103);
	assert_int_equal(rows(f), 2);
	(void)tick(f, EVENT_HEARTBEAT, "s", 5, 103); /* standing still is not going back */
	assert_int_equal(rows(f), 2);
	(void)tick(f, EVENT_HEARTBEAT, "s", 5, 900); /* nor is leaping ahead */
	assert_int_equal(rows(f), 2);
}

/* Every condition negated by itself; the row that was left keeps its last place. */
static void anything_else_starts_a_new_row(void **state)
{
	struct fixture *f = *state;
	static const enum event others[] = {EVENT_PAUSE, EVENT_STOP, EVENT_SEEK, EVENT_MANUAL};
	begin(f);
	size_t before = rows(f);
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		(void)tick(f, others[i], "s", 5, 110 + (double)i);
		assert_int_equal(rows(f), ++before);
	}
	/* The row that holds the place is a manual one now: no heartbeat rewrites that. */
	(void)tick(f, EVENT_HEARTBEAT, "s", 5, 120);
	assert_int_equal(rows(f), ++before);
	(void)tick(f, EVENT_HEARTBEAT, "s", 5, 121);
	assert_int_equal(rows(f), before);
	/* It goes back. */
	(void)tick(f, EVENT_HEARTBEAT, "s", 5, 120.5);
	assert_int_equal(rows(f), ++before);
	assert_non_null(strstr(history(f), "\"currentTime\":121,"));
	/* Another episode. */
	(void)tick(f, EVENT_HEARTBEAT, "s", 6, 500);
	assert_int_equal(rows(f), ++before);
	assert_non_null(strstr(history(f), "\"currentTime\":120.5,"));
}

static void another_session_or_device_starts_a_new_row(void **state)
{
	struct fixture *f = *state;
	begin(f);
	assert_int_equal(tick(f, EVENT_HEARTBEAT, "t", 5, 200), OUTCOME_APPLIED);
	assert_int_equal(rows(f), 3);
	struct op op = test_progress(f, EVENT_HEARTBEAT, "t", 5, 300);
	op.device = test_device(2);
	fixture_pass(f, 1000);
	assert_int_equal(fixture_op(f, &op)->outcome, OUTCOME_APPLIED);
	assert_int_equal(rows(f), 4);
	assert_non_null(strstr(history(f), "\"currentTime\":102,"));
	assert_non_null(strstr(history(f), "\"currentTime\":200,"));
}

static void a_heartbeat_that_says_more_than_a_position_starts_a_new_row(void **state)
{
	struct fixture *f = *state;
	begin(f);
	struct op op = test_progress(f, EVENT_HEARTBEAT, "s", 5, 110);
	op.partial[REG_OPENED] = 1u << OPENED_TITLE;
	op.values[REG_OPENED].f[OPENED_TITLE].s = STR("Five");
	fixture_pass(f, 1000);
	(void)fixture_op(f, &op);
	assert_int_equal(rows(f), 3);
	/* And the one after it cannot rewrite that row, which holds more than a position. */
	(void)tick(f, EVENT_HEARTBEAT, "s", 5, 111);
	assert_int_equal(rows(f), 4);
	(void)tick(f, EVENT_HEARTBEAT, "s", 5, 112);
	assert_int_equal(rows(f), 4);
}

static void a_heartbeat_that_comes_late_starts_a_new_row(void **state)
{
	struct fixture *f = *state;
	begin(f);
	struct op op = test_progress(f, EVENT_HEARTBEAT, "s", 5, 150);
	op.age_ms = 60000;
	struct op_result *result = fixture_op(f, &op);
	assert_int_equal(result->outcome, OUTCOME_SUPERSEDED);
	assert_int_equal(rows(f), 3);
	assert_non_null(strstr(fixture_view(f, COLLECTION_PROGRESS, "anime-1"), "\"currentTime\":102,"));
	/* The running row runs on. */
	(void)tick(f, EVENT_HEARTBEAT, "s", 5, 103);
	assert_int_equal(rows(f), 3);
}

/* --- candidates --- */

static enum outcome paused(struct fixture *f, const char *session, int64_t episode, double time)
{
	struct op op = test_progress(f, EVENT_HEARTBEAT, session, episode, time);
	op.device = test_device(2);
	fixture_pass(f, 1000);
	return fixture_op(f, &op)->outcome;
}

static size_t candidates(struct fixture *f)
{
	return count_text(history(f), "\"outcome\":\"candidate\"");
}

/* A place at 5, 1000, and a second device whose first tick was an early rewind to 5, 100. */
static void begin_candidate(struct fixture *f)
{
	assert_int_equal(tick(f, EVENT_MANUAL, "", 5, 1000), OUTCOME_APPLIED);
	assert_int_equal(paused(f, "p", 5, 100), OUTCOME_CANDIDATE);
	assert_int_equal(candidates(f), 1);
}

static void candidates_coalesce_while_they_go_on(void **state)
{
	struct fixture *f = *state;
	begin_candidate(f);
	for (int i = 1; i < 20; i++)
		assert_int_equal(paused(f, "p", 5, 100 + 2 * i), OUTCOME_CANDIDATE);
	assert_int_equal(candidates(f), 1);
	assert_non_null(strstr(history(f), "\"currentTime\":138,"));
	assert_null(strstr(history(f), "\"currentTime\":100,"));
	assert_int_equal(paused(f, "p", 5, 137), OUTCOME_CANDIDATE); /* it goes back */
	assert_int_equal(candidates(f), 2);
	assert_int_equal(paused(f, "p", 5, 140), OUTCOME_CANDIDATE);
	assert_int_equal(candidates(f), 2);
	assert_int_equal(paused(f, "q", 5, 141), OUTCOME_CANDIDATE); /* another session */
	assert_int_equal(candidates(f), 3);
	/* Many rows, one position: that of none of them. */
	assert_non_null(strstr(fixture_view(f, COLLECTION_PROGRESS, "anime-1"), "\"currentTime\":1000,"));
}

static void a_candidate_that_says_more_starts_a_new_row(void **state)
{
	struct fixture *f = *state;
	begin_candidate(f);
	struct op op = test_progress(f, EVENT_HEARTBEAT, "p", 5, 103);
	op.device = test_device(2);
	op.partial[REG_OPENED] = 1u << OPENED_SERVER;
	op.values[REG_OPENED].f[OPENED_SERVER].s = STR("hd-9");
	fixture_pass(f, 1000);
	assert_int_equal(fixture_op(f, &op)->outcome, OUTCOME_CANDIDATE);
	assert_int_equal(candidates(f), 2);
	assert_int_equal(paused(f, "p", 5, 106), OUTCOME_CANDIDATE);
	assert_int_equal(candidates(f), 3);
	/* A candidate is journalled, not written: what was opened stayed too. */
	assert_null(strstr(fixture_view(f, COLLECTION_PROGRESS, "anime-1"), "hd-9"));
}

static void a_late_candidate_starts_a_new_row(void **state)
{
	struct fixture *f = *state;
	begin_candidate(f);
	assert_int_equal(paused(f, "p", 5, 103), OUTCOME_CANDIDATE);
	assert_int_equal(candidates(f), 1);
	struct op op = test_progress(f, EVENT_HEARTBEAT, "p", 5, 104);
	op.device = test_device(2);
	op.age_ms = 500; /* between the last tick and now, but later than the place */
	fixture_pass(f, 400);
	assert_int_equal(fixture_op(f, &op)->outcome, OUTCOME_CANDIDATE);
	assert_int_equal(candidates(f), 2);
}

/* --- seq --- */

static int64_t number_after(const char *in, const char *what)
{
	const char *at = strstr(in, what);
	assert_non_null(at);
	return strtoll(at + strlen(what), NULL, 10);
}

static void seqs_rise_and_a_rows_own_stays(void **state)
{
	struct fixture *f = *state;
	struct account a;
	struct statements s;
	sqlite3 *db = NULL;
	char path[128];
	begin(f);
	(void)snprintf(path, sizeof path, "%s/tsuzuki.db", f->dir);
	assert_int_equal(sqlite_open(path, 1, &db), ERR_OK);
	stmt_open(&s, db);
	assert_int_equal(account_load(&s, f->user, &a), ERR_OK);
	int64_t shown = number_after(history(f), "\"seq\":");
	int64_t head = a.head;
	int64_t row = a.head_row;
	for (int i = 0; i < 5; i++) {
		(void)tick(f, EVENT_HEARTBEAT, "s", 5, 110 + i);
		assert_int_equal(account_load(&s, f->user, &a), ERR_OK);
		assert_int_equal(a.head, ++head);  /* a new seq for every op */
		assert_int_equal(a.head_row, row); /* in the same row */
		assert_int_equal(number_after(history(f), "\"seq\":"), shown);
	}
	/* The order is that of the present seq: a candidate in between stands below once the row ran on. */
	assert_int_equal(paused(f, "p", 5, 20), OUTCOME_CANDIDATE);
	assert_non_null(strstr(history(f), "\"outcome\":\"candidate\""));
	assert_int_not_equal(number_after(history(f), "\"seq\":"), shown);
	(void)tick(f, EVENT_HEARTBEAT, "s", 5, 130);
	assert_int_equal(number_after(history(f), "\"seq\":"), shown);
	stmt_close(&s);
	sqlite_close(db);
}

static void refused_ops_leave_no_trace(void **state)
{
	struct fixture *f = *state;
	struct op op = test_watchlist(f, "a", "watching");
	op.need = NEED_PRESENT;
	assert_int_equal(fixture_op(f, &op)->refusal, REFUSED_MISSING);
	assert_string_equal(fixture_history(f, COLLECTION_WATCHLIST, "a"), "[]");
	op.need = NEED_NOTHING;
	(void)fixture_op(f, &op);
	assert_int_equal(number_after(fixture_history(f, COLLECTION_WATCHLIST, "a"), "\"seq\":"), 1);
}

/* --- what history says --- */

static void a_row_says_who_when_and_what(void **state)
{
	struct fixture *f = *state;
	struct op op = test_progress(f, EVENT_SEEK, "c1f0", 13, 720.5);
	op.age_ms = 1500;
	(void)fixture_op(f, &op);
	assert_string_equal(history(f),
		"[{\"seq\":1,\"at\":\"2026-02-13T16:26:38.500Z\",\"received\":\"2026-02-13T16:26:40.000Z\","
		"\"stamp\":\"019c57d368240000-d000000000000001\",\"device\":{\"id\":\"d000000000000001\","
		"\"name\":\"Kitchen\"},"
		"\"event\":\"seek\",\"session\":\"c1f0\",\"outcome\":\"applied\",\"rule\":\"newest\","
		"\"current\":true,"
		"\"registers\":{\"position\":{\"currentEpisode\":13,\"currentTime\":720.5,\"duration\":1440},"
		"\"opened\":{\"currentEpisode\":13,\"episodeTitle\":\"\",\"episodeId\":\"\",\"dub\":\"no\","
		"\"server\":\"\"}}}]");
}

static void a_delete_says_so_and_ends_what_was_current(void **state)
{
	struct fixture *f = *state;
	(void)tick(f, EVENT_MANUAL, "", 1, 60);
	assert_int_equal(count_text(history(f), "\"current\":true"), 1);
	fixture_pass(f, 1000);
	struct op del = op_make(OP_DELETE, COLLECTION_PROGRESS, STR("anime-1"), f->device);
	assert_int_equal(fixture_op(f, &del)->outcome, OUTCOME_APPLIED);
	const char *now = history(f);
	assert_int_equal(count_text(now, "\"delete\":true"), 1);
	assert_int_equal(count_text(now, "\"registers\""), 1);
	assert_int_equal(count_text(now, "\"event\":null"), 1);
	assert_int_equal(count_text(now, "\"current\":true"), 1); /* the delete */
	/* A delete can be undone, and is then no more than what once happened. */
	struct op restore = op_make(OP_SET, COLLECTION_PROGRESS, STR("anime-1"), f->device);
	restore.restore_seq = 1;
	fixture_pass(f, 1000);
	assert_true(fixture_op(f, &restore)->shown);
	assert_non_null(strstr(fixture_view(f, COLLECTION_PROGRESS, "anime-1"), "\"currentTime\":60,"));
	restore.restore_seq = 2; /* the delete itself cannot be set */
	assert_int_equal(fixture_op(f, &restore)->refusal, REFUSED_MISSING);
}

static void rules_name_why(void **state)
{
	struct fixture *f = *state;
	(void)tick(f, EVENT_MANUAL, "", 1, 60);
	struct op op = test_progress(f, EVENT_MANUAL, "", 1, 30);
	op.age_ms = 500;
	assert_int_equal(fixture_op(f, &op)->rule, RULE_LATER_STAMP);
	fixture_pass(f, 10000);
	struct op del = op_make(OP_DELETE, COLLECTION_PROGRESS, STR("anime-1"), f->device);
	(void)fixture_op(f, &del);
	fixture_pass(f, 1000);
	op.age_ms = 5000;
	assert_int_equal(fixture_op(f, &op)->rule, RULE_DELETED_LATER);
	fixture_pass(f, 10000);
	struct op clear = op_make(OP_CLEAR, COLLECTION_PROGRESS, STR(""), f->device);
	(void)fixture_op(f, &clear);
	fixture_pass(f, 1000);
	assert_int_equal(fixture_op(f, &op)->rule, RULE_CLEARED_LATER);
	/* Of all that, nothing is told after the clear. */
	assert_string_equal(history(f), "[]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_heartbeat_that_goes_on_rewrites_its_row, setup, teardown),
		cmocka_unit_test_setup_teardown(anything_else_starts_a_new_row, setup, teardown),
		cmocka_unit_test_setup_teardown(another_session_or_device_starts_a_new_row, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_heartbeat_that_says_more_than_a_position_starts_a_new_row, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_heartbeat_that_comes_late_starts_a_new_row, setup, teardown),
		cmocka_unit_test_setup_teardown(candidates_coalesce_while_they_go_on, setup, teardown),
		cmocka_unit_test_setup_teardown(a_candidate_that_says_more_starts_a_new_row, setup, teardown),
		cmocka_unit_test_setup_teardown(a_late_candidate_starts_a_new_row, setup, teardown),
		cmocka_unit_test_setup_teardown(seqs_rise_and_a_rows_own_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(refused_ops_leave_no_trace, setup, teardown),
		cmocka_unit_test_setup_teardown(a_row_says_who_when_and_what, setup, teardown),
		cmocka_unit_test_setup_teardown(a_delete_says_so_and_ends_what_was_current, setup, teardown),
		cmocka_unit_test_setup_teardown(rules_name_why, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
