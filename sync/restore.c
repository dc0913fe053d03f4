#include "sync/restore.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sync/backup.h"
#include "sync/base/time.h"
#include "sync/settle.h"
#include "sync/sqlite.h"

enum { PATH_CAP = 4096, PIECE = 65536 };

static enum err failure(void)
{
	return errno == ENOSPC || errno == EDQUOT ? ERR_DISK_FULL : ERR_IO;
}

/* "DIR/NAME" */
static bool join(struct buf *out, const char *dir, const char *name)
{
	buf_clear(out);
	buf_fmt(out, "%s/%s", dir, name);
	return buf_ok(out) && out->ptr;
}

/* --- staging --- */

static enum err copy(int in, int out)
{
	unsigned char *piece = malloc(PIECE);
	enum err err = piece ? ERR_OK : ERR_NOMEM;
	ssize_t n = 1;
	for (off_t at = 0; !err && n > 0; at += n) {
		n = pread(in, piece, PIECE, at);
		for (ssize_t done = 0; done < n && !err;) {
			ssize_t written = write(out, piece + done, (size_t)(n - done));
			if (written <= 0)
				err = failure();
			else
				done += written;
		}
		if (n < 0)
			err = ERR_IO;
	}
	free(piece);
	return err;
}

static enum err stage_file(const char *dir, const char *name, int in)
{
	struct buf path = buf_make(PATH_CAP);
	int out = join(&path, dir, name)
			  ? open(path.ptr, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)
			  : -1;
	enum err err = out < 0 ? failure() : copy(in, out);
	if (!err && fsync(out) != 0)
		err = failure();
	if (out >= 0 && close(out) != 0 && !err)
		err = failure();
	buf_free(&path);
	return err;
}

enum err restore_stage(const char *dir, int database, int wal)
{
	struct buf folder = buf_make(PATH_CAP);
	restore_clear(dir);
	enum err err = join(&folder, dir, RESTORE_FOLDER) ? ERR_OK : ERR_NOMEM;
	if (!err && mkdir(folder.ptr, 0700) != 0)
		err = failure();
	if (!err)
		err = stage_file(folder.ptr, "tsuzuki.db", database);
	if (!err && wal >= 0)
		err = stage_file(folder.ptr, "tsuzuki.db-wal", wal);
	buf_free(&folder);
	return err;
}

/* The folder of backups that a migration there has made. */
static void clear_backups(const char *folder)
{
	struct buf backups = buf_make(PATH_CAP), path = buf_make(PATH_CAP);
	DIR *dir = join(&backups, folder, "backups") ? opendir(backups.ptr) : NULL;
	for (const struct dirent *entry; dir && (entry = readdir(dir)) != NULL;)
		if (entry->d_name[0] != '.' && join(&path, backups.ptr, entry->d_name))
			(void)unlink(path.ptr);
	if (dir) {
		(void)closedir(dir);
		(void)rmdir(backups.ptr);
	}
	buf_free(&backups);
	buf_free(&path);
}

/* Everything that opening and migrating a database there can leave. */
void restore_clear(const char *dir)
{
	static const char *const names[] = {"tsuzuki.db", "tsuzuki.db-wal", "tsuzuki.db-shm",
		"tsuzuki.db-journal", "tsuzuki.db.settled", "tsuzuki.db-wal.settled", "tsuzuki.lock"};
	struct buf folder = buf_make(PATH_CAP), path = buf_make(PATH_CAP);
	if (join(&folder, dir, RESTORE_FOLDER)) {
		for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
			if (join(&path, folder.ptr, names[i]))
				(void)unlink(path.ptr);
		clear_backups(folder.ptr);
		(void)rmdir(folder.ptr);
	}
	buf_free(&folder);
	buf_free(&path);
}

/* --- putting it in place --- */

/*
 * A database that is sound takes what its log holds, so that the exchange is one rename. false: it is not,
 * and the log is all that there is of what it held.
 */
