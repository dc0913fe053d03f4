#include "daemon/config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#include "daemon/limits.h"

static enum err read_some(int fd, struct buf *out, bool *end)
{
	char chunk[4096];
	ssize_t n;
	do
		n = read(fd, chunk, sizeof chunk);
	while (n < 0 && errno == EINTR);
	*end = n == 0;
	if (n < 0)
		return ERR_IO;
	if (memchr(chunk, '\0', (size_t)n))
		return ERR_INVALID;
	buf_add(out, chunk, (size_t)n);
	sodium_memzero(chunk, (size_t)n);
	if (buf_ok(out))
		return ERR_OK;
	return (size_t)n > out->cap - out->len ? ERR_LIMIT : ERR_NOMEM;
}

static enum err read_all(int fd, struct buf *out)
{
	enum err err = ERR_OK;
	for (bool end = false; err == ERR_OK && !end;)
		err = read_some(fd, out, &end);
	return err;
}

enum err config_file_read(const char *path, struct buf *out, struct buf *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		buf_fmt(why, "%s: there is no such file", path);
		return ERR_NOT_FOUND;
	}
	if (fd < 0) {
		buf_fmt(why, "%s: cannot be opened: %s", path, strerror(errno));
		return ERR_INVALID;
	}
	/* Room for the whole file at once: growing would leave copies of secrets behind in freed memory. */
	off_t size = lseek(fd, 0, SEEK_END);
	if (size > 0 && size <= LIMIT_CONFIG_FILE)
		buf_reserve(out, (size_t)size);
	/* A pipe has no size and no way back; it is read as it comes. */
	enum err err = size > 0 && lseek(fd, 0, SEEK_SET) != 0 ? ERR_IO : read_all(fd, out);
	int saved = errno;
	(void)close(fd);
	if (err == ERR_NOMEM)
		return err;
	if (err == ERR_IO)
		buf_fmt(why, "%s: cannot be read: %s", path, strerror(saved));
	else if (err == ERR_LIMIT)
		buf_fmt(why, "%s: is larger than 1 MiB; is it the settings file?", path);
	else if (err == ERR_INVALID)
		buf_fmt(why, "%s: holds a NUL byte; it must be a text file of KEY=VALUE lines", path);
	return err == ERR_OK ? ERR_OK : ERR_INVALID;
}

static bool key_byte(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
	       c == '.' || c == '-';
}

static bool key_good(struct str key)
{
	for (size_t i = 0; i < key.len; i++)
		if (!key_byte(key.ptr[i]))
			return false;
	return key.len > 0;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Nothing but white space, or white space and a comment. */
static bool only_comment(struct str s)
{
	s = str_trim(s);
	return s.len == 0 || s.ptr[0] == '#';
}

/* \n and \r become line ends, everything else stays as it is. */
static bool expand(struct str s, struct arena *arena, struct str *out)
{
	char *copy = arena_alloc(arena, s.len + 1);
	if (!copy)
		return false;
	size_t len = 0;
	for (size_t i = 0; i < s.len; i++) {
		bool escape =
			s.ptr[i] == '\\' && i + 1 < s.len && (s.ptr[i + 1] == 'n' || s.ptr[i + 1] == 'r');
		if (escape)
			i++;
		copy[len++] = (char)(!escape ? s.ptr[i] : s.ptr[i] == 'n' ? '\n' : '\r');
	}
	*out = (struct str){copy, len};
	return true;
}

/*
 * The index of the quote that closes s (s[0] opens), or s.len. One behind a backslash closes only when no
 * other does, as in 'C:\'.
 */
static size_t closing_quote(struct str s)
{
	size_t escaped = s.len;
	for (size_t i = 1; i < s.len; i++) {
		if (s.ptr[i] != s.ptr[0])
			continue;
		if (s.ptr[i - 1] != '\\')
			return i;
		escaped = i;
	}
	return escaped;
}

static const char *value_quoted(struct str s, struct arena *arena, struct str *out)
{
	size_t end = closing_quote(s);
	if (end == s.len)
		return "the value's quote is not closed on its line; close it, or use another kind of quote";
	if (!only_comment((struct str){s.ptr + end + 1, s.len - end - 1}))
		return "there is text behind the closing quote; put the whole value inside the quotes";
	*out = (struct str){s.ptr + 1, end - 1};
	if (s.ptr[0] == '"' && !expand(*out, arena, out))
		return "there is no memory left for this value";
	return NULL;
}

static const char *value_plain(struct str s, struct str *out)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] != '#')
			continue;
		if (i > 0 && !blank(s.ptr[i - 1]))
			return "'#' within an unquoted value is read in two ways; put the value into quotes";
		s.len = i;
	}
	*out = str_trim(s);
	return NULL;
}

static const char *split(struct str text, struct arena *arena, struct config_line *out)
{
	const struct str prefix = STR("export");
	if (str_starts(text, prefix) && text.len > prefix.len && blank(text.ptr[prefix.len]))
		text = str_trim((struct str){text.ptr + prefix.len, text.len - prefix.len});
	size_t equals = str_find(text, '=');
	if (equals == text.len)
		return "this is no KEY=VALUE line; begin comments with '#'";
	out->key = str_trim((struct str){text.ptr, equals});
	if (!key_good(out->key))
		return "what stands before '=' is no name of a setting; write KEY=VALUE";
	if (!str_utf8(text))
		return "this line is not UTF-8; save the file as UTF-8";
	struct str value = str_trim((struct str){text.ptr + equals + 1, text.len - equals - 1});
	if (value.len && (value.ptr[0] == '"' || value.ptr[0] == '\'' || value.ptr[0] == '`'))
		return value_quoted(value, arena, &out->value);
	return value_plain(value, &out->value);
}

bool config_file_next(
	struct str *rest, unsigned *line, struct arena *arena, struct config_line *out, const char **fault)
{
	const struct str bom = STR("\xEF\xBB\xBF");
	*fault = NULL;
	if (*line == 0 && str_starts(*rest, bom))
		*rest = (struct str){rest->ptr + bom.len, rest->len - bom.len};
	while (rest->len) {
		struct str text = str_trim(str_cut(rest, '\n'));
		++*line;
		if (text.len == 0 || text.ptr[0] == '#')
			continue;
		out->line = *line;
		*fault = split(text, arena, out);
		return !*fault;
	}
	return false;
}
