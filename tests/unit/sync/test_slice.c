/* Work in slices: clears, deleted accounts and age, across restarts, and never what holds something. */
#include <stdio.h>
#include <string.h>

#include "sync/sqlite.h"
#include "tests/unit/sync/support.h"

static const int64_t DAY_MS = 86400000;

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

static sqlite3 *look(struct fixture *f)
{
	char path[128];
	sqlite3 *db = NULL;
	(void)snprintf(path, sizeof path, "%s/tsuzuki.db", f->dir);
	assert_int_equal(sqlite_open(path, 1, &db), ERR_OK);
	return db;
}

static int64_t count(sqlite3 *db, const char *sql, uint64_t user)
{
	sqlite3_stmt *stmt = NULL;
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)user);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	int64_t value = sqlite3_column_int64(stmt, 0);
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	return value;
}

static int run_slices(struct fixture *f)
{
	int slices = 0;
	while (store_slice(f->store, f->now))
		assert_true(++slices < 1000);
	return slices;
}

static struct op titled(struct fixture *f, int number, double time)
{
	static char key[16];
	struct op op = test_progress(f, EVENT_MANUAL, "", 1, time);
	(void)snprintf(key, sizeof key, "k%d", number);
	op.key = str_from(key);
	op.present |= 1u << REG_TITLE;
	op.values[REG_TITLE].f[0].s = STR("Title");
	return op;
}

static void fill(struct fixture *f, int items)
{
	for (int i = 0; i < items; i++) {
		struct op op = titled(f, i, 5);
		(void)fixture_op(f, &op);
		fixture_pass(f, 10);
	}
}

static void clear(struct fixture *f, enum collection collection)
{
	struct op op = op_make(OP_CLEAR, collection, STR(""), f->device);
	fixture_pass(f, 1000);
	assert_int_equal(fixture_op(f, &op)->outcome, OUTCOME_APPLIED);
	fixture_pass(f, 1000);
}

static void a_long_clear_goes_on_after_a_restart(void **state)
{
	struct fixture *f = *state;
	fill(f, 450);
	clear(f, COLLECTION_PROGRESS);
	/* Done since: it must outlive every slice. */
	struct op later = titled(f, 7, 60);
	(void)fixture_op(f, &later);
	struct op fresh = titled(f, 9999, 61);
	(void)fixture_op(f, &fresh);
	assert_true(store_slice(f->store, f->now));
	assert_true(store_slice(f->store, f->now));
	sqlite3 *db = look(f);
	int64_t half = count(db, "SELECT count(*) FROM progress WHERE user = ? AND time <> 0", f->user);
	assert_in_range(half, 3, 449);
	sqlite_close(db);
	fixture_restart(f);
	db = look(f);
	assert_true(run_slices(f) >= 1);
	assert_int_equal(count(db, "SELECT count(*) FROM progress WHERE user = ? AND time <> 0", f->user), 2);
	/* Keys, stamps and titles stay for ever; values and the journal before the barrier do not. */
	assert_int_equal(
		count(db, "SELECT count(*) FROM progress WHERE user = ? AND title = 'Title'", f->user), 451);
	assert_int_equal(count(db, "SELECT count(*) FROM progress WHERE user = ? AND position_stamp NOT NULL",
				 f->user),
		451);
	assert_int_equal(count(db, "SELECT count(*) FROM journal WHERE user = ? AND kind <> 2", f->user), 2);
	assert_int_equal(count(db, "SELECT purge FROM account WHERE user = ?", f->user), 0);
	assert_non_null(strstr(fixture_view(f, COLLECTION_PROGRESS, "k7"), "\"currentTime\":60,"));
	assert_non_null(fixture_view(f, COLLECTION_PROGRESS, "k9999"));
	assert_null(fixture_view(f, COLLECTION_PROGRESS, "k8"));
	sqlite_close(db);
}

