/* What doctor looks at in the data folder. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "daemon/doctor.h"
#include "daemon/loop.h"
#include "daemon/secrets.h"
#include "sync/backup.h"
#include "sync/manage.h"
#include "sync/store.h"

enum {
	PATH_CAP = 4096,
	MEBIBYTE = 1024 * 1024,
	SPACE_LOW_MIB = 64,
	CLOCK_LASTING_MS = 60000,
	HOUR_MS = 3600000
};

/* "DIR/NAME"; the caller frees it. */
static struct buf path_in(const struct doctor *d, const char *name)
{
	struct buf path = buf_make(PATH_CAP);
	buf_fmt(&path, "%s/%s", d->config->data_dir, name);
	return path;
}

void doctor_folder(struct doctor *d)
{
	const char *dir = d->config->data_dir;
	struct stat st;
	if (stat(dir, &st) != 0) {
		doctor_say(d, DOCTOR_FAIL, "%s: %s", dir, strerror(errno));
		buf_fmt(&d->fix, "install -d -m 700 '%s'", dir);
	} else if (!S_ISDIR(st.st_mode)) {
		doctor_say(d, DOCTOR_FAIL, "%s is no folder", dir);
		buf_fmt(&d->fix, "mv '%s' '%s.old' && install -d -m 700 '%s'", dir, dir, dir);
	} else if (access(dir, R_OK | W_OK | X_OK) != 0) {
		doctor_say(d, DOCTOR_FAIL, "%s cannot be written by this user", dir);
		buf_text(&d->fix, "sudo tsuzukid doctor");
	} else if (st.st_mode & 0077) {
		doctor_say(d, DOCTOR_WARN, "%s is open to other users (mode %03o)", dir, st.st_mode & 0777);
		buf_fmt(&d->fix, "chmod 700 '%s'", dir);
	} else {
		doctor_say(d, DOCTOR_OK, "%s, mode %03o", dir, st.st_mode & 0777);
	}
}

/* When the newest session was begun; 0: unknown. */
static int64_t newest_session(const struct doctor *d)
{
	struct reader *reader = NULL;
	int64_t newest = 0;
	if (reader_open(d->config->data_dir, &reader) == ERR_OK)
		(void)manage_newest_session(reader, &newest);
	reader_close(reader);
	return newest;
}

static void check_secret_file(struct doctor *d, const char *path, const struct stat *st)
{
	int64_t newest = newest_session(d);
	if (st->st_mode & 0077) {
		doctor_say(d, DOCTOR_FAIL, "%s can be read by other users (mode %03o)", path,
			st->st_mode & 0777);
		buf_fmt(&d->fix, "chmod 600 '%s'", path);
	} else if (st->st_size < SECRET_LENGTH_MIN) {
		doctor_say(d, DOCTOR_FAIL, "%s holds less than 32 characters", path);
		buf_fmt(&d->fix, "rm '%s' && systemctl restart tsuzukid", path);
	} else if (newest && (int64_t)st->st_mtime * 1000 > newest) {
		doctor_say(d, DOCTOR_WARN,
			"%s is younger than the newest session: sessions of before are refused", path);
		buf_fmt(&d->fix, "cp --preserve=timestamps /path/of/the/old/jwt.secret '%s'", path);
	} else {
		doctor_say(d, DOCTOR_OK, "%s", path);
	}
}

void doctor_secret(struct doctor *d)
{
	struct buf path = path_in(d, "jwt.secret");
	struct stat st;
	if (d->config->jwt_secret)
		doctor_say(d, DOCTOR_OK, "JWT_SECRET of the settings");
	else if (json_is_true(json_object_get(d->status, "credential")))
		doctor_say(d, DOCTOR_OK, "the credential jwt.key");
	else if (buf_ok(&path) && stat(path.ptr, &st) == 0)
		check_secret_file(d, path.ptr, &st);
	else if (errno == ENOENT)
		doctor_say(d, DOCTOR_OK, "none yet; it is made at the first start");
	else
		doctor_say(d, DOCTOR_FAIL, "%s: %s", path.ptr ? path.ptr : "", strerror(errno));
	if (d->result == DOCTOR_FAIL && d->fix.len == 0)
		buf_text(&d->fix, "sudo tsuzukid doctor");
	buf_free(&path);
}

