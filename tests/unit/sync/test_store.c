/* The store's door: groups, bad jobs, failed commits, a failed disk. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "sync/tx.h"
#include "tests/unit/sync/support.h"

/* --- a disk whose syncs can be made to fail: SQLite's own VFS with that one function replaced --- */

/* One pair of method tables for each kind of file that the real VFS knows. */
struct kind {
	const sqlite3_io_methods *real;
	sqlite3_io_methods ours;
};

static struct {
	sqlite3_vfs vfs;
	sqlite3_vfs *real;
	struct kind kinds[4];
	bool fail_syncs;
} disk;

static int disk_sync(sqlite3_file *file, int flags)
{
	const struct kind *kind =
		(const struct kind *)((const char *)file->pMethods - offsetof(struct kind, ours));
	return disk.fail_syncs ? SQLITE_IOERR_FSYNC : kind->real->xSync(file, flags);
}

static int disk_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *out_flags)
{
	(void)vfs;
	int code = disk.real->xOpen(disk.real, name, file, flags, out_flags);
	if (code != SQLITE_OK || !file->pMethods)
		return code;
	for (size_t i = 0; i < sizeof disk.kinds / sizeof disk.kinds[0]; i++) {
		struct kind *kind = &disk.kinds[i];
		if (kind->real && kind->real != file->pMethods)
			continue;
		kind->real = file->pMethods;
		kind->ours = *file->pMethods;
		kind->ours.xSync = disk_sync;
		file->pMethods = &kind->ours;
		return code;
	}
	fail_msg("more kinds of files than expected");
	return code;
}

static void disk_install(void)
{
	disk.real = sqlite3_vfs_find(NULL);
	disk.vfs = *disk.real;
	disk.vfs.zName = "failing";
	disk.vfs.xOpen = disk_open;
	assert_int_equal(sqlite3_vfs_register(&disk.vfs, 1), SQLITE_OK);
}

static int setup(void **state)
{
	*state = fixture_open();
	return 0;
}

static int teardown(void **state)
{
	disk.fail_syncs = false;
	fixture_close(*state);
	return 0;
}

/* --- jobs of a test --- */

struct probe {
	struct job job;
	enum err result; /* what run() returns */
	unsigned runs;
	int64_t saw_next_row;
	void (*act)(struct tx *tx);
};

static enum err probe_run(struct tx *tx, struct job *job)
{
	struct probe *p = (struct probe *)job;
	p->runs++;
	p->saw_next_row = tx->next_row;
	if (p->act)
		p->act(tx);
	return p->result;
}

static struct apply *adding(struct fixture *f, const char *key)
{
	struct apply *a = apply_make(f->user, 1);
	assert_non_null(a);
	a->ops[0] = test_watchlist(f, key, "watching");
	return a;
}

static void chain(struct job **jobs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		jobs[i]->next = i + 1 < count ? jobs[i + 1] : NULL;
}

static void a_bad_job_blocks_nobody_wherever_it_stands(void **state)
{
	struct fixture *f = *state;
	for (size_t bad = 0; bad < 4; bad++) {
		struct probe probe = {.job.run = probe_run, .result = ERR_CORRUPT};
		struct apply *good[3];
		struct job *jobs[4];
		char key[48];
		size_t next = 0;
		for (size_t i = 0; i < 4; i++) {
			if (i == bad) {
				jobs[i] = &probe.job;
				continue;
			}
			(void)snprintf(key, sizeof key, "k%zu-%zu", bad, i);
			struct str copy;
			good[next] = adding(f, "");
			assert_true(arena_str(&good[next]->job.arena, str_from(key), &copy));
			good[next]->ops[0].key = copy;
			jobs[i] = &good[next++]->job;
		}
		chain(jobs, 4);
		fixture_pass(f, 1000);
		store_run(f->store, jobs[0], f->now);
		assert_int_equal(probe.job.err, ERR_CORRUPT);
		assert_int_equal(probe.runs, 2); /* once in the group, once alone */
		for (size_t i = 0; i < 3; i++) {
			assert_int_equal(good[i]->job.err, ERR_OK);
			assert_int_equal(good[i]->results[0].outcome, OUTCOME_APPLIED);
			assert_non_null(fixture_view(f, COLLECTION_WATCHLIST, good[i]->ops[0].key.ptr));
			job_free(&good[i]->job);
		}
	}
	/* Each was written once: 12 items, 12 rows, numbered without gaps. */
	struct watchlist_stats stats;
	assert_int_equal(query_watchlist_stats(f->reader, f->user, &stats), ERR_OK);
	assert_int_equal(stats.total, 12);
	struct probe count = {.job.run = probe_run, .result = ERR_OK};
	fixture_run(f, &count.job);
	assert_int_equal(count.saw_next_row, 13);
}

