/*
 * Backups: whole copies of the database in DIR/backups/, mode 0600, read back and checked, on the disk before
 * they bear their name. They hold no owed mail (and there is no secret in the database). They are made by a
 * reading connection of their own (VACUUM INTO), beside whoever writes; any thread, one at a time.
 */
#ifndef TSUZUKI_SYNC_BACKUP_H
#define TSUZUKI_SYNC_BACKUP_H

#include "sync/base/buf.h"
#include "sync/base/err.h"

/* What the names of the regular ones begin with; only those are ever removed. */
#define BACKUP_PREFIX "tsuzuki-"
enum { BACKUP_NAME_SIZE = 64 };

struct backup_how {
	const char *dir;    /* data folder */
	const char *prefix; /* of the name; the time follows */
	int64_t now_ms;
	bool damaged; /* the copy is kept when it can be read, whether it agrees with itself or not */
	bool (*stop)(void *context); /* asked now and then: true gives up. NULL: never */
	void *context;
};

/*
 * Makes one; *path: where it is. On failure *why says so for people, and no file is left. ERR_CORRUPT: the
 * copy does not agree with itself (verify.h), so neither does the database. ERR_EXPIRED: it was stopped.
 * ERR_CONFLICT: there is one of this very time. ERR_DISK_FULL, ERR_IO, ERR_NOMEM.
 */
enum err backup_make(const struct backup_how *how, struct buf *path, struct buf *why);

/* The newest regular one by its name, and when it was made. ERR_NOT_FOUND: there is none. */
enum err backup_newest(const char *dir, char name[BACKUP_NAME_SIZE], int64_t *made_ms);
/* Whether a file in backups/ is a regular one by its name. */
bool backup_named(const char *name, int64_t *made_ms);
/* Removes the oldest regular ones down to `keep`, never the one at `made`. *removed: how many. */
enum err backup_prune(const char *dir, unsigned keep, const char *made, unsigned *removed);

/* Takes owed mail and mailed passwords out of a copy that nobody has open; not synced. */
enum err backup_scrub(const char *path);
/* A file onto the disk; and the names of a folder. */
enum err backup_sync_file(const char *path);
enum err backup_sync_folder(const char *path);

/*
 * Whether a database file agrees with itself (verify.h). *findings of them; the first one's sentence is
 * appended to *why. ERR_EXPIRED: it was stopped; ERR_FOREIGN, ERR_NEWER and others: it is none of this
 * version.
 */
enum err backup_verify(const char *path, const struct backup_how *how, int64_t *findings, struct buf *why);

#endif
