#include "sync/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sync/migrate.h"
#include "sync/reader.h"
#include "sync/row_cache.h"
#include "sync/settle.h"
#include "sync/slice.h"
#include "sync/tx.h"

/* A WAL of 4,000 frames stays at 17 MB and is copied in one short go (limits.md section 3). */
enum { IDENTITY_SIZE = 12, IDENTITY_TEXT_SIZE = 25, CHECKPOINT_FRAMES = 4000 };

struct store {
	sqlite3 *db;
	struct statements statements;
	struct tx tx;
	struct sweep sweep;
	int lock; /* descriptor of the data folder's lock, -1: none */
	bool failed;
	int wal_frames;
	int checkpoint_frames;
	char identity[IDENTITY_TEXT_SIZE];
};

enum err store_lock(const char *dir, int *lock, struct buf *why)
{
	struct buf path = buf_make(4096);
	buf_fmt(&path, "%s/tsuzuki.lock", dir);
	int fd = -1;
	if (buf_ok(&path))
		fd = open(path.ptr, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	enum err err = ERR_OK;
	if (fd < 0) {
		buf_fmt(why,
			"%s cannot be written (%s). Make the folder writable for this user, or name another "
			"with "
			"--data-dir.",
			dir, strerror(errno));
		err = errno == ENOSPC ? ERR_DISK_FULL : ERR_IO;
	} else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		buf_fmt(why,
			"%s is in use by another tsuzukid. Stop that one first, or name another folder with "
			"--data-dir.",
			dir);
		err = ERR_BUSY;
	}
	if (!err)
		*lock = fd;
	else if (fd >= 0)
		(void)close(fd);
	buf_free(&path);
	return err;
}

static enum err load_identity(struct store *store, struct env env)
{
	struct query q = stmt_query(&store->statements, STMT_META_GET);
	query_text(&q, STR("server"));
	bool found = query_row(&q);
	if (found) {
		struct str text = query_get_str(&q, 0);
		if (text.len == IDENTITY_TEXT_SIZE - 1)
			memcpy(store->identity, text.ptr, text.len);
	}
	enum err err = query_end(&q);
	if (err || found)
		return err;
	unsigned char bytes[IDENTITY_SIZE];
	env.random(env.context, bytes, sizeof bytes);
	str_to_hex(bytes, sizeof bytes, store->identity);
	q = stmt_query(&store->statements, STMT_META_PUT);
	query_text(&q, STR("server"));
	query_text(&q, str_from(store->identity));
	return query_run(&q);
}

static enum err load_next(struct store *store, enum stmt_id id, int64_t *next)
{
	struct query q = stmt_query(&store->statements, id);
	if (query_row(&q))
		*next = query_get_int(&q, 0) + 1;
	return query_end(&q);
}

static enum err load_linked(struct store *store)
{
	struct query q = stmt_query(&store->statements, STMT_UPSTREAM_ANY);
	store->tx.linked = query_row(&q);
	return query_end(&q);
}

static int on_wal(void *context, sqlite3 *db, const char *name, int frames)
{
	struct store *store = context;
	(void)db;
	(void)name;
	store->wal_frames = frames;
	return SQLITE_OK;
}

static enum err open_database(struct store *store, const char *dir, struct buf *why)
{
	struct buf path = buf_make(4096);
	int version = 0;
	buf_fmt(&path, "%s/tsuzuki.db", dir);
	enum err err = buf_ok(&path) ? settle_database(dir) : ERR_NOMEM;
	if (err)
		buf_fmt(why, "%s: what an earlier run left cannot be written to disk: %s.", dir,
			strerror(errno));
	else
		err = sqlite_open(path.ptr, 0, &store->db);
	if (err && why->len == 0)
		buf_fmt(why, "%s cannot be opened: %s.", path.ptr ? path.ptr : dir, err_name(err));
	if (!err)
		err = migrate_judge(store->db, path.ptr, &version, why);
	if (!err) {
		err = sqlite_setup(store->db, 0);
		if (err)
			buf_fmt(why, "%s cannot be set up: %s.", path.ptr, err_name(err));
	}
	if (!err)
		err = migrate_run(store->db, dir, version, why);
	if (!err && chmod(path.ptr, 0600) != 0)
		err = ERR_IO;
	if (!err)
		(void)sqlite3_wal_hook(store->db, on_wal, store);
	buf_free(&path);
	return err;
}