static bool fold_log(const char *dir, const char *path)
{
	sqlite3 *db = NULL;
	if (settle_database(dir) || sqlite_open(path, 0, &db))
		return false;
	enum err err = sqlite_setup(db, 0);
	if (!err)
		err = sqlite_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)");
	sqlite_close(db);
	return !err;
}

/* A second name; where a file system has none, a rename. */
static enum err keep_as(const char *path, const char *kept)
{
	if (link(path, kept) == 0 || errno == ENOENT)
		return ERR_OK;
	if (errno != EPERM && errno != EOPNOTSUPP && errno != EMLINK)
		return failure();
	return rename(path, kept) == 0 ? ERR_OK : failure();
}

static void kept_name(const char *dir, int64_t now_ms, struct buf *out)
{
	char text[TIME_TEXT_SIZE];
	time_to_text(now_ms, text);
	buf_clear(out);
	buf_fmt(out, "%s/backups/replaced-", dir);
	for (const char *c = text; *c; c++)
		if (*c != '-' && *c != ':' && *c != '.')
			buf_char(out, *c);
	buf_text(out, ".db");
}

/* The database that is there gets its second name, its log too. */
static enum err keep_old(const char *dir, const char *path, int64_t now_ms, struct buf *kept)
{
	struct buf folder = buf_make(PATH_CAP), wal = buf_make(PATH_CAP), kept_wal = buf_make(PATH_CAP);
	kept_name(dir, now_ms, kept);
	buf_fmt(&wal, "%s-wal", path);
	buf_fmt(&kept_wal, "%s-wal", kept->ptr ? kept->ptr : "");
	enum err err = join(&folder, dir, "backups") && buf_ok(kept) && buf_ok(&wal) && buf_ok(&kept_wal) &&
				       kept->ptr && kept_wal.ptr
			       ? ERR_OK
			       : ERR_NOMEM;
	if (!err && mkdir(folder.ptr, 0700) != 0 && errno != EEXIST)
		err = failure();
	/* The log first: SQLite takes away that of a database which it cannot read. */
	bool log = !err && access(wal.ptr, F_OK) == 0;
	if (log)
		err = keep_as(wal.ptr, kept_wal.ptr);
	if (log && !err && access(wal.ptr, F_OK) == 0 && fold_log(dir, path))
		(void)unlink(kept_wal.ptr);
	if (!err)
		err = keep_as(path, kept->ptr);
	if (!err)
		err = backup_sync_folder(folder.ptr);
	/* Never may the old log be read with the new database. */
	if (!err && unlink(wal.ptr) != 0 && errno != ENOENT)
		err = failure();
	buf_free(&folder);
	buf_free(&wal);
	buf_free(&kept_wal);
	return err;
}

static enum err drop_index(const char *path)
{
	struct buf shm = buf_make(PATH_CAP);
	buf_fmt(&shm, "%s-shm", path);
	enum err err = !buf_ok(&shm)				 ? ERR_NOMEM
		       : unlink(shm.ptr) == 0 || errno == ENOENT ? ERR_OK
								 : failure();
	buf_free(&shm);
	return err;
}

enum err restore_put(const char *dir, int64_t now_ms, struct buf *kept)
{
	struct buf path = buf_make(PATH_CAP), fresh = buf_make(PATH_CAP);
	bool good = join(&path, dir, "tsuzuki.db") && join(&fresh, dir, RESTORE_FOLDER "/tsuzuki.db");
	enum err err = good ? backup_sync_file(fresh.ptr) : ERR_NOMEM;
	bool there = good && access(path.ptr, F_OK) == 0;
	buf_clear(kept);
	if (!err && there)
		err = keep_old(dir, path.ptr, now_ms, kept);
	if (!err)
		err = drop_index(path.ptr);
	if (!err && rename(fresh.ptr, path.ptr) != 0)
		err = failure();
	if (!err)
		err = backup_sync_folder(dir);
	buf_free(&path);
	buf_free(&fresh);
	return err;
}