void doctor_database(struct doctor *d)
{
	struct buf path = path_in(d, "tsuzuki.db"), why = buf_make(PATH_CAP);
	struct stat st;
	int64_t findings = 0;
	struct backup_how how = {.dir = d->config->data_dir};
	if (!buf_ok(&path) || stat(path.ptr, &st) != 0) {
		doctor_say(d, errno == ENOENT ? DOCTOR_OK : DOCTOR_FAIL, "%s",
			errno == ENOENT ? "none yet; it is made at the first start" : strerror(errno));
	} else {
		enum err err = backup_verify(path.ptr, &how, &findings, &why);
		if (err || findings) {
			doctor_say(
				d, DOCTOR_FAIL, "%s: %s", path.ptr, why.len ? why.ptr : "it cannot be read");
			/* Damage in the file itself is no matter of rows. */
			bool file = err || str_starts(buf_str(&why), STR("file"));
			buf_fmt(&d->fix,
				file ? "systemctl stop tsuzukid && tsuzukid restore --latest --data-dir '%s'"
				     : "systemctl stop tsuzukid && tsuzukid verify --repair --data-dir '%s'",
				d->config->data_dir);
		} else if (st.st_mode & 0077) {
			doctor_say(d, DOCTOR_WARN, "%s can be read by other users", path.ptr);
			buf_fmt(&d->fix, "chmod 600 '%s'", path.ptr);
		} else {
			doctor_say(d, DOCTOR_OK, "%lld MiB, agrees with itself",
				(long long)st.st_size / MEBIBYTE);
		}
	}
	buf_free(&path);
	buf_free(&why);
}

void doctor_space(struct doctor *d)
{
	struct buf path = path_in(d, "tsuzuki.db");
	struct statvfs fs;
	struct stat st = {0};
	if (statvfs(d->config->data_dir, &fs) != 0) {
		doctor_say(d, DOCTOR_FAIL, "%s: %s", d->config->data_dir, strerror(errno));
		buf_fmt(&d->fix, "install -d -m 700 '%s'", d->config->data_dir);
		buf_free(&path);
		return;
	}
	long long mib = (long long)((uint64_t)fs.f_bavail * fs.f_frsize / MEBIBYTE);
	long long size = buf_ok(&path) && stat(path.ptr, &st) == 0 ? (long long)st.st_size / MEBIBYTE : 0;
	bool low = mib < SPACE_LOW_MIB || mib < size;
	doctor_say(d,
		mib == 0 ? DOCTOR_FAIL
		: low	 ? DOCTOR_WARN
			 : DOCTOR_OK,
		"%lld MiB free%s", mib, low ? ", which is too little for the next backup" : "");
	if (low)
		buf_fmt(&d->fix, "du -xh --max-depth=2 '%s' | sort -h | tail", d->config->data_dir);
	buf_free(&path);
}

static void check_backup_file(struct doctor *d, const char *path, int64_t made_ms)
{
	struct buf why = buf_make(PATH_CAP);
	struct backup_how how = {.dir = d->config->data_dir};
	int64_t findings = 0, age = loop_now().wall_ms - made_ms, every = d->config->backup_every_ms;
	enum err err = backup_verify(path, &how, &findings, &why);
	if (err || findings) {
		doctor_say(d, DOCTOR_FAIL, "%s does not verify: %s", path, why.len ? why.ptr : err_name(err));
		buf_fmt(&d->fix, "tsuzukid backup --data-dir '%s'", d->config->data_dir);
	} else if (every && age > 2 * every) {
		doctor_say(
			d, DOCTOR_WARN, "the newest verifies, but is %lld h old", (long long)age / HOUR_MS);
		buf_fmt(&d->fix, "tsuzukid backup --data-dir '%s'", d->config->data_dir);
	} else {
		doctor_say(d, DOCTOR_OK, "the newest is %lld h old and verifies", (long long)age / HOUR_MS);
	}
	buf_free(&why);
}

void doctor_backup(struct doctor *d)
{
	char name[BACKUP_NAME_SIZE];
	int64_t made_ms = 0;
	struct buf path = buf_make(PATH_CAP);
	if (backup_newest(d->config->data_dir, name, &made_ms) == ERR_OK) {
		buf_fmt(&path, "%s/backups/%s", d->config->data_dir, name);
		check_backup_file(d, path.ptr ? path.ptr : "", made_ms);
	} else {
		doctor_say(d, DOCTOR_WARN, "there is none yet%s",
			d->config->backup_every_ms ? "" : ", and BACKUP_EVERY is off");
		buf_fmt(&d->fix, "tsuzukid backup --data-dir '%s'", d->config->data_dir);
	}
	buf_free(&path);
}

void doctor_clock(struct doctor *d)
{
	struct reader *reader = NULL;
	int64_t offset = 0;
	enum err err = reader_open(d->config->data_dir, &reader);
	if (!err)
		err = manage_clock_offset(reader, &offset);
	reader_close(reader);
	if (err) {
		doctor_say(d, DOCTOR_OK, "nothing is known of it yet");
	} else if (offset >= CLOCK_LASTING_MS) {
		doctor_say(d, DOCTOR_WARN, "was set back by %lld s; times are counted on from before",
			(long long)offset / 1000);
		buf_text(&d->fix, "timedatectl set-ntp true");
	} else {
		doctor_say(d, DOCTOR_OK, "was not set back");
	}
}
