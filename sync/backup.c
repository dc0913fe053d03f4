#include "sync/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sync/base/time.h"
#include "sync/reader.h"
#include "sync/store.h"
#include "sync/verify.h"

enum { PATH_CAP = 4096, LOOK_EVERY = 20000, NAMES_MOST = 4096 };

#define PARTIAL ".partial"

/* --- names --- */

/* "tsuzuki-20260213T100000000Z.db", of the ISO text without its separators. */
static void name_of(const char *prefix, int64_t ms, struct buf *out)
{
	char text[TIME_TEXT_SIZE];
	time_to_text(ms, text);
	buf_text(out, prefix);
	for (const char *c = text; *c; c++)
		if (*c != '-' && *c != ':' && *c != '.')
			buf_char(out, *c);
	buf_text(out, ".db");
}

bool backup_named(const char *name, int64_t *made_ms)
{
	static const char shape[] = "0000-00-00T00:00:00.000Z";
	char iso[TIME_TEXT_SIZE];
	const char *c = name;
	int64_t ms = 0;
	if (strncmp(name, BACKUP_PREFIX, sizeof BACKUP_PREFIX - 1) != 0)
		return false;
	c += sizeof BACKUP_PREFIX - 1;
	for (size_t i = 0; i < sizeof iso - 1; i++) {
		bool separator = shape[i] == '-' || shape[i] == ':' || shape[i] == '.';
		if (!separator && !*c)
			return false;
		iso[i] = (char)(separator ? shape[i] : *c++);
	}
	if (strcmp(c, ".db") != 0 || !time_parse((struct str){iso, sizeof iso - 1}, &ms))
		return false;
	*made_ms = ms;
	return true;
}

/* --- on the disk --- */

static enum err failure(void)
{
	return errno == ENOSPC || errno == EDQUOT ? ERR_DISK_FULL : ERR_IO;
}

static enum err sync_path(const char *path, int flags)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | flags);
	enum err err = fd < 0 || fsync(fd) != 0 ? failure() : ERR_OK;
	if (fd >= 0)
		(void)close(fd);
	return err;
}

enum err backup_sync_file(const char *path)
{
	return sync_path(path, O_NOFOLLOW);
}

enum err backup_sync_folder(const char *path)
{
	return sync_path(path, O_DIRECTORY);
}

/* --- making one --- */

static int on_progress(void *context)
{
	const struct backup_how *how = context;
	return how->stop && how->stop(how->context);
}

static void watch(sqlite3 *db, const struct backup_how *how)
{
	if (how->stop)
		sqlite3_progress_handler(db, LOOK_EVERY, on_progress, (void *)(uintptr_t)how);
}

static enum err told(const struct backup_how *how, enum err err)
{
	return err && how->stop && how->stop(how->context) ? ERR_EXPIRED : err;
}

