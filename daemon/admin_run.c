#include "daemon/admin_run.h"

#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/control_client.h"
#include "daemon/limits.h"
#include "daemon/loop.h"

enum { WHY_MAX = 8192, LOOK_AGAIN_MS = 50 };

int admin_complain(enum admin_exit code, const char *message)
{
	(void)fflush(stdout);
	(void)fprintf(stderr, "%s\n", message);
	return (int)code;
}

/* --- who acts --- */

bool admin_as_owner(const struct config *config)
{
	struct stat st;
	if (stat(config->data_dir, &st) != 0) {
		(void)fprintf(stderr, "%s: %s. Name the data folder with --data-dir or DATA_DIR.\n",
			config->data_dir, strerror(errno));
		return false;
	}
	if (geteuid() != 0 || st.st_uid == 0)
		return true;
	if (setegid(st.st_gid) == 0 && seteuid(st.st_uid) == 0)
		return true;
	(void)fprintf(stderr, "Cannot act as the owner of %s: %s.\n", config->data_dir, strerror(errno));
	return false;
}

void admin_as_self(void)
{
	/* Cannot fail: they are this process's own. */
	if (seteuid(getuid()) != 0 || setegid(getgid()) != 0)
		abort();
}

/* --- here --- */

static void draw(void *context, unsigned char *bytes, size_t len)
{
	(void)context;
	randombytes_buf(bytes, len);
}

enum err admin_open_store(const struct config *config, const char *dir, struct store **out, struct buf *why)
{
	struct store_options options = {.dir = dir,
		.env = {.random = draw},
		.max_items = config->max_items,
		.history_keep = config->history_keep,
		.history_ms = (int64_t)config->history_days * 86400000};
	return store_open(&options, out, why);
}

void admin_local_change(
	const struct config *config, struct store *store, const json_t *request, struct buf *answer)
{
	(void)config;
	struct manage *m = admin_job(request, answer);
	if (!m)
		return;
	store_run(store, &m->job, loop_now());
	admin_answer(m, answer);
	job_free(&m->job);
}

/* ERR_BUSY: a daemon has the store. */
static enum err run_here(const struct config *config, const json_t *request, admin_local_fn *local,
	struct buf *answer, struct buf *why)
{
	struct store *store = NULL;
	enum err err = admin_open_store(config, config->data_dir, &store, why);
	if (!err)
		local(config, store, request, answer);
	store_close(store);
	return err;
}

/* --- both --- */

/* A daemon that is starting has the lock and no socket yet; one that is stopping has it still. */
static enum err run_somewhere(const struct config *config, const json_t *request, int64_t wait_ms,
	admin_local_fn *local, struct buf *answer, struct buf *why)
{
	char *text = json_dumps(request, JSON_COMPACT);
	struct buf line = buf_make(LIMIT_CONTROL_LINE);
	int64_t until_ms = loop_now().mono_ms + LIMIT_LOCK_WAIT_MS;
	enum err err = ERR_NOMEM;
	buf_text(&line, text ? text : "");
	buf_char(&line, '\n');
	while (text && buf_ok(&line)) {
		buf_clear(why);
		err = control_ask(config->data_dir, buf_str(&line), wait_ms, answer, why);
		if (err != ERR_NOT_FOUND)
			break;
		buf_clear(why);
		err = run_here(config, request, local, answer, why);
		if (err != ERR_BUSY || loop_now().mono_ms > until_ms)
			break;
		(void)poll(NULL, 0, LOOK_AGAIN_MS);
	}
	if (line.ptr)
		sodium_memzero(line.ptr, line.room);
	buf_free(&line);
	if (text)
		sodium_memzero(text, strlen(text));
	free(text);
	return err;
}

static int exit_code(enum err err)
{
	switch (err) {
	case ERR_BUSY:
	case ERR_DENIED:
	case ERR_EXPIRED:
		return ADMIN_UNAVAILABLE;
	case ERR_FOREIGN:
	case ERR_NEWER:
	case ERR_CORRUPT:
	case ERR_INVALID:
		return ADMIN_CONFIG;
	default:
		return ADMIN_IO;
	}
}

static int tell(json_t *reply)
{
	const char *message = json_string_value(json_object_get(reply, "message"));
	bool ok = json_is_true(json_object_get(reply, "ok"));
	json_int_t code = json_integer_value(json_object_get(reply, "code"));
	if (!message)
		return admin_complain(ADMIN_UNAVAILABLE, "The daemon's answer cannot be read.");
	if (!ok)
		return admin_complain(code > 0 && code < 256 ? (enum admin_exit)code : ADMIN_IO, message);
	(void)printf("%s\n", message);
	return fflush(stdout) == 0 ? ADMIN_OK : ADMIN_IO;
}

int admin_run(const struct config *config, const json_t *request, int64_t wait_ms, admin_local_fn *local,
	json_t **answer)
{
	struct buf line = buf_make(LIMIT_CONTROL_LINE), why = buf_make(WHY_MAX);
	int code = ADMIN_IO;
	json_t *reply = NULL;
	enum err err = run_somewhere(config, request, wait_ms, local, &line, &why);
	if (err) {
		code = admin_complain((enum admin_exit)exit_code(err), why.len ? why.ptr : err_name(err));
	} else {
		reply = json_loadb(line.ptr, line.len, JSON_REJECT_DUPLICATES, NULL);
		code = tell(reply);
	}
	if (answer)
		*answer = reply;
	else
		json_decref(reply);
	buf_free(&line);
	buf_free(&why);
	return code;
}
