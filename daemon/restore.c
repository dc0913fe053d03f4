/* The command `tsuzukid restore`. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/admin_run.h"
#include "daemon/backup.h"
#include "daemon/loop.h"
#include "sync/backup.h"
#include "sync/restore.h"
#include "sync/store.h"

enum { TEXT_MAX = 8192, PATH_CAP = 4096 };

/* One run of the command. */
struct restoring {
	const struct config *config;
	bool end_sessions;
	struct buf from;   /* what is restored */
	struct buf folder; /* where the copy lies */
	struct buf kept;   /* what it replaces */
	struct buf why;
	int database; /* descriptors of what is restored */
	int wal;
	int lock;
	int64_t newest_session_ms;
};

static int complain(struct restoring *r, enum admin_exit code, const char *what, enum err err)
{
	if (r->why.len)
		(void)fprintf(stderr, "%s\n", r->why.ptr);
	else
		(void)fprintf(
			stderr, "%s: %s.\n", what, err == ERR_DISK_FULL ? "the disk is full" : err_name(err));
	return (int)code;
}

/* --- what is restored --- */

static bool find_source(struct restoring *r, const struct cli *cli)
{
	char name[BACKUP_NAME_SIZE];
	int64_t made = 0;
	if (cli->arg_count) {
		buf_text(&r->from, cli->args[0]);
	} else if (backup_newest(r->config->data_dir, name, &made) == ERR_OK) {
		buf_fmt(&r->from, "%s/backups/%s", r->config->data_dir, name);
	} else {
		buf_fmt(&r->why,
			"There is no backup in %s/backups. Name a file, or another data folder with "
			"--data-dir.",
			r->config->data_dir);
		return false;
	}
	return buf_ok(&r->from);
}

