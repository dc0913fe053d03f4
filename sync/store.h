/*
 * The store's door. `struct store` is the one connection that writes and checkpoints, and belongs to one
 * thread at a time; a `struct reader` is a connection that only reads (limits.md section 3).
 */
#ifndef TSUZUKI_SYNC_STORE_H
#define TSUZUKI_SYNC_STORE_H

#include "sync/base/buf.h"
#include "sync/base/env.h"
#include "sync/base/err.h"
#include "sync/job.h"

struct store;
struct reader;

struct store_options {
	const char *dir; /* data folder; must exist */
	struct env env;
	unsigned max_items;    /* a user and collection, stubs included */
	unsigned history_keep; /* superseded rows an item */
	int64_t history_ms;    /* and how long they are kept */
	int checkpoint_frames; /* WAL frames from which store_checkpoint() copies; 0: as measured (4,000) */
};

/* Once in a process that serves, before it opens anything and before it has a second thread. May be left out.
 */
void store_prepare_process(void);

/*
 * Opens DIR/tsuzuki.db, making or migrating it (a backup by VACUUM INTO comes first), and takes the data
 * folder's lock. On failure *why says for people what is wrong and what to do; the file is left as it was.
 * ERR_BUSY: another process has it. ERR_FOREIGN, ERR_NEWER, ERR_CORRUPT, ERR_IO, ERR_DISK_FULL.
 */
enum err store_open(const struct store_options *options, struct store **out, struct buf *why);
void store_close(struct store *store);

/*
 * The data folder's lock alone, for what must not happen under a running daemon; closing *lock gives it back.
 * ERR_BUSY: another process has it; ERR_IO, ERR_DISK_FULL. *why says so for people.
 */
enum err store_lock(const char *dir, int *lock, struct buf *why);

/*
 * Runs the jobs of a list in one transaction and commits; sets each job's err. When that fails, each runs
 * again in a transaction of its own, so that one bad job never blocks another. After an I/O error of a commit
 * or a checkpoint the store refuses everything that follows with ERR_IO (store_failed()).
 */
void store_run(struct store *store, struct job *jobs, struct now now);
/* A commit or a checkpoint could not be synced: nothing more is acknowledged; the program should end with 74.
 */
bool store_failed(const struct store *store);
/* Between commits: once the WAL has grown, a PASSIVE checkpoint copies it into the database, so that it
 * starts anew. */
void store_checkpoint(struct store *store);
/*
 * One bounded slice of what is left to do in the background: rows voided by a clear or a deleted account,
 * expired sessions. Returns true while there is more.
 */
bool store_slice(struct store *store, struct now now);
/* 24 lower-case hex digits and NUL: the server's identity, made with its database. */
const char *store_identity(const struct store *store);

/* A reading connection. One thread at a time. */
enum err reader_open(const char *dir, struct reader **out);
/* The same of a database file by its path: a backup. */
enum err reader_open_file(const char *path, struct reader **out);
/* Tells the reader which start of the program the store is, which is part of what time it is. After opening
 * both. */
void reader_join(struct reader *reader, const struct store *store);
/* Looks at the clocks, so that a step of the wall clock shows; now and then (a tick). The reader's thread. */
void reader_look(struct reader *reader, struct now now);
void reader_close(struct reader *reader);
/*
 * From now on the snapshot that a read begins serves every read until reader_release(), so that one look at
 * the file's locks does for all of them. Whoever asks for it releases before anything that must see a later
 * commit, and before waiting.
 */
void reader_keep_snapshots(struct reader *reader);
void reader_release(struct reader *reader);

#endif
