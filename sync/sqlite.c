#include "sync/sqlite.h"

#include <stddef.h>

#include "sync/store.h"
#include "sync/wal_file.h"

enum { BUSY_TIMEOUT_MS = 5000 };

enum err sqlite_err(int code)
{
	/* The index of the WAL could not be made longer. It holds nothing that must last. */
	if (code == SQLITE_IOERR_SHMSIZE)
		return ERR_DISK_FULL;
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return ERR_OK;
	case SQLITE_NOMEM:
		return ERR_NOMEM;
	case SQLITE_FULL:
		return ERR_DISK_FULL;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return ERR_BUSY;
	case SQLITE_NOTADB:
		return ERR_FOREIGN;
	case SQLITE_CORRUPT:
		return ERR_CORRUPT;
	case SQLITE_CONSTRAINT:
		return ERR_CONFLICT;
	case SQLITE_TOOBIG:
	case SQLITE_MISUSE:
	case SQLITE_RANGE:
		return ERR_INVALID;
	default:
		return ERR_IO;
	}
}

void store_prepare_process(void)
{
	/* Nobody asks SQLite how much memory it has taken, and counting it takes a lock for every piece. */
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

enum err sqlite_exec(sqlite3 *db, const char *sql)
{
	return sqlite_err(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

enum err sqlite_open(const char *path, int readonly, sqlite3 **out)
{
	sqlite3 *db = NULL;
	int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	flags |= readonly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
	int code = sqlite3_open_v2(path, &db, flags, readonly ? NULL : wal_file_vfs());
	if (code == SQLITE_OK)
		code = sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
	if (code != SQLITE_OK) {
		(void)sqlite3_close_v2(db);
		return sqlite_err(code);
	}
	*out = db;
	return ERR_OK;
}

enum err sqlite_setup(sqlite3 *db, int readonly)
{
	/* Only the store checkpoints; a closing reader must not (limits.md: the WAL-reset bug of 3.40.1). */
	if (readonly) {
		int code = sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		return code == SQLITE_OK
			       ? sqlite_exec(db, "PRAGMA wal_autocheckpoint=0; PRAGMA query_only=1;")
			       : sqlite_err(code);
	}
	return sqlite_exec(db,
		"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;"
		"PRAGMA cache_size=-16384; PRAGMA cell_size_check=ON; PRAGMA trusted_schema=OFF;");
}

void sqlite_close(sqlite3 *db)
{
	(void)sqlite3_close_v2(db);
}
