#include "sync/migrate.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "schema/schema.h"
#include "sync/backup.h"
#include "sync/base/str.h"

static enum err pragma_int(sqlite3 *db, const char *sql, int64_t *out)
{
	sqlite3_stmt *stmt = NULL;
	int code = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	if (code == SQLITE_ROW)
		*out = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	return code == SQLITE_ROW ? ERR_OK : sqlite_err(code == SQLITE_DONE ? SQLITE_CORRUPT : code);
}

static enum err judge_error(enum err err, const char *path, struct buf *why)
{
	if (err == ERR_FOREIGN)
		buf_fmt(why,
			"%s is not a tsuzuki database. Move it away, or name another folder with DATA_DIR.",
			path);
	else if (err == ERR_CORRUPT)
		buf_fmt(why, "%s is damaged. Put a backup in its place (see %s's folder backups/).", path,
			path);
	else
		buf_fmt(why, "%s cannot be read: %s. Check its owner, its permissions and the disk.", path,
			err_name(err));
	return err;
}

enum err migrate_judge(sqlite3 *db, const char *path, int *version, struct buf *why)
{
	int64_t application = 0;
	int64_t user_version = 0;
	int64_t tables = 0;
	enum err err = pragma_int(db, "PRAGMA application_id", &application);
	if (!err)
		err = pragma_int(db, "PRAGMA user_version", &user_version);
	if (!err)
		err = pragma_int(db, "SELECT count(*) FROM sqlite_schema", &tables);
	if (err)
		return judge_error(err, path, why);
	if (application == 0 && user_version == 0 && tables == 0) {
		*version = 0;
		return ERR_OK;
	}
	if (application != MIGRATE_APPLICATION)
		return judge_error(ERR_FOREIGN, path, why);
	if (user_version > (int64_t)migration_count) {
		buf_fmt(why,
			"%s was made by a newer tsuzuki (schema %lld, this program knows %zu). Install that "
			"version again, "
			"or restore a backup made before the upgrade.",
			path, (long long)user_version, migration_count);
		return ERR_NEWER;
	}
	if (user_version < 1)
		return judge_error(ERR_CORRUPT, path, why);
	sqlite3_stmt *stmt = NULL;
	int code = sqlite3_prepare_v2(db, "SELECT 1 FROM account, login, meta LIMIT 1", -1, &stmt, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	(void)sqlite3_finalize(stmt);
	/* SQLITE_ERROR: a table is missing. A disk that cannot be read says nothing of the file. */
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		return judge_error(code == SQLITE_ERROR ? ERR_CORRUPT : sqlite_err(code), path, why);
	*version = (int)user_version;
	return ERR_OK;
}

static enum err backup(sqlite3 *db, const char *dir, int version, struct buf *why)
{
	struct buf path = buf_make(4096);
	buf_fmt(&path, "%s/backups", dir);
	if (buf_ok(&path) && mkdir(path.ptr, 0700) != 0 && errno != EEXIST) {
		buf_fmt(why, "%s cannot be made; a migration needs it for its backup.", path.ptr);
		buf_free(&path);
		return ERR_IO;
	}
	buf_fmt(&path, "/before-schema-%zu-from-%d.db", migration_count, version);
	sqlite3_stmt *stmt = NULL;
	int code = buf_ok(&path) ? SQLITE_OK : SQLITE_NOMEM;
	/* One that a failed try left behind is older than what it should protect. */
	if (code == SQLITE_OK && remove(path.ptr) != 0 && errno != ENOENT)
		code = SQLITE_IOERR;
	if (code == SQLITE_OK)
		code = sqlite3_prepare_v2(db, "VACUUM INTO ?", -1, &stmt, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_bind_text(stmt, 1, path.ptr, -1, SQLITE_STATIC);
	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	(void)sqlite3_finalize(stmt);
	if (code == SQLITE_DONE && chmod(path.ptr, 0600) != 0)
		code = SQLITE_IOERR;
	enum err err = sqlite_err(code);
	if (!err)
		err = backup_scrub(path.ptr);
	if (!err)
		err = backup_sync_file(path.ptr);
	if (err)
		buf_fmt(why, "The backup %s could not be made (%s), so nothing was migrated.",
			path.ptr ? path.ptr : "", err_name(err));
	buf_free(&path);
	return err;
}

static enum err migrate_one(sqlite3 *db, int number)
{
	char mark[96];
	(void)snprintf(mark, sizeof mark, "PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT;",
		MIGRATE_APPLICATION, number);
	enum err err = sqlite_exec(db, "BEGIN IMMEDIATE");
	if (err)
		return err;
	err = sqlite_exec(db, (const char *)migrations[number - 1].sql);
	if (!err)
		err = sqlite_exec(db, mark);
	if (err)
		(void)sqlite_exec(db, "ROLLBACK");
	return err;
}

enum err migrate_run(sqlite3 *db, const char *dir, int version, struct buf *why)
{
	enum err err = ERR_OK;
	if (version > 0 && version < (int)migration_count)
		err = backup(db, dir, version, why);
	for (int number = version + 1; number <= (int)migration_count && !err; number++) {
		err = migrate_one(db, number);
		if (err)
			buf_fmt(why, "Migration %d (%s) failed: %s. The database is as it was.", number,
				migrations[number - 1].name, err_name(err));
	}
	return err;
}
