/* Databases of earlier schemas: migrated after a backup, they agree with themselves, and nothing is lost. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sqlite3.h>

#include "schema/schema.h"
#include "tests/unit/sync/checked.h"

static void copy_file(const char *from, const char *to)
{
	char bytes[4096];
	size_t len = 0;
	FILE *in = fopen(from, "rb");
	FILE *out = fopen(to, "wb");
	assert_non_null(in);
	assert_non_null(out);
	while ((len = fread(bytes, 1, sizeof bytes, in)) > 0)
		assert_int_equal(fwrite(bytes, 1, len, out), len);
	assert_int_equal(fclose(in), 0);
	assert_int_equal(fclose(out), 0);
}

static int64_t ask(const char *path, const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	int64_t value = sqlite3_column_int64(stmt, 0);
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return value;
}

/* The fixture's store, in place of its own, with a copy of an old database; f->user is that user. */
static void open_old(struct fixture *f, const char *name, const char *user)
{
	char from[512];
	char to[128];
	char sql[128];
	const char *source = getenv("TSUZUKI_SOURCE");
	assert_non_null(source);
	reader_close(f->reader);
	store_close(f->store);
	f->reader = NULL;
	f->store = NULL;
	(void)snprintf(from, sizeof from, "%s/tests/golden/%s", source, name);
	(void)snprintf(to, sizeof to, "%s/tsuzuki.db", f->dir);
	copy_file(from, to);
	(void)snprintf(sql, sizeof sql, "SELECT user FROM login WHERE name = 'n:%s'", user);
	f->user = (uint64_t)ask(to, sql);
	(void)snprintf(sql, sizeof sql,
		"INSERT INTO owed_mail VALUES (%lld, 4102444800000, 0, 1, 0) RETURNING 1",
		(long long)f->user);
	assert_int_equal(ask(to, sql), 1);
	f->now.wall_ms = (int64_t)2000000000 * 1000; /* later than whenever it was made */
	fixture_restart(f);
}

static void has(struct fixture *f, enum collection collection, const char *key, const char *what)
{
	const char *view = fixture_view(f, collection, key);
	if (!view || !strstr(view, what))
		fail_msg("%s: no %s in %s", key, what, view ? view : "nothing");
}

static void schema_1_is_brought_up_to_date(void **state)
{
	struct fixture *f = fixture_open();
	struct stat st;
	char path[160];
	(void)state;
	open_old(f, "schema-001.db", "golden_ann");
	(void)snprintf(path, sizeof path, "%s/backups/before-schema-%zu-from-1.db", f->dir, migration_count);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(ask(path, "PRAGMA user_version"), 1);
	int64_t rows = ask(path, "SELECT count(*) FROM journal");
	assert_int_equal(ask(path, "SELECT count(*) FROM owed_mail"), 0);
	(void)snprintf(path, sizeof path, "%s/tsuzuki.db", f->dir);
	assert_int_equal(ask(path, "PRAGMA user_version"), (int64_t)migration_count);
	assert_int_equal(ask(path, "SELECT count(*) FROM journal"), rows);
	assert_int_equal(ask(path, "SELECT count(*) FROM owed_mail"), 1);
	checked_agrees(f);

	has(f, COLLECTION_WATCHLIST, "anime-1",
		"\"status\":\"completed\",\"rating\":10,\"episodesWatched\":12");
	has(f, COLLECTION_WATCHLIST, "anime-2", "\"notes\":\"line one\\nline \\\"two\\\"\"");
	has(f, COLLECTION_WATCHLIST, "anime-3", "\"rating\":null");
	has(f, COLLECTION_WATCHLIST, "anime-6",
		"Title \xE2\x80\x9C"
		"6\xE2\x80\x9D");
	assert_null(fixture_view(f, COLLECTION_WATCHLIST, "anime-5"));
	has(f, COLLECTION_PROGRESS, "anime-1", "\"currentEpisode\":2,\"currentTime\":190,");
	has(f, COLLECTION_PROGRESS, "anime-2", "\"currentEpisode\":3,\"currentTime\":600,");
	has(f, COLLECTION_PROGRESS, "anime-3", "\"currentEpisode\":7,\"currentTime\":0,");
	assert_null(fixture_view(f, COLLECTION_PROGRESS, "anime-4"));
	assert_int_equal(
		count_text(fixture_history(f, COLLECTION_PROGRESS, "anime-2"), "\"outcome\":\"candidate\""),
		1);
	fixture_close(f);
}

static void it_goes_on_from_there(void **state)
{
	struct fixture *f = fixture_open();
	(void)state;
	open_old(f, "schema-001.db", "golden_bob");
	assert_null(fixture_view(f, COLLECTION_PROGRESS, "one-piece"));
	has(f, COLLECTION_PROGRESS, "naruto", "\"currentEpisode\":5,\"currentTime\":300,");
	/* The slices that it had before it erase what a clear and a deleted account left. */
	while (checked_slices(f, 1))
		checked_agrees(f);
	checked_agrees(f);
	assert_null(fixture_view(f, COLLECTION_PROGRESS, "one-piece"));
	has(f, COLLECTION_PROGRESS, "naruto", "\"currentEpisode\":5,\"currentTime\":300,");
	for (int i = 0; i < 5; i++) {
		struct op op = test_progress(f, EVENT_HEARTBEAT, "s", 6, 10 * i);
		op.key = STR("naruto");
		assert_int_equal(fixture_op(f, &op)->outcome, OUTCOME_APPLIED);
		fixture_pass(f, 1000);
	}
	has(f, COLLECTION_PROGRESS, "naruto", "\"currentEpisode\":6,\"currentTime\":40,");
	checked_agrees(f);
	fixture_close(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(schema_1_is_brought_up_to_date),
		cmocka_unit_test(it_goes_on_from_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