static void what_a_failed_group_moved_is_put_back(void **state)
{
	struct fixture *f = *state;
	struct probe first = {.job.run = probe_run, .result = ERR_OK};
	fixture_run(f, &first.job);
	struct apply *good = adding(f, "lost");
	struct probe bad = {.job.run = probe_run, .result = ERR_DISK_FULL};
	good->job.user = f->user ^ 1; /* nobody: this one fails too */
	good->job.next = &bad.job;
	store_run(f->store, &good->job, f->now);
	assert_int_equal(good->job.err, ERR_NOT_FOUND);
	assert_int_equal(bad.job.err, ERR_DISK_FULL);
	assert_int_equal(bad.saw_next_row, first.saw_next_row);
	assert_null(fixture_view(f, COLLECTION_WATCHLIST, "lost"));
	job_free(&good->job);
}

static void a_lone_bad_job_runs_once(void **state)
{
	struct fixture *f = *state;
	struct probe bad = {.job.run = probe_run, .result = ERR_INVALID};
	store_run(f->store, &bad.job, f->now);
	assert_int_equal(bad.job.err, ERR_INVALID);
	assert_int_equal(bad.runs, 1);
	assert_false(store_failed(f->store));
}

/* --- failed commits --- */

static int hook_calls;

static int refuse_first(void *context)
{
	(void)context;
	return hook_calls++ == 0; /* turns the commit into a rollback */
}

static void set_hook(struct tx *tx)
{
	(void)sqlite3_commit_hook(tx->s->db, refuse_first, NULL);
}

static void after_a_failed_commit_each_job_runs_again_alone(void **state)
{
	struct fixture *f = *state;
	struct probe hook = {.job.run = probe_run, .result = ERR_OK, .act = set_hook};
	struct apply *a = adding(f, "one");
	struct apply *b = adding(f, "two");
	hook_calls = 0;
	hook.job.next = &a->job;
	a->job.next = &b->job;
	store_run(f->store, &hook.job, f->now);
	assert_int_equal(hook_calls, 4); /* the group's, then one each */
	assert_int_equal(hook.runs, 2);
	assert_int_equal(a->job.err, ERR_OK);
	assert_int_equal(b->job.err, ERR_OK);
	assert_non_null(fixture_view(f, COLLECTION_WATCHLIST, "one"));
	assert_non_null(fixture_view(f, COLLECTION_WATCHLIST, "two"));
	struct watchlist_stats stats;
	assert_int_equal(query_watchlist_stats(f->reader, f->user, &stats), ERR_OK);
	assert_int_equal(stats.total, 2);
	job_free(&a->job);
	job_free(&b->job);
}

static void fill_up(struct tx *tx)
{
	/* No page more than there are. */
	(void)sqlite_exec(tx->s->db, "PRAGMA max_page_count = 1");
}

static void make_room(struct tx *tx)
{
	(void)sqlite_exec(tx->s->db, "PRAGMA max_page_count = 1073741823");
}

