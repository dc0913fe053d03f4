#include "daemon/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/admin_run.h"
#include "daemon/limits.h"
#include "daemon/loop.h"
#include "sync/backup.h"

enum { PIECE = 65536, TEXT_MAX = 8192 };

/* No daemon runs: the store is open, so nobody else writes. */
static void make_here(
	const struct config *config, struct store *store, const json_t *request, struct buf *answer)
{
	struct buf path = buf_make(TEXT_MAX), why = buf_make(TEXT_MAX);
	struct backup_how how = {
		.dir = config->data_dir, .prefix = BACKUP_PREFIX, .now_ms = loop_now().wall_ms};
	unsigned removed = 0;
	(void)store;
	(void)request;
	enum err err = backup_make(&how, &path, &why);
	if (!err && backup_prune(config->data_dir, config->backup_keep, path.ptr, &removed))
		(void)fprintf(stderr, "Old backups in %s/backups could not be removed.\n", config->data_dir);
	if (err) {
		admin_bad(answer, ADMIN_IO, why.ptr ? why.ptr : err_name(err));
	} else {
		buf_text(answer, "{\"ok\":true,\"message\":\"Made and verified.\",\"path\":");
		buf_json(answer, str_from(path.ptr));
		buf_text(answer, "}\n");
	}
	buf_free(&path);
	buf_free(&why);
}

/* --- copying it where it was asked for --- */

static bool copy_bytes(int in, int out)
{
	char *piece = malloc(PIECE);
	ssize_t n = piece ? 1 : -1;
	while (n > 0) {
		n = read(in, piece, PIECE);
		for (ssize_t done = 0; done < n;) {
			ssize_t written = write(out, piece + done, (size_t)(n - done));
			if (written <= 0) {
				n = -1;
				break;
			}
			done += written;
		}
	}
	int saved = errno;
	free(piece);
	errno = saved;
	return n == 0;
}

/* As whoever started the command, who may write where the daemon must not. Never over another file. */
static int copy_to(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = in < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool good = out >= 0 && copy_bytes(in, out) && fsync(out) == 0;
	int saved = errno;
	if (in >= 0)
		(void)close(in);
	if (out >= 0 && close(out) != 0)
		good = false;
	if (!good && out >= 0)
		(void)unlink(to);
	if (!good) {
		(void)fprintf(stderr, "%s cannot be written (%s). The backup is at %s.\n", to,
			strerror(saved), from);
		return ADMIN_IO;
	}
	(void)printf("%s\n", to);
	return ADMIN_OK;
}

int backup_command(const struct config *config, const struct cli *cli)
{
	const char *to = cli->arg_count ? cli->args[0] : NULL;
	json_t *request = json_pack("{s:s}", "command", "backup"), *answer = NULL;
	int code = ADMIN_IO;
	/* Looked at first: the whole backup would be made in vain. */
	if (to && access(to, F_OK) == 0)
		code = admin_complain(ADMIN_USAGE, "There is a file of that name already; name another.");
	else if (request && admin_as_owner(config))
		code = admin_run(config, request, LIMIT_CONTROL_BACKUP_MS, make_here, &answer);
	admin_as_self();
	const char *path = json_string_value(json_object_get(answer, "path"));
	if (code == ADMIN_OK && !path)
		code = admin_complain(ADMIN_UNAVAILABLE, "The daemon's answer cannot be read.");
	else if (code == ADMIN_OK && to)
		code = copy_to(path, to);
	else if (code == ADMIN_OK)
		(void)printf("%s\n", path);
	json_decref(request);
	json_decref(answer);
	return fflush(stdout) == 0 ? code : ADMIN_IO;
}
