/* The handle: opening, errors, clocks. The tour: turn.c (the folder), read.c and edit.c (what is held here),
 * login.c, round.c (the server), access.c and remote.c below them. */
#include "clients/c/tsz.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clients/c/turn.h"

enum { WAIT_DEFAULT_MS = 5000, PATH_MOST = 3500 };

static int64_t read_ms(clockid_t clock)
{
	struct timespec ts = {0};
	(void)clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

struct now tsz_now(void)
{
	return (struct now){.wall_ms = read_ms(CLOCK_REALTIME), .mono_ms = read_ms(CLOCK_MONOTONIC)};
}

/* --- errors --- */

enum tsz_code tsz_fail_err(struct tsz *t, enum err err, const char *doing)
{
	switch (err) {
	case ERR_OK:
		return TSZ_OK;
	case ERR_NOMEM:
		return tsz_fail(t, TSZ_FAILED, "Memory is short. Nothing was changed; try again.");
	case ERR_DISK_FULL:
		return tsz_fail(t, TSZ_IO,
			"The disk of %s is full: could not %s. Nothing was changed; make room and try again.",
			t->dir, doing);
	case ERR_CORRUPT:
	case ERR_FOREIGN:
		return tsz_fail(t, TSZ_IO,
			"The local store in %s is damaged: could not %s. Move the folder aside and log in "
			"again: everything "
			"that the server has comes back.",
			t->dir, doing);
	case ERR_NEWER:
		return tsz_fail(t, TSZ_IO,
			"The local store in %s was made by a newer tsuzuki. Update this one.", t->dir);
	default:
		return tsz_fail(t, TSZ_IO, "The local store in %s failed (%s): could not %s.", t->dir,
			err_name(err), doing);
	}
}

const char *tsz_error(const struct tsz *t)
{
	return t && buf_ok(&t->error) && t->error.len ? t->error.ptr : "Memory is short.";
}

enum tsz_code tsz_give(struct tsz *t, struct buf *json, char **out)
{
	buf_char(json, '\0');
	bool good = buf_ok(json);
	if (good)
		*out = json->ptr;
	else
		buf_free(json);
	return good ? TSZ_OK : tsz_fail_err(t, ERR_NOMEM, NULL);
}

void tsz_free(char *text)
{
	free(text);
}

/* --- opening --- */

/* The folder and its parents, for this user only. */
static enum tsz_code make_folder(struct tsz *t)
{
	struct stat st;
	for (char *slash = strchr(t->dir + 1, '/');; slash = strchr(slash + 1, '/')) {
		if (slash)
			*slash = '\0';
		bool made = mkdir(t->dir, 0700) == 0 || errno == EEXIST || errno == EROFS || errno == EACCES;
		int why = errno;
		if (!made || (!slash && (stat(t->dir, &st) != 0 || !S_ISDIR(st.st_mode)))) {
			enum tsz_code code = tsz_fail(t, TSZ_IO,
				"%s cannot be made: %s. Name a folder that can be written.", t->dir,
				strerror(made ? ENOTDIR : why));
			if (slash)
				*slash = '/';
			return code;
		}
		if (!slash)
			return TSZ_OK;
		*slash = '/';
	}
}

static bool set_names(struct tsz *t, const struct tsz_options *options)
{
	char host[256] = "";
	const char *name = options->device_name;
	if (!name && gethostname(host, sizeof host - 1) == 0)
		name = host;
	if (!name || !name[0] || !str_utf8(str_from(name)))
		name = "tsuzuki";
	if (strlen(name) < sizeof t->device_name && str_chars(str_from(name)) <= 100)
		memcpy(t->device_name, name, strlen(name) + 1);
	else
		memcpy(t->device_name, "tsuzuki", sizeof "tsuzuki");
	t->dir = strdup(options->dir);
	return t->dir != NULL;
}

/* Made by an earlier run: then there is nothing to make now, and the first call finds the rest. */
static bool is_made(struct tsz *t)
{
	struct buf path = buf_make(PATH_MOST + 32);
	buf_fmt(&path, "%s/tsuzuki.db", t->dir);
	bool made = buf_ok(&path) && access(path.ptr, F_OK) == 0 && tokens_load(t->dir, &t->tokens) == ERR_OK;
	buf_free(&path);
	return made;
}

enum tsz_code tsz_open(const struct tsz_options *options, struct tsz **out)
{
	struct turn turn;
	struct tsz *t = calloc(1, sizeof *t);
	*out = t;
	if (!t)
		return TSZ_FAILED;
	t->error = buf_make(TSZ_ERROR_TEXT);
	t->wait_ms = options->wait_ms ? options->wait_ms : WAIT_DEFAULT_MS;
	if (sodium_init() < 0)
		return tsz_fail(t, TSZ_FAILED, "This machine gives no random numbers.");
	if (!options->dir || !options->dir[0] || strlen(options->dir) > PATH_MOST)
		return tsz_fail(t, TSZ_INVALID, "Name a data folder.");
	if (!set_names(t, options))
		return tsz_fail_err(t, ERR_NOMEM, NULL);
	enum tsz_code code = make_folder(t);
	if (code || is_made(t))
		return code;
	code = turn_begin(t, &turn);
	if (!code)
		turn_end(&turn);
	return code;
}

void tsz_close(struct tsz *t)
{
	if (!t)
		return;
	buf_free(&t->error);
	free(t->dir);
	sodium_memzero(&t->tokens, sizeof t->tokens);
	free(t);
}