static void a_full_disk_is_said_and_passes(void **state)
{
	struct fixture *f = *state;
	struct probe full = {.job.run = probe_run, .result = ERR_OK, .act = fill_up};
	struct probe room = {.job.run = probe_run, .result = ERR_OK, .act = make_room};
	fixture_run(f, &full.job);
	enum err err = ERR_OK;
	int written = 0;
	while (!err && written < 10000) {
		char key[32];
		(void)snprintf(key, sizeof key, "fill-%d", written);
		struct apply *a = adding(f, key);
		fixture_pass(f, 1000);
		store_run(f->store, &a->job, f->now);
		err = a->job.err;
		written += !err;
		job_free(&a->job);
	}
	assert_int_equal(err, ERR_DISK_FULL);
	assert_false(store_failed(f->store));
	fixture_run(f, &room.job);
	struct apply *again = adding(f, "again");
	fixture_run(f, &again->job);
	job_free(&again->job);
	/* What was acknowledged is there, what was refused is not. */
	struct watchlist_stats stats;
	assert_int_equal(query_watchlist_stats(f->reader, f->user, &stats), ERR_OK);
	assert_int_equal(stats.total, written + 1);
	fixture_restart(f);
	assert_int_equal(query_watchlist_stats(f->reader, f->user, &stats), ERR_OK);
	assert_int_equal(stats.total, written + 1);
}

static void after_a_failed_sync_nothing_is_acknowledged(void **state)
{
	struct fixture *f = *state;
	struct apply *before = adding(f, "before");
	fixture_run(f, &before->job);
	job_free(&before->job);
	struct apply *a = adding(f, "a");
	struct apply *b = adding(f, "b");
	a->job.next = &b->job;
	disk.fail_syncs = true;
	store_run(f->store, &a->job, f->now);
	disk.fail_syncs = false;
	assert_int_equal(a->job.err, ERR_IO);
	assert_int_equal(b->job.err, ERR_IO);
	assert_true(store_failed(f->store));
	/* The disk is well again, and yet: nobody knows what is on it. */
	struct probe later = {.job.run = probe_run, .result = ERR_OK};
	store_run(f->store, &later.job, f->now);
	assert_int_equal(later.job.err, ERR_IO);
	assert_int_equal(later.runs, 0);
	assert_false(store_slice(f->store, f->now));
	store_checkpoint(f->store);
	job_free(&a->job);
	job_free(&b->job);
	fixture_restart(f);
	assert_false(store_failed(f->store));
	assert_non_null(fixture_view(f, COLLECTION_WATCHLIST, "before"));
	struct apply *after = adding(f, "after");
	fixture_run(f, &after->job);
	job_free(&after->job);
}

/* --- checkpoints --- */

static int64_t wal_size(struct fixture *f)
{
	char path[128];
	struct stat st;
	(void)snprintf(path, sizeof path, "%s/tsuzuki.db-wal", f->dir);
	return stat(path, &st) == 0 ? st.st_size : 0;
}

static void scribble(struct tx *tx)
{
	(void)sqlite_exec(tx->s->db, "CREATE TABLE IF NOT EXISTS scribble (x); DELETE FROM scribble;"
				     "INSERT INTO scribble VALUES (randomblob(5000000))");
}

static void checkpoints_keep_the_wal_from_growing(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 30; i++) {
		struct probe p = {.job.run = probe_run, .result = ERR_OK, .act = scribble};
		fixture_run(f, &p.job);
		store_checkpoint(f->store);
	}
	/* 30 times 5 MB were written; after 4,000 frames (17 MB) it starts anew. */
	assert_in_range(wal_size(f), 1, 30000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_bad_job_blocks_nobody_wherever_it_stands, setup, teardown),
		cmocka_unit_test_setup_teardown(what_a_failed_group_moved_is_put_back, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lone_bad_job_runs_once, setup, teardown),
		cmocka_unit_test_setup_teardown(
			after_a_failed_commit_each_job_runs_again_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_disk_is_said_and_passes, setup, teardown),
		cmocka_unit_test_setup_teardown(after_a_failed_sync_nothing_is_acknowledged, setup, teardown),
		cmocka_unit_test_setup_teardown(checkpoints_keep_the_wal_from_growing, setup, teardown),
	};
	disk_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
