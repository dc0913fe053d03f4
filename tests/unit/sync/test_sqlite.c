/* Connections: what SQLite's codes mean, and the pragmas that durability rests on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "sync/base/check.h"
#include "sync/sqlite.h"

static char folder[64];
static char path[128];

static int setup(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof folder, "/tmp/tsuzuki-sqlite-XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof path, "%s/test.db", folder);
	return 0;
}

static int teardown(void **state)
{
	char command[128];
	(void)state;
	(void)snprintf(command, sizeof command, "rm -rf -- %s", folder);
	return system(command);
}

static int64_t pragma(sqlite3 *db, const char *name)
{
	char sql[64];
	sqlite3_stmt *stmt = NULL;
	(void)snprintf(sql, sizeof sql, "PRAGMA %s", name);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	int64_t value = sqlite3_column_int64(stmt, 0);
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	return value;
}

static off_t size_of(const char *suffix)
{
	char name[160];
	struct stat st;
	(void)snprintf(name, sizeof name, "%s%s", path, suffix);
	return stat(name, &st) == 0 ? st.st_size : -1;
}

static void codes_are_folded(void **state)
{
	static const struct {
		int code;
		enum err err;
	} some[] = {
		{SQLITE_OK, ERR_OK},
		{SQLITE_ROW, ERR_OK},
		{SQLITE_DONE, ERR_OK},
		{SQLITE_NOMEM, ERR_NOMEM},
		{SQLITE_IOERR_NOMEM, ERR_IO},
		{SQLITE_FULL, ERR_DISK_FULL},
		{SQLITE_BUSY, ERR_BUSY},
		{SQLITE_BUSY_SNAPSHOT, ERR_BUSY},
		{SQLITE_LOCKED, ERR_BUSY},
		{SQLITE_NOTADB, ERR_FOREIGN},
		{SQLITE_CORRUPT, ERR_CORRUPT},
		{SQLITE_CORRUPT_INDEX, ERR_CORRUPT},
		{SQLITE_CONSTRAINT_PRIMARYKEY, ERR_CONFLICT},
		{SQLITE_TOOBIG, ERR_INVALID},
		{SQLITE_MISUSE, ERR_INVALID},
		{SQLITE_RANGE, ERR_INVALID},
		{SQLITE_IOERR_FSYNC, ERR_IO},
		{SQLITE_CANTOPEN, ERR_IO},
		{SQLITE_READONLY, ERR_IO},
		{SQLITE_ERROR, ERR_IO},
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(some); i++)
		if (sqlite_err(some[i].code) != some[i].err)
			fail_msg("%d means %d", some[i].code, sqlite_err(some[i].code));
}

static void a_writer_is_durable_and_never_checkpoints_by_itself(void **state)
{
	sqlite3 *db = NULL;
	(void)state;
	assert_int_equal(sqlite_open(path, 0, &db), ERR_OK);
	/* Opening touches nothing: a foreign file stays byte for byte what it was. */
	assert_int_equal(size_of(""), -1 + 1);
	assert_int_equal(size_of("-wal"), -1);
	assert_int_equal(sqlite_setup(db, 0), ERR_OK);
	assert_int_equal(pragma(db, "synchronous"), 2);
	assert_int_equal(pragma(db, "wal_autocheckpoint"), 0);
	assert_int_equal(pragma(db, "cell_size_check"), 1);
	assert_int_equal(pragma(db, "trusted_schema"), 0);
	assert_int_equal(
		sqlite_exec(db, "CREATE TABLE t (x); INSERT INTO t VALUES (randomblob(3000000))"), ERR_OK);
	/* Many more frames than SQLite's own bound of 1,000 pages would leave. */
	for (int i = 0; i < 3; i++)
		assert_int_equal(sqlite_exec(db, "UPDATE t SET x = randomblob(3000000)"), ERR_OK);
	assert_true(size_of("-wal") > 8000000);
	sqlite_close(db);
	assert_int_equal(size_of("-wal"), -1); /* the last writer to close copies everything */
}

static void a_reader_reads_and_leaves_the_wal_alone(void **state)
{
	sqlite3 *writer = NULL;
	sqlite3 *reader = NULL;
	(void)state;
	assert_int_equal(sqlite_open(path, 0, &writer), ERR_OK);
	assert_int_equal(sqlite_setup(writer, 0), ERR_OK);
	assert_int_equal(sqlite_exec(writer, "CREATE TABLE t (x)"), ERR_OK);
	assert_int_equal(sqlite_open(path, 1, &reader), ERR_OK);
	assert_int_equal(sqlite_setup(reader, 1), ERR_OK);
	assert_int_equal(pragma(reader, "query_only"), 1);
	assert_int_equal(pragma(reader, "wal_autocheckpoint"), 0);
	assert_int_equal(sqlite_exec(reader, "SELECT x FROM t"), ERR_OK);
	assert_int_not_equal(sqlite_exec(reader, "INSERT INTO t VALUES (1)"), ERR_OK);
	sqlite_close(writer);
	off_t before = size_of("-wal");
	assert_true(before > 0);
	sqlite_close(reader); /* last, and yet it copies nothing */
	assert_int_equal(size_of("-wal"), before);
}

static void what_cannot_be_opened_says_so(void **state)
{
	sqlite3 *db = NULL;
	(void)state;
	assert_int_equal(sqlite_open(path, 1, &db), ERR_IO); /* a reader makes no file */
	assert_null(db);
	assert_int_equal(size_of(""), -1);
	assert_int_equal(sqlite_open(folder, 0, &db), ERR_IO);
	assert_int_equal(sqlite_open("/nonexistent/folder/x.db", 0, &db), ERR_IO);
	assert_null(db);
	sqlite_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_are_folded),
		cmocka_unit_test_setup_teardown(
			a_writer_is_durable_and_never_checkpoints_by_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(a_reader_reads_and_leaves_the_wal_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_opened_says_so, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