static void a_clear_of_one_collection_leaves_the_other(void **state)
{
	struct fixture *f = *state;
	struct op listed = test_watchlist(f, "k1", "watching");
	(void)fixture_op(f, &listed);
	fill(f, 3);
	clear(f, COLLECTION_PROGRESS);
	(void)run_slices(f);
	assert_non_null(strstr(fixture_view(f, COLLECTION_WATCHLIST, "k1"), "watching"));
	clear(f, COLLECTION_WATCHLIST);
	struct watchlist_stats stats;
	assert_int_equal(query_watchlist_stats(f->reader, f->user, &stats), ERR_OK);
	assert_int_equal(stats.total, 0);
	(void)run_slices(f);
	assert_null(fixture_view(f, COLLECTION_WATCHLIST, "k1"));
}

static void two_clears_at_once_are_both_done(void **state)
{
	struct fixture *f = *state;
	struct op listed = test_watchlist(f, "k1", "watching");
	(void)fixture_op(f, &listed);
	fill(f, 3);
	clear(f, COLLECTION_PROGRESS);
	clear(f, COLLECTION_WATCHLIST);
	(void)run_slices(f);
	sqlite3 *db = look(f);
	assert_int_equal(count(db, "SELECT count(*) FROM progress WHERE user = ? AND time <> 0", f->user), 0);
	assert_int_equal(
		count(db, "SELECT count(*) FROM watchlist WHERE user = ? AND status = 'watching'", f->user),
		0);
	sqlite_close(db);
}

static void a_running_tick_and_its_sessions_are_cleared_too(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 3; i++) {
		struct op op = test_progress(f, EVENT_HEARTBEAT, "s", 1, 100 + i);
		(void)fixture_op(f, &op);
		fixture_pass(f, 1000);
	}
	struct op other = test_progress(f, EVENT_HEARTBEAT, "t", 1, 20);
	other.device = test_device(2);
	assert_int_equal(fixture_op(f, &other)->outcome, OUTCOME_CANDIDATE);
	clear(f, COLLECTION_PROGRESS);
	(void)run_slices(f);
	sqlite3 *db = look(f);
	assert_int_equal(
		count(db, "SELECT count(*) FROM progress WHERE user = ? AND running <> 0", f->user), 0);
	assert_int_equal(count(db, "SELECT count(*) FROM playback WHERE user = ?", f->user), 0);
	assert_int_equal(count(db, "SELECT count(*) FROM progress WHERE user = ? AND time <> 0", f->user), 0);
	sqlite_close(db);
}

/* Every table that says whose a row is, found by asking the database: a new one cannot be forgotten. */
static int64_t rows_of(sqlite3 *db, uint64_t user)
{
	sqlite3_stmt *tables = NULL;
	int64_t rows = 0;
	int seen = 0;
	assert_int_equal(sqlite3_prepare_v2(db,
				 "SELECT m.name FROM sqlite_schema m, pragma_table_info(m.name) c"
				 " WHERE m.type = 'table' AND c.name = 'user'",
				 -1, &tables, NULL),
		SQLITE_OK);
	while (sqlite3_step(tables) == SQLITE_ROW) {
		char sql[128];
		(void)snprintf(sql, sizeof sql, "SELECT count(*) FROM %s WHERE user = ?",
			(const char *)sqlite3_column_text(tables, 0));
		rows += count(db, sql, user);
		seen++;
	}
	assert_int_equal(sqlite3_finalize(tables), SQLITE_OK);
	assert_true(seen >= 10);
	return rows;
}

