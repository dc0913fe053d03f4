/* Opening: a new folder, a foreign, newer or damaged file, a folder in use; every statement can be prepared.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "schema/schema.h"
#include "sync/migrate.h"
#include "sync/stmt.h"
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

static const char *path_of(struct fixture *f)
{
	static char path[128];
	(void)snprintf(path, sizeof path, "%s/tsuzuki.db", f->dir);
	return path;
}

/* Everything in the file, so that "untouched" can be shown. */
static char *slurp(const char *path, size_t *len)
{
	char *bytes = malloc(1 << 20);
	FILE *file = fopen(path, "rb");
	assert_non_null(bytes);
	assert_non_null(file);
	*len = fread(bytes, 1, 1 << 20, file);
	assert_int_equal(fclose(file), 0);
	return bytes;
}

static void refuses(struct fixture *f, enum err expected, const char *says)
{
	struct store *store = NULL;
	struct buf why = buf_make(4096);
	size_t before_len = 0;
	size_t after_len = 0;
	char *before = slurp(path_of(f), &before_len);
	assert_int_equal(store_open(&f->options, &store, &why), expected);
	assert_null(store);
	assert_non_null(why.ptr);
	assert_non_null(strstr(why.ptr, says));
	char *after = slurp(path_of(f), &after_len);
	assert_int_equal(before_len, after_len);
	assert_memory_equal(before, after, before_len);
	free(before);
	free(after);
	buf_free(&why);
}

static void write_file(const char *path, const char *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	assert_int_equal(close(fd), 0);
}

static void close_all(struct fixture *f)
{
	reader_close(f->reader);
	store_close(f->store);
	f->reader = NULL;
	f->store = NULL;
}

static void every_statement_can_be_prepared(void **state)
{
	struct fixture *f = *state;
	struct statements s;
	sqlite3 *db = NULL;
	assert_int_equal(sqlite_open(path_of(f), 1, &db), ERR_OK);
	stmt_open(&s, db);
	assert_int_equal(stmt_prepare_all(&s), ERR_OK);
	stmt_close(&s);
	sqlite_close(db);
}

/* A page must not cost the whole list: each list statement walks an index in its own order. */
static void lists_are_read_without_sorting(void **state)
{
	static const enum stmt_id lists[] = {
		STMT_WATCHLIST_PAGE, STMT_WATCHLIST_PAGE_STATUS, STMT_PROGRESS_PAGE};
	struct fixture *f = *state;
	struct statements s;
	sqlite3 *db = NULL;
	assert_int_equal(sqlite_open(path_of(f), 1, &db), ERR_OK);
	stmt_open(&s, db);
	assert_int_equal(stmt_prepare_all(&s), ERR_OK);
	for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
		sqlite3_stmt *plan = NULL;
		char *sql = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sqlite3_sql(s.list[lists[i]]));
		assert_non_null(sql);
		assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &plan, NULL), SQLITE_OK);
		while (sqlite3_step(plan) == SQLITE_ROW) {
			const char *step = (const char *)sqlite3_column_text(plan, 3);
			if (strstr(step, "TEMP B-TREE"))
				fail_msg("%s: %s", step, sql);
		}
		assert_int_equal(sqlite3_finalize(plan), SQLITE_OK);
		sqlite3_free(sql);
	}
	stmt_close(&s);
	sqlite_close(db);
}

static void the_file_is_private(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	assert_int_equal(stat(path_of(f), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_folder_in_use_is_refused(void **state)
{
	struct fixture *f = *state;
	struct store *second = NULL;
	struct buf why = buf_make(4096);
	assert_int_equal(store_open(&f->options, &second, &why), ERR_BUSY);
	assert_non_null(strstr(why.ptr, "in use"));
	buf_free(&why);
}

static void a_foreign_file_is_left_as_it_is(void **state)
{
	struct fixture *f = *state;
	close_all(f);
	write_file(
		path_of(f), "This is a diary, not a database. Hands off, please. ....................", 70);
	refuses(f, ERR_FOREIGN, "not a tsuzuki database");
	sqlite3 *db = NULL;
	assert_int_equal(unlink(path_of(f)), 0);
	assert_int_equal(sqlite_open(path_of(f), 0, &db), ERR_OK);
	assert_int_equal(sqlite_exec(db, "CREATE TABLE other (x)"), ERR_OK);
	sqlite_close(db);
	refuses(f, ERR_FOREIGN, "not a tsuzuki database");
}

static void a_newer_database_is_left_as_it_is(void **state)
{
	struct fixture *f = *state;
	sqlite3 *db = NULL;
	close_all(f);
	assert_int_equal(sqlite_open(path_of(f), 0, &db), ERR_OK);
	assert_int_equal(sqlite_exec(db, "PRAGMA user_version=999"), ERR_OK);
	sqlite_close(db);
	refuses(f, ERR_NEWER, "newer tsuzuki");
}

static void a_damaged_database_is_left_as_it_is(void **state)
{
	struct fixture *f = *state;
	size_t len = 0;
	close_all(f);
	char *bytes = slurp(path_of(f), &len);
	memset(bytes + 100, 0xff, 3000);
	write_file(path_of(f), bytes, len);
	free(bytes);
	refuses(f, ERR_CORRUPT, "damaged");
}

static void identity_and_ids_stay_through_restarts(void **state)
{
	struct fixture *f = *state;
	char before[64];
	(void)snprintf(before, sizeof before, "%s", store_identity(f->store));
	assert_int_equal(strlen(before), 24);
	fixture_restart(f);
	assert_string_equal(store_identity(f->store), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_statement_can_be_prepared, setup, teardown),
		cmocka_unit_test_setup_teardown(lists_are_read_without_sorting, setup, teardown),
		cmocka_unit_test_setup_teardown(the_file_is_private, setup, teardown),
		cmocka_unit_test_setup_teardown(a_folder_in_use_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_foreign_file_is_left_as_it_is, setup, teardown),
		cmocka_unit_test_setup_teardown(a_newer_database_is_left_as_it_is, setup, teardown),
		cmocka_unit_test_setup_teardown(a_damaged_database_is_left_as_it_is, setup, teardown),
		cmocka_unit_test_setup_teardown(identity_and_ids_stay_through_restarts, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
