/* Backups by the library alone: names, retention, stopping, and a full folder that changes nothing. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sync/backup.h"
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

static void only_exact_names_are_regular_ones(void **state)
{
	static const char *const others[] = {"", "tsuzuki-", "tsuzuki-.db", "tsuzuki-20260213T100000000Z",
		"tsuzuki-20260213T100000000Z.db.partial", "tsuzuki-20260213T10000000Z.db",
		"tsuzuki-20260213T1000000000Z.db", "tsuzuki-20260230T100000000Z.db",
		"tsuzuki-20260213T250000000Z.db", "tsuzuki-2026-213T100000000Z.db",
		"before-repair-20260213T100000000Z.db", "replaced-20260213T100000000Z.db",
		"TSUZUKI-20260213T100000000Z.db"};
	int64_t made = 7;
	(void)state;
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		if (backup_named(others[i], &made))
			fail_msg("%s", others[i]);
	assert_int_equal(made, 7);
	assert_true(backup_named("tsuzuki-20260213T100000123Z.db", &made));
	assert_int_equal(made, 1770976800123);
}

static bool always(void *context)
{
	++*(int *)context;
	return true;
}

static unsigned files_in(struct fixture *f)
{
	char command[128], line[16] = "";
	(void)snprintf(command, sizeof command, "ls -A %s/backups 2>/dev/null | wc -l", f->dir);
	FILE *out = popen(command, "r");
	assert_non_null(out);
	assert_non_null(fgets(line, sizeof line, out));
	(void)pclose(out);
	int64_t count = 0;
	assert_true(str_int(str_trim(str_from(line)), 0, 1000, &count));
	return (unsigned)count;
}

static struct backup_how how_of(struct fixture *f)
{
	return (struct backup_how){.dir = f->dir, .prefix = BACKUP_PREFIX, .now_ms = f->now.wall_ms};
}

static void one_that_is_made_is_the_newest_and_agrees(void **state)
{
	struct fixture *f = *state;
	struct buf path = buf_make(4096), why = buf_make(4096);
	char name[BACKUP_NAME_SIZE];
	int64_t made = 0, findings = -1;
	struct stat st;
	struct backup_how how = how_of(f);
	assert_int_equal(backup_newest(f->dir, name, &made), ERR_NOT_FOUND);
	assert_int_equal(backup_make(&how, &path, &why), ERR_OK);
	assert_int_equal(stat(path.ptr, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(backup_newest(f->dir, name, &made), ERR_OK);
	assert_int_equal(made, f->now.wall_ms);
	assert_non_null(strstr(path.ptr, name));
	assert_int_equal(backup_verify(path.ptr, &how, &findings, &why), ERR_OK);
	assert_int_equal(findings, 0);
	assert_int_equal(why.len, 0);
	/* Of this very time there is one already. */
	assert_int_equal(backup_make(&how, &path, &why), ERR_CONFLICT);
	assert_true(why.len > 0);
	assert_int_equal(files_in(f), 1);
	buf_free(&path);
	buf_free(&why);
}

static void one_that_is_stopped_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct buf path = buf_make(4096), why = buf_make(4096);
	int asked = 0;
	struct backup_how how = how_of(f);
	for (int i = 0; i < 300; i++) {
		struct op op = test_watchlist(f, "key", "watching");
		char key[32];
		(void)snprintf(key, sizeof key, "key-%d", i);
		op.key = str_from(key);
		(void)fixture_op(f, &op);
	}
	how.stop = always;
	how.context = &asked;
	assert_int_equal(backup_make(&how, &path, &why), ERR_EXPIRED);
	assert_true(asked > 0);
	assert_int_equal(files_in(f), 0);
	how.stop = NULL;
	buf_clear(&why);
	assert_int_equal(backup_make(&how, &path, &why), ERR_OK);
	buf_free(&path);
	buf_free(&why);
}

static void the_oldest_go_but_never_the_one_just_made(void **state)
{
	struct fixture *f = *state;
	struct buf path = buf_make(4096), why = buf_make(4096);
	struct backup_how how = how_of(f);
	char name[BACKUP_NAME_SIZE];
	unsigned removed = 0;
	int64_t made = 0, last = 0;
	for (int i = 0; i < 4; i++) {
		how.now_ms = f->now.wall_ms + i * 1000;
		last = how.now_ms;
		assert_int_equal(backup_make(&how, &path, &why), ERR_OK);
	}
	/* The clock was set back an hour: by its name this is the oldest. */
	how.now_ms = f->now.wall_ms - 3600000;
	assert_int_equal(backup_make(&how, &path, &why), ERR_OK);
	assert_int_equal(backup_prune(f->dir, 2, path.ptr, &removed), ERR_OK);
	assert_int_equal(removed, 2);
	assert_int_equal(access(path.ptr, F_OK), 0);
	assert_int_equal(backup_newest(f->dir, name, &made), ERR_OK);
	assert_int_equal(made, last);
	buf_free(&path);
	buf_free(&why);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_exact_names_are_regular_ones),
		TEST(one_that_is_made_is_the_newest_and_agrees),
		TEST(one_that_is_stopped_leaves_nothing),
		TEST(the_oldest_go_but_never_the_one_just_made),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
