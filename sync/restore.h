/*
 * Putting a backup in the database's place: copied aside first, so that what is verified is what is put
 * there, then in one step; what it replaces is kept. The caller holds the folder's lock all the while.
 */
#ifndef TSUZUKI_SYNC_RESTORE_H
#define TSUZUKI_SYNC_RESTORE_H

#include "sync/base/buf.h"
#include "sync/base/err.h"

/* Where the copy lies meanwhile: a data folder of its own within the data folder. */
#define RESTORE_FOLDER "restoring"

/*
 * Copies a database (an open descriptor) and its write-ahead log (-1: none) into DIR/restoring/, which starts
 * anew. ERR_DISK_FULL, ERR_IO, ERR_NOMEM.
 */
enum err restore_stage(const char *dir, int database, int wal);
/*
 * Puts DIR/restoring/tsuzuki.db, which no connection has open, in the place of DIR/tsuzuki.db. What was there
 * is DIR/backups/replaced-<time>.db afterwards (*kept, with its log beside it if it had one; "" when there
 * was nothing). When it fails, the database is what it was.
 */
enum err restore_put(const char *dir, int64_t now_ms, struct buf *kept);
/* Removes DIR/restoring/ and what is in it. */
void restore_clear(const char *dir);

#endif
