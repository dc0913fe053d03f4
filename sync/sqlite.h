/*
 * SQLite connections: opening with the pragmas of limits.md section 3, errors as our codes, bounded
 * checkpoints.
 */
#ifndef TSUZUKI_SYNC_SQLITE_H
#define TSUZUKI_SYNC_SQLITE_H

#include <sqlite3.h>

#include "sync/base/err.h"

/* What a SQLite result means to us; extended codes are folded. SQLITE_OK, _ROW and _DONE are ERR_OK. */
enum err sqlite_err(int code);
/* Opens for writing (made when absent) or reading only; no pragma that touches the file is run. */
enum err sqlite_open(const char *path, int readonly, sqlite3 **out);
/* WAL, synchronous=FULL, no automatic checkpoint. For a database known to be ours. */
enum err sqlite_setup(sqlite3 *db, int readonly);
void sqlite_close(sqlite3 *db);
enum err sqlite_exec(sqlite3 *db, const char *sql);

#endif