enum err store_open(const struct store_options *options, struct store **out, struct buf *why)
{
	struct store *store = calloc(1, sizeof *store);
	if (!store)
		return ERR_NOMEM;
	store->lock = -1;
	store->checkpoint_frames =
		options->checkpoint_frames > 0 ? options->checkpoint_frames : CHECKPOINT_FRAMES;
	store->tx = (struct tx){.s = &store->statements,
		.env = options->env,
		.max_items = options->max_items,
		.history_keep = options->history_keep,
		.history_ms = options->history_ms};
	options->env.random(options->env.context, store->tx.boot, BOOT_SIZE);
	enum err err = store_lock(options->dir, &store->lock, why);
	if (!err)
		err = open_database(store, options->dir, why);
	if (!err) {
		stmt_open(&store->statements, store->db);
		store->statements.cache = row_cache_open(store->db);
		err = load_identity(store, options->env);
		if (!err)
			err = load_linked(store);
		if (!err)
			err = load_next(store, STMT_JOURNAL_LAST_ROW, &store->tx.next_row);
		if (!err)
			err = load_next(
				store, STMT_WATCHLIST_LAST_ID, &store->tx.next_id[COLLECTION_WATCHLIST]);
		if (!err)
			err = load_next(
				store, STMT_PROGRESS_LAST_ID, &store->tx.next_id[COLLECTION_PROGRESS]);
		if (err)
			buf_fmt(why, "%s/tsuzuki.db cannot be read: %s.", options->dir, err_name(err));
	}
	if (err) {
		store_close(store);
		return err;
	}
	*out = store;
	return ERR_OK;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	row_cache_close(store->statements.cache, store->db);
	stmt_close(&store->statements);
	/* What a failed sync lost is only in the WAL: the next start copies all of it. */
	if (store->failed)
		(void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite_close(store->db);
	if (store->lock >= 0)
		(void)close(store->lock);
	free(store);
}

static enum err simple(struct store *store, enum stmt_id id)
{
	struct query q = stmt_query(&store->statements, id);
	return query_run(&q);
}

static enum err begin(struct store *store)
{
	/* A rollback for which there was no memory has left its transaction open: it comes first now. */
	enum err err = sqlite3_get_autocommit(store->db) ? ERR_OK : simple(store, STMT_ROLLBACK);
	return err ? err : simple(store, STMT_BEGIN);
}

/* What the transaction moved in memory, put back when it does not come to be. */
struct saved {
	int64_t next_row;
	int64_t next_id[COLLECTION_COUNT];
};

static struct saved save(const struct tx *tx)
{
	struct saved saved = {.next_row = tx->next_row};
	memcpy(saved.next_id, tx->next_id, sizeof saved.next_id);
	return saved;
}

static void roll_back(struct store *store, const struct saved *saved)
{
	store->tx.next_row = saved->next_row;
	memcpy(store->tx.next_id, saved->next_id, sizeof saved->next_id);
	/* SQLite may have rolled back by itself after a full disk or an I/O error. */
	if (!sqlite3_get_autocommit(store->db))
		(void)simple(store, STMT_ROLLBACK);
}

static enum err commit(struct store *store)
{
	enum err err = simple(store, STMT_COMMIT);
	/* After a failed sync nobody knows what is on the disk: nothing more is acknowledged (limits.md,
	 * EIO). */
	if (err == ERR_IO || err == ERR_CORRUPT)
		store->failed = true;
	return err;
}

/* Runs the jobs from `first` up to `end` in one transaction; the first that fails is left in *bad. */
static enum err run_group(struct store *store, struct job *first, const struct job *end, struct job **bad)
{
	struct saved saved = save(&store->tx);
	enum err err = begin(store);
	*bad = NULL;
	for (struct job *job = first; job != end && !err; job = job->next) {
		store->tx.moved = (struct moved){0, 0};
		err = job->run(&store->tx, job);
		job->moved = store->tx.moved;
		if (err)
			*bad = job;
	}
	/* A transaction larger than the cache writes to the WAL, and may sync it, before its end. */
	if (*bad && sqlite3_extended_errcode(store->db) == SQLITE_IOERR_FSYNC)
		store->failed = true;
	if (!err)
		err = commit(store);
	if (err)
		roll_back(store, &saved);
	for (struct job *job = first; job != end; job = job->next)
		job->err = err;
	return err;
}

void store_run(struct store *store, struct job *jobs, struct now now)
{
	struct job *bad = NULL;
	store->tx.now = now;
	(void)wall_look(&store->tx.wall, now);
	if (store->failed) {
		for (struct job *job = jobs; job; job = job->next)
			job->err = ERR_IO;
		return;
	}
	if (!run_group(store, jobs, NULL, &bad) || !jobs->next)
		return;
	for (struct job *job = jobs; job; job = job->next) {
		if (store->failed)
			job->err = ERR_IO;
		else
			(void)run_group(store, job, job->next, &bad);
	}
}

bool store_failed(const struct store *store)
{
	return store->failed;
}

void store_checkpoint(struct store *store)
{
	if (store->wal_frames < store->checkpoint_frames || store->failed)
		return;
	store->wal_frames = 0;
	enum err err =
		sqlite_err(sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL));
	/* One that finds the disk full or a lock taken is made after the next commits. But pages that an
	 * earlier one copied may be gone with a failed sync, and the next would not copy them again. */
	if (err == ERR_IO || err == ERR_CORRUPT)
		store->failed = true;
}

