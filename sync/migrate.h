/*
 * Migrations: numbered, one transaction each, refused when the database is newer or not ours; a backup by
 * VACUUM INTO comes before a change of an existing database (design.md section 7).
 */
#ifndef TSUZUKI_SYNC_MIGRATE_H
#define TSUZUKI_SYNC_MIGRATE_H

#include "sync/base/buf.h"
#include "sync/sqlite.h"

/* "tszk": application_id of our databases. */
enum { MIGRATE_APPLICATION = 0x74737a6b };

/*
 * Judges the file before anything writes to it. *version: 0 for an empty (new) database.
 * ERR_FOREIGN, ERR_NEWER, ERR_CORRUPT, ERR_IO with *why for people; the file is untouched.
 */
enum err migrate_judge(sqlite3 *db, const char *path, int *version, struct buf *why);
/* Brings a judged database to the newest version. dir: where backups/ is made. */
enum err migrate_run(sqlite3 *db, const char *dir, int version, struct buf *why);

#endif