static enum err copy_database(const struct backup_how *how, const char *to)
{
	struct buf from = buf_make(PATH_CAP);
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;
	buf_fmt(&from, "%s/tsuzuki.db", how->dir);
	enum err err = buf_ok(&from) ? sqlite_open(from.ptr, 1, &db) : ERR_NOMEM;
	buf_free(&from);
	if (err)
		return err;
	watch(db, how);
	/* Not the one that closes last, if a daemon dies meanwhile: it must not checkpoint. */
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	int code = sqlite3_prepare_v2(db, "VACUUM INTO ?", -1, &stmt, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_bind_text(stmt, 1, to, -1, SQLITE_STATIC);
	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	(void)sqlite3_finalize(stmt);
	sqlite_close(db);
	return told(how, sqlite_err(code));
}

/* Nothing of a mail that was owed then is sent, and no mailed password works, when it is restored. */
enum err backup_scrub(const char *path)
{
	sqlite3 *db = NULL;
	enum err err = sqlite_open(path, 0, &db);
	if (err)
		return err;
	err = sqlite_exec(db, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA secure_delete=ON;"
			      "DELETE FROM owed_mail;"
			      "UPDATE profile SET reset_hash = NULL, reset_expires = NULL"
			      " WHERE reset_hash IS NOT NULL;");
	sqlite_close(db);
	return err;
}

struct first_finding {
	struct buf *why;
	bool told;
	bool file; /* the file itself is damaged */
};

static void on_found(void *context, const struct finding *finding)
{
	struct first_finding *first = context;
	if (!first->told)
		buf_fmt(first->why, "%s: %s", finding_names[finding->kind], finding->text);
	first->told = true;
	first->file |= finding->kind == FINDING_FILE;
}

static enum err look(
	const char *path, const struct backup_how *how, int64_t *findings, bool *file, struct buf *why)
{
	struct reader *reader = NULL;
	struct verify_counts counts = {0};
	struct first_finding first = {.why = why};
	enum err err = reader_open_file(path, &reader);
	if (!err) {
		watch(reader->statements.db, how);
		err = told(how, verify_run(reader, on_found, &first, &counts));
	}
	reader_close(reader);
	/* An interrupted look may have taken the interruption for damage. */
	if (!err && counts.findings)
		err = told(how, ERR_CORRUPT) == ERR_EXPIRED ? ERR_EXPIRED : ERR_OK;
	*findings = counts.findings;
	*file = first.file;
	return err;
}

enum err backup_verify(const char *path, const struct backup_how *how, int64_t *findings, struct buf *why)
{
	bool file = false;
	return look(path, how, findings, &file, why);
}

static enum err check(const struct backup_how *how, const char *path, struct buf *why)
{
	int64_t findings = 0;
	bool file = false;
	struct buf first = buf_make(PATH_CAP);
	enum err err = look(path, how, &findings, &file, &first);
	if (!err && findings && (file || !how->damaged)) {
		err = ERR_CORRUPT;
		buf_fmt(why,
			"The database does not agree with itself (%s), so no backup of it was kept. Run "
			"tsuzukid verify.",
			first.ptr ? first.ptr : "no memory to say how");
	}
	buf_free(&first);
	return err;
}

/* Empty and the owner's alone from the first byte on; SQLite takes an empty file for none. */
static enum err make_empty(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	enum err err = fd < 0 || fchmod(fd, 0600) != 0 ? failure() : ERR_OK;
	if (fd >= 0)
		(void)close(fd);
	return err;
}

static enum err make_at(const struct backup_how *how, const char *folder, const char *path, struct buf *why)
{
	struct buf partial = buf_make(PATH_CAP);
	buf_fmt(&partial, "%s" PARTIAL, path);
	enum err err = buf_ok(&partial) ? make_empty(partial.ptr) : ERR_NOMEM;
	if (!err)
		err = copy_database(how, partial.ptr);
	if (!err)
		err = backup_scrub(partial.ptr);
	if (!err)
		err = backup_sync_file(partial.ptr);
	if (!err)
		err = check(how, partial.ptr, why);
	if (!err && rename(partial.ptr, path) != 0)
		err = failure();
	if (!err)
		err = backup_sync_folder(folder);
	if (err && partial.ptr)
		(void)unlink(partial.ptr);
	buf_free(&partial);
	return err;
}

/* What a crash left half done. */
static void sweep(const char *folder)
{
	struct buf path = buf_make(PATH_CAP);
	DIR *dir = opendir(folder);
	for (const struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
		size_t len = strlen(entry->d_name), end = sizeof PARTIAL - 1;
		if (len < end || strcmp(entry->d_name + len - end, PARTIAL) != 0)
			continue;
		buf_clear(&path);
		buf_fmt(&path, "%s/%s", folder, entry->d_name);
		if (buf_ok(&path))
			(void)unlink(path.ptr);
	}
	if (dir)
		(void)closedir(dir);
	buf_free(&path);
}

enum err backup_make(const struct backup_how *how, struct buf *path, struct buf *why)
{
	struct buf folder = buf_make(PATH_CAP);
	struct stat there;
	buf_clear(path);
	buf_fmt(&folder, "%s/backups", how->dir);
	buf_fmt(path, "%s/", folder.ptr ? folder.ptr : "");
	name_of(how->prefix, how->now_ms, path);
	enum err err = buf_ok(path) && buf_ok(&folder) && path->ptr && folder.ptr ? ERR_OK : ERR_NOMEM;
	if (!err && mkdir(folder.ptr, 0700) != 0 && errno != EEXIST)
		err = failure();
	if (!err && lstat(path->ptr, &there) == 0)
		err = ERR_CONFLICT; /* never over another one */
	if (!err)
		sweep(folder.ptr);
	if (!err)
		err = make_at(how, folder.ptr, path->ptr, why);
	if (err && why->len == 0)
		buf_fmt(why, "The backup %s could not be made: %s.", path->ptr ? path->ptr : how->dir,
			err == ERR_DISK_FULL ? "the disk is full" : err_name(err));
	buf_free(&folder);
	return err;
}

/* --- those that are there --- */

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Names of regular ones into names[], in any order. */
static enum err collect(const char *folder, char (*names)[BACKUP_NAME_SIZE], size_t *count)
{
	DIR *dir = opendir(folder);
	int64_t made = 0;
	if (!dir)
		return errno == ENOENT ? ERR_OK : ERR_IO;
	for (const struct dirent *entry; (entry = readdir(dir)) != NULL && *count < NAMES_MOST;)
		if (strlen(entry->d_name) < BACKUP_NAME_SIZE && backup_named(entry->d_name, &made))
			memcpy(names[(*count)++], entry->d_name, strlen(entry->d_name) + 1);
	(void)closedir(dir);
	return ERR_OK;
}

static enum err list(const char *dir, char (**out)[BACKUP_NAME_SIZE], size_t *count)
{
	struct buf folder = buf_make(PATH_CAP);
	char(*names)[BACKUP_NAME_SIZE] = calloc(NAMES_MOST, BACKUP_NAME_SIZE);
	buf_fmt(&folder, "%s/backups", dir);
	*count = 0;
	enum err err = names && buf_ok(&folder) ? collect(folder.ptr, names, count) : ERR_NOMEM;
	buf_free(&folder);
	if (err) {
		free(names);
		return err;
	}
	qsort(names, *count, BACKUP_NAME_SIZE, by_name);
	*out = names;
	return ERR_OK;
}

enum err backup_newest(const char *dir, char name[BACKUP_NAME_SIZE], int64_t *made_ms)
{
	char(*names)[BACKUP_NAME_SIZE] = NULL;
	size_t count = 0;
	enum err err = list(dir, &names, &count);
	if (!err && count == 0)
		err = ERR_NOT_FOUND;
	if (!err) {
		memcpy(name, names[count - 1], BACKUP_NAME_SIZE);
		(void)backup_named(name, made_ms);
	}
	free(names);
	return err;
}

enum err backup_prune(const char *dir, unsigned keep, const char *made, unsigned *removed)
{
	char(*names)[BACKUP_NAME_SIZE] = NULL;
	size_t count = 0;
	struct buf path = buf_make(PATH_CAP);
	enum err err = list(dir, &names, &count);
	*removed = 0;
	for (size_t i = 0; !err && i + keep < count; i++) {
		buf_clear(&path);
		buf_fmt(&path, "%s/backups/%s", dir, names[i]);
		if (!buf_ok(&path))
			err = ERR_NOMEM;
		else if (strcmp(path.ptr, made) == 0)
			continue; /* a clock that was set back makes it look old */
		else if (unlink(path.ptr) == 0)
			++*removed;
		else
			err = ERR_IO;
	}
	free(names);
	buf_free(&path);
	return err;
}