bool store_slice(struct store *store, struct now now)
{
	struct saved saved = save(&store->tx);
	bool more = false;
	store->tx.now = now;
	(void)wall_look(&store->tx.wall, now);
	if (store->failed || begin(store))
		return false;
	enum err err = slice_run(&store->tx, &store->sweep, &more);
	if (!err)
		err = commit(store);
	if (err) {
		roll_back(store, &saved);
		return false;
	}
	return more;
}

const char *store_identity(const struct store *store)
{
	return store->identity;
}

enum err reader_open_file(const char *path, struct reader **out)
{
	struct reader *reader = calloc(1, sizeof *reader);
	sqlite3 *db = NULL;
	enum err err = reader ? sqlite_open(path, 1, &db) : ERR_NOMEM;
	if (!err) {
		stmt_open(&reader->statements, db);
		err = sqlite_setup(db, 1);
	}
	if (err) {
		sqlite_close(db);
		free(reader);
		return err;
	}
	*out = reader;
	return ERR_OK;
}

enum err reader_open(const char *dir, struct reader **out)
{
	struct buf path = buf_make(4096);
	buf_fmt(&path, "%s/tsuzuki.db", dir);
	enum err err = buf_ok(&path) ? reader_open_file(path.ptr, out) : ERR_NOMEM;
	buf_free(&path);
	return err;
}

void reader_join(struct reader *reader, const struct store *store)
{
	memcpy(reader->boot, store->tx.boot, BOOT_SIZE);
}

void reader_look(struct reader *reader, struct now now)
{
	(void)wall_look(&reader->wall, now);
}

void reader_close(struct reader *reader)
{
	if (!reader)
		return;
	sqlite3 *db = reader->statements.db;
	stmt_close(&reader->statements);
	sqlite_close(db);
	free(reader);
}
