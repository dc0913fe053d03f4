#include "clients/c/tokens.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sync/base/buf.h"
#include "sync/base/check.h"

enum { TOKENS_FILE_BYTES = 64 * 1024 };

static const char file_name[] = "session.json";
static const char *const step_names[] = {"", "link", "renumber"};

/* The texts of the file, by name. */
#define TOKENS_TEXTS(X)            \
	X("url", url)              \
	X("caFile", ca_file)       \
	X("email", email)          \
	X("userId", user_id)       \
	X("token", token)          \
	X("refreshToken", refresh) \
	X("deviceId", device)      \
	X("idKey", id_key)

bool tokens_set(char *field, size_t size, const char *text)
{
	size_t len = text ? strlen(text) : size;
	if (len >= size)
		return false;
	memcpy(field, text, len + 1);
	return true;
}

static json_t *read_file(const char *path)
{
	char *text = NULL;
	json_t *json = NULL;
	FILE *file = fopen(path, "re");
	if (!file)
		return NULL;
	text = malloc(TOKENS_FILE_BYTES);
	if (text) {
		size_t len = fread(text, 1, TOKENS_FILE_BYTES, file);
		if (len < TOKENS_FILE_BYTES)
			json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	}
	free(text);
	(void)fclose(file);
	return json;
}

enum err tokens_load(const char *dir, struct tokens *out)
{
	struct buf path = buf_make(4096);
	memset(out, 0, sizeof *out);
	buf_fmt(&path, "%s/%s", dir, file_name);
	json_t *json = buf_ok(&path) ? read_file(path.ptr) : NULL;
	buf_free(&path);
	bool good = json_is_object(json);
#define READ(name, field) \
	good = good &&    \
	       tokens_set(out->field, sizeof out->field, json_string_value(json_object_get(json, name)));
	TOKENS_TEXTS(READ)
#undef READ
	const char *step = json_string_value(json_object_get(json, "step"));
	for (size_t i = 0; step && i < COUNT_OF(step_names); i++)
		if (strcmp(step, step_names[i]) == 0)
			out->step = (enum tokens_step)i;
	out->last_sync = json_integer_value(json_object_get(json, "lastSync"));
	out->last_try = json_integer_value(json_object_get(json, "lastTry"));
	json_decref(json);
	if (!good)
		memset(out, 0, sizeof *out);
	return good ? ERR_OK : ERR_NOT_FOUND;
}

static void write_json(const struct tokens *t, struct buf *out)
{
	buf_char(out, '{');
#define WRITE(name, field)                   \
	buf_text(out, "\"" name "\": ");     \
	buf_json(out, str_from((t)->field)); \
	buf_text(out, ",\n ");
	TOKENS_TEXTS(WRITE)
#undef WRITE
	buf_fmt(out, "\"step\": \"%s\",\n \"lastSync\": %lld,\n \"lastTry\": %lld}\n", step_names[t->step],
		(long long)t->last_sync, (long long)t->last_try);
}

static enum err write_errno(void)
{
	return errno == ENOSPC || errno == EDQUOT ? ERR_DISK_FULL : ERR_IO;
}

static enum err write_file(const char *path, const struct buf *text)
{
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (file < 0)
		return write_errno();
	enum err err = ERR_OK;
	for (size_t done = 0; done < text->len && !err;) {
		ssize_t n = write(file, text->ptr + done, text->len - done);
		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			err = write_errno();
	}
	if (!err && fsync(file) != 0)
		err = write_errno();
	if (close(file) != 0 && !err)
		err = write_errno();
	return err;
}

static enum err sync_folder(const char *dir)
{
	int folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return ERR_IO;
	enum err err = fsync(folder) == 0 ? ERR_OK : write_errno();
	(void)close(folder);
	return err;
}

enum err tokens_save(const char *dir, const struct tokens *tokens)
{
	struct buf text = buf_make(TOKENS_FILE_BYTES - 1);
	struct buf path = buf_make(4096);
	struct buf fresh = buf_make(4096);
	write_json(tokens, &text);
	buf_fmt(&path, "%s/%s", dir, file_name);
	buf_fmt(&fresh, "%s/.%s.%ld", dir, file_name, (long)getpid());
	enum err err = buf_ok(&text) && buf_ok(&path) && buf_ok(&fresh) ? ERR_OK : ERR_NOMEM;
	if (!err)
		err = write_file(fresh.ptr, &text);
	if (!err && rename(fresh.ptr, path.ptr) != 0)
		err = write_errno();
	if (err && fresh.ptr)
		(void)unlink(fresh.ptr);
	if (!err)
		err = sync_folder(dir);
	buf_free(&text);
	buf_free(&path);
	buf_free(&fresh);
	return err;
}