static void a_deleted_account_leaves_no_row_and_takes_no_others(void **state)
{
	struct fixture *f = *state;
	uint64_t first = f->user;
	uint64_t second = fixture_register(f, "second");
	fill(f, 250);
	struct op listed = test_watchlist(f, "w", "watching");
	(void)fixture_op(f, &listed);
	struct op candidate = test_progress(f, EVENT_HEARTBEAT, "t", 1, 1);
	candidate.key = STR("k1");
	candidate.device = test_device(2);
	(void)fixture_op(f, &candidate);
	struct mail_owe *owe = mail_owe_make(first);
	owe->per_hour = 3;
	owe->most = 10;
	fixture_run(f, &owe->job);
	job_free(&owe->job);
	f->user = second;
	fill(f, 3);
	sqlite3 *db = look(f);
	int64_t others = rows_of(db, second);
	assert_true(rows_of(db, first) > 500);
	struct account_delete *d = account_delete_make(first);
	fixture_run(f, &d->job);
	assert_int_equal(d->outcome, ACCOUNT_OK);
	job_free(&d->job);
	/* Gone for every reader at once, whatever the slices have still to do. */
	f->user = first;
	uint64_t found = 0;
	struct buf b = buf_make(4096);
	int64_t shown = 0;
	assert_int_equal(query_progress(f->reader, first, "x", 20, &b, &shown), ERR_NOT_FOUND);
	assert_int_equal(query_email(f->reader, STR("tester@example.com"), &found), ERR_NOT_FOUND);
	buf_free(&b);
	assert_true(store_slice(f->store, f->now));
	assert_true(rows_of(db, first) > 0);
	/* A start gives the log a file of its own: whoever looks, looks anew. */
	sqlite_close(db);
	fixture_restart(f);
	db = look(f);
	(void)run_slices(f);
	assert_int_equal(rows_of(db, first), 0);
	assert_int_equal(rows_of(db, second), others);
	sqlite_close(db);
}

static void age_removes_what_holds_nothing(void **state)
{
	struct fixture *f = *state;
	sqlite3 *db = look(f);
	for (int i = 0; i < 3; i++) {
		struct op op = titled(f, 1, 10 * i);
		(void)fixture_op(f, &op);
		fixture_pass(f, 1000);
	}
	struct op lone = titled(f, 2, 77);
	(void)fixture_op(f, &lone);
	assert_false(store_slice(f->store, f->now)); /* nothing is old: a sweep comes in an hour */
	assert_int_equal(count_text(fixture_history(f, COLLECTION_PROGRESS, "k1"), "\"seq\":"), 3);
	fixture_pass(f, 89 * DAY_MS);
	(void)run_slices(f);
	assert_int_equal(count_text(fixture_history(f, COLLECTION_PROGRESS, "k1"), "\"seq\":"), 3);
	fixture_pass(f, 2 * DAY_MS);
	(void)run_slices(f);
	/* The first holds title and opened, the last the position; the one between held nothing. */
	const char *left = fixture_history(f, COLLECTION_PROGRESS, "k1");
	assert_int_equal(count_text(left, "\"seq\":"), 2);
	assert_null(strstr(left, "\"currentTime\":10,"));
	assert_int_equal(count_text(fixture_history(f, COLLECTION_PROGRESS, "k2"), "\"seq\":"), 1);
	assert_int_equal(count(db, "SELECT rows FROM progress WHERE user = ? AND key = 'k1'", f->user), 2);
	sqlite_close(db);
}

static void age_never_removes_the_newest_row_of_a_user(void **state)
{
	struct fixture *f = *state;
	struct op op = titled(f, 1, 600);
	(void)fixture_op(f, &op);
	fixture_pass(f, 1000);
	op = titled(f, 1, 5);
	op.age_ms = 1500; /* loses, so it holds nothing; but its seq is the user's highest */
	assert_int_equal(fixture_op(f, &op)->outcome, OUTCOME_SUPERSEDED);
	(void)store_slice(f->store, f->now);
	fixture_pass(f, 200 * DAY_MS);
	(void)run_slices(f);
	assert_int_equal(count_text(fixture_history(f, COLLECTION_PROGRESS, "k1"), "\"seq\":"), 2);
	/* Once another row is the newest, it goes like any other. */
	struct op other = titled(f, 2, 1);
	(void)fixture_op(f, &other);
	fixture_pass(f, DAY_MS);
	(void)run_slices(f);
	assert_int_equal(count_text(fixture_history(f, COLLECTION_PROGRESS, "k1"), "\"seq\":"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_long_clear_goes_on_after_a_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(a_clear_of_one_collection_leaves_the_other, setup, teardown),
		cmocka_unit_test_setup_teardown(two_clears_at_once_are_both_done, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_running_tick_and_its_sessions_are_cleared_too, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_deleted_account_leaves_no_row_and_takes_no_others, setup, teardown),
		cmocka_unit_test_setup_teardown(age_removes_what_holds_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(age_never_removes_the_newest_row_of_a_user, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