/* As whoever started the command: the file may be where the daemon's user may not look. */
static bool open_source(struct restoring *r)
{
	struct stat st;
	struct buf wal = buf_make(PATH_CAP);
	r->database = open(r->from.ptr, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	bool good = r->database >= 0 && fstat(r->database, &st) == 0 && S_ISREG(st.st_mode);
	if (!good)
		buf_fmt(&r->why, "%s cannot be read: %s.", r->from.ptr,
			r->database < 0 ? strerror(errno) : "it is no file");
	/* A database that was copied or moved away together with its log. */
	buf_fmt(&wal, "%s-wal", r->from.ptr);
	if (good && buf_ok(&wal))
		r->wal = open(wal.ptr, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	buf_free(&wal);
	return good;
}

/* --- the copy, made fit --- */

static enum err end_sessions(struct store *store)
{
	struct job *job = manage_end_sessions_make();
	if (!job)
		return ERR_NOMEM;
	store_run(store, job, loop_now());
	enum err err = job->err;
	job_free(job);
	return err;
}

static enum err look_at_sessions(struct restoring *r)
{
	struct reader *reader = NULL;
	enum err err = reader_open(r->folder.ptr, &reader);
	if (!err)
		err = manage_newest_session(reader, &r->newest_session_ms);
	reader_close(reader);
	return err;
}

/* Opening judges and migrates it; closing folds its log into it. */
static enum err make_fit(struct restoring *r)
{
	struct store *store = NULL;
	enum err err = admin_open_store(r->config, r->folder.ptr, &store, &r->why);
	if (!err && r->end_sessions)
		err = end_sessions(store);
	if (!err)
		err = look_at_sessions(r);
	store_close(store);
	return err;
}

static enum err verify_copy(struct restoring *r)
{
	struct backup_how how = {.dir = r->folder.ptr};
	struct buf path = buf_make(PATH_CAP), first = buf_make(PATH_CAP);
	int64_t findings = 0;
	buf_fmt(&path, "%s/tsuzuki.db", r->folder.ptr);
	enum err err = buf_ok(&path) ? backup_verify(path.ptr, &how, &findings, &first) : ERR_NOMEM;
	if (!err && findings) {
		err = ERR_CORRUPT;
		buf_fmt(&r->why,
			"%s does not agree with itself (%lld findings; the first: %s). Nothing was "
			"changed; name another backup.",
			r->from.ptr, (long long)findings, first.ptr ? first.ptr : "");
	}
	buf_free(&path);
	buf_free(&first);
	return err;
}

/* --- afterwards --- */

static void warn_of_secret(const struct restoring *r)
{
	struct stat st;
	struct buf path = buf_make(PATH_CAP);
	buf_fmt(&path, "%s/jwt.secret", r->config->data_dir);
	if (!r->config->jwt_secret && !r->end_sessions && buf_ok(&path) && stat(path.ptr, &st) == 0 &&
		(int64_t)st.st_mtime * 1000 > r->newest_session_ms && r->newest_session_ms)
		(void)fprintf(stderr,
			"Warning: %s is younger than the newest session, so it is not the secret that the "
			"sessions were begun with: everybody has to log in anew, unless you put the old "
			"one back.\n",
			path.ptr);
	buf_free(&path);
}

static void tell(const struct restoring *r)
{
	(void)printf("Restored %s.\n", r->from.ptr);
	if (r->kept.len)
		(void)printf("What was there before is %s; tsuzukid restore takes it back.\n", r->kept.ptr);
	if (r->end_sessions)
		(void)printf("Every session was ended: everybody has to log in anew.\n");
	else
		(void)printf("Sessions that were ended since that backup live again, and passwords are those "
			     "of then. To have everybody log in anew, restore with --end-sessions.\n");
	(void)printf("Start tsuzukid now: devices give back what they hold and this backup lacks.\n");
	warn_of_secret(r);
}

static int run(struct restoring *r)
{
	enum err err = restore_stage(r->config->data_dir, r->database, r->wal);
	if (err)
		return complain(r, ADMIN_IO, "The backup cannot be copied into the data folder", err);
	err = make_fit(r);
	if (!err)
		err = verify_copy(r);
	if (err == ERR_FOREIGN || err == ERR_NEWER || err == ERR_CORRUPT)
		return complain(r, ADMIN_CONFIG, "The backup cannot be used", err);
	if (err)
		return complain(r, ADMIN_IO, "The backup cannot be looked at", err);
	err = restore_put(r->config->data_dir, loop_now().wall_ms, &r->kept);
	if (err)
		return complain(r, ADMIN_IO, "The backup cannot be put in place", err);
	tell(r);
	return fflush(stdout) == 0 ? ADMIN_OK : ADMIN_IO;
}

static void forget(struct restoring *r)
{
	if (r->lock >= 0) {
		restore_clear(r->config->data_dir);
		(void)close(r->lock);
	}
	if (r->database >= 0)
		(void)close(r->database);
	if (r->wal >= 0)
		(void)close(r->wal);
	buf_free(&r->from);
	buf_free(&r->folder);
	buf_free(&r->kept);
	buf_free(&r->why);
}

int restore_command(const struct config *config, const struct cli *cli)
{
	struct restoring r = {.config = config,
		.end_sessions = cli->end_sessions,
		.from = buf_make(PATH_CAP),
		.folder = buf_make(PATH_CAP),
		.kept = buf_make(PATH_CAP),
		.why = buf_make(TEXT_MAX),
		.database = -1,
		.wal = -1,
		.lock = -1};
	int code = ADMIN_IO;
	buf_fmt(&r.folder, "%s/" RESTORE_FOLDER, config->data_dir);
	if (cli->latest == (cli->arg_count > 0))
		code = admin_complain(ADMIN_USAGE, "Say what to restore: --latest, or the path of a backup. "
						   "See tsuzukid restore --help.");
	else if (!find_source(&r, cli) || !open_source(&r))
		code = complain(&r, ADMIN_IO, "There is nothing to restore", ERR_NOT_FOUND);
	else if (admin_as_owner(config)) {
		enum err err = store_lock(config->data_dir, &r.lock, &r.why);
		code = err ? complain(&r, err == ERR_BUSY ? ADMIN_UNAVAILABLE : ADMIN_IO,
				     "The data folder cannot be locked", err)
			   : run(&r);
	}
	forget(&r);
	return code;
}
