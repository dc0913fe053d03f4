#include "sync/repair.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sync/base/time.h"
#include "sync/tx.h"
#include "sync/verifying.h"

enum { REPAIR_ARENA = 4096, PATH_MAX_BYTES = 4096 };

/* --- the backup --- */

static void backup_path(const char *dir, int64_t now_ms, struct buf *path)
{
	char text[TIME_TEXT_SIZE];
	time_to_text(now_ms, text);
	buf_fmt(path, "%s/backups/before-repair-", dir);
	for (const char *c = text; *c; c++)
		if (*c != '-' && *c != ':' && *c != '.')
			buf_char(path, *c);
	buf_text(path, ".db");
}

static enum err vacuum_into(const char *from, const char *to)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;
	enum err err = sqlite_open(from, 1, &db);
	if (err)
		return err;
	int code = sqlite3_prepare_v2(db, "VACUUM INTO ?", -1, &stmt, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_bind_text(stmt, 1, to, -1, SQLITE_STATIC);
	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	(void)sqlite3_finalize(stmt);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite_close(db);
	return sqlite_err(code);
}

static enum err read_back(const char *path)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;
	bool good = false;
	enum err err = sqlite_open(path, 1, &db);
	if (err)
		return err;
	int code = sqlite3_prepare_v2(db, "PRAGMA integrity_check(1)", -1, &stmt, NULL);
	if (code == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(stmt, 0);
		good = text && strcmp(text, "ok") == 0;
	}
	(void)sqlite3_finalize(stmt);
	sqlite_close(db);
	return good ? ERR_OK : ERR_CORRUPT;
}

static enum err sync_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	if (!file)
		return ERR_IO;
	int failed = fsync(fileno(file));
	return fclose(file) == 0 && !failed ? ERR_OK : ERR_IO;
}

enum err repair_backup(const char *dir, int64_t now_ms, struct buf *path, struct buf *why)
{
	struct buf from = buf_make(PATH_MAX_BYTES);
	buf_clear(path);
	buf_fmt(path, "%s/backups", dir);
	enum err err = buf_ok(path) ? ERR_OK : ERR_NOMEM;
	if (!err && mkdir(path->ptr, 0700) != 0 && errno != EEXIST)
		err = ERR_IO;
	buf_clear(path);
	backup_path(dir, now_ms, path);
	buf_fmt(&from, "%s/tsuzuki.db", dir);
	if (!err && !(buf_ok(path) && buf_ok(&from)))
		err = ERR_NOMEM;
	struct stat there;
	if (!err && stat(path->ptr, &there) == 0)
		err = ERR_CONFLICT; /* never over another one */
	if (!err) {
		err = vacuum_into(from.ptr, path->ptr);
		if (!err && chmod(path->ptr, 0600) != 0)
			err = ERR_IO;
		if (!err)
			err = sync_file(path->ptr);
		if (!err)
			err = read_back(path->ptr);
		if (err)
			(void)remove(path->ptr);
	}
	if (err)
		buf_fmt(why, "The backup %s could not be made (%s), so nothing was repaired.",
			path->ptr ? path->ptr : dir, err_name(err));
	buf_free(&from);
	return err;
}

/* --- the job --- */

static enum err repair_users(struct verifying *v)
{
	enum err err = ERR_OK;
	struct query q = stmt_query(v->s, STMT_VERIFY_ACCOUNTS);
	while (!err && query_row(&q)) {
		if (query_get_int(&q, 1) & PURGE_ACCOUNT_BIT)
			continue;
		v->counts->users++;
		err = verify_user_items(v, (uint64_t)query_get_int(&q, 0), query_get_int(&q, 3) != 0);
	}
	enum err end = query_end(&q);
	return err ? err : end;
}

static enum err repair_run(struct tx *tx, struct job *job)
{
	struct repair *r = (struct repair *)job;
	struct verifying v = {.s = tx->s,
		.found = r->found,
		.context = r->context,
		.counts = &r->counts,
		.text = buf_make(VERIFY_TEXT),
		.arena = arena_make(VERIFY_ARENA),
		.repair = true};
	memset(&r->counts, 0, sizeof r->counts);
	r->healed = 0;
	/* Indexes first: everything below finds its rows by them. */
	struct query q = stmt_query(tx->s, STMT_VERIFY_REINDEX);
	enum err err = query_run(&q);
	if (!err)
		err = repair_users(&v);
	if (!err)
		err = verify_people(&v);
	r->healed = v.healed;
	arena_free(&v.arena);
	buf_free(&v.text);
	return err;
}

struct repair *repair_make(void)
{
	return job_make(sizeof(struct repair), repair_run, REPAIR_ARENA);
}
