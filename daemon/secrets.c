#include "daemon/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/token.h"
#include "sync/base/check.h"

enum { SECRET_BYTES = 32, SECRET_TEXT_SIZE = 2 * SECRET_BYTES + 1, PATH_SIZE = 4096 };

const char *secrets_refuse(struct str secret)
{
	/* Those that the API document shows: whoever has read it could sign tokens. */
	static const char *const samples[] = {
		"your_super_secret_jwt_key_min_32_characters_long", "your-secret-key-min-32-chars"};
	for (size_t i = 0; i < COUNT_OF(samples); i++)
		if (str_eq_fold(secret, str_from(samples[i])))
			return "is the sample of the API document, which everybody knows";
	size_t length = str_utf8(secret) ? str_chars(secret) : secret.len;
	if (length < SECRET_LENGTH_MIN)
		return "is shorter than 32 characters";
	return secret.len > TOKEN_SECRET_MAX ? "is longer than 4096 bytes" : NULL;
}

static enum err read_fd(int fd, struct buf *out)
{
	char bytes[TOKEN_SECRET_MAX + 3];
	size_t len = 0;
	ssize_t n = 1;
	while (len < sizeof bytes && n != 0) {
		n = read(fd, bytes + len, sizeof bytes - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_IO;
		len += (size_t)n;
	}
	while (len > 0 && (bytes[len - 1] == '\n' || bytes[len - 1] == '\r'))
		len--;
	/* What is longer than a secret may be is cut here, and refused for its length by the caller. */
	buf_add(out, bytes, len < TOKEN_SECRET_MAX + 1 ? len : TOKEN_SECRET_MAX + 1);
	sodium_memzero(bytes, sizeof bytes);
	return ERR_OK;
}

static void warn_of_mode(const char *path, mode_t mode)
{
	if (mode & (S_IROTH | S_IWOTH))
		log_warn("%s: every user of this machine may read or write the secret; run: chmod 600 %s",
			path, path);
}

/* ERR_NOT_FOUND: there is no such file. */
static enum err read_secret(const char *path, const char *fix, struct buf *out, struct buf *why)
{
	struct stat st;
	struct buf secret = buf_make(TOKEN_SECRET_MAX + 1);
	buf_reserve(&secret, TOKEN_SECRET_MAX + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	enum err err = ERR_OK;
	if (fd < 0 || fstat(fd, &st) != 0)
		err = fd < 0 && errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
	else if (!S_ISREG(st.st_mode))
		err = ERR_FOREIGN;
	else
		err = read_fd(fd, &secret);
	if (err == ERR_IO)
		buf_fmt(why, "%s: the secret cannot be read: %s", path, strerror(errno));
	if (err == ERR_FOREIGN) {
		buf_fmt(why, "%s: is no file; %s", path, fix);
		err = ERR_INVALID;
	}
	if (fd >= 0)
		(void)close(fd);
	if (err == ERR_OK && !buf_ok(&secret))
		err = ERR_NOMEM;
	const char *wrong = err == ERR_OK ? secrets_refuse(buf_str(&secret)) : NULL;
	if (wrong) {
		buf_fmt(why, "%s: the secret %s; %s", path, wrong, fix);
		err = ERR_INVALID;
	}
	if (err == ERR_OK) {
		warn_of_mode(path, st.st_mode);
		buf_add_str(out, buf_str(&secret));
		err = buf_ok(out) ? ERR_OK : ERR_NOMEM;
	}
	if (secret.ptr)
		sodium_memzero(secret.ptr, secret.room);
	buf_free(&secret);
	return err;
}

/* --- making one
 * ------------------------------------------------------------------------------------------------- */

static enum err write_synced(const char *path)
{
	unsigned char bytes[SECRET_BYTES];
	char text[SECRET_TEXT_SIZE];
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return ERR_IO;
	randombytes_buf(bytes, sizeof bytes);
	str_to_hex(bytes, sizeof bytes, text);
	text[SECRET_TEXT_SIZE - 1] = '\n';
	ssize_t n = write(fd, text, SECRET_TEXT_SIZE);
	enum err err = n == SECRET_TEXT_SIZE && fsync(fd) == 0 ? ERR_OK : ERR_IO;
	if (n >= 0 && n < SECRET_TEXT_SIZE)
		errno = ENOSPC;
	int saved = errno;
	sodium_memzero(bytes, sizeof bytes);
	sodium_memzero(text, sizeof text);
	if (close(fd) != 0 && err == ERR_OK)
		return ERR_IO;
	errno = saved;
	return err;
}

static enum err sync_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return ERR_IO;
	int result = fsync(fd);
	int saved = errno;
	(void)close(fd);
	errno = saved;
	return result == 0 ? ERR_OK : ERR_IO;
}

/*
 * Written and synced under a name of its own, then linked: the secret's name appears whole or not at all, and
 * never replaces one that somebody else made meanwhile.
 */
static enum err make_secret(const char *folder, const char *path, struct buf *why)
{
	char temporary[PATH_SIZE + 32];
	(void)snprintf(
		temporary, sizeof temporary, "%s.%08x%08x", path, randombytes_random(), randombytes_random());
	enum err err = write_synced(temporary);
	/* Some file systems know no links, others no RENAME_NOREPLACE. */
	if (err == ERR_OK && link(temporary, path) != 0 && errno != EEXIST &&
		renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) != 0 && errno != EEXIST)
		err = ERR_IO;
	int saved = errno;
	(void)unlink(temporary);
	errno = saved;
	if (err == ERR_OK)
		err = sync_folder(folder);
	if (err != ERR_OK)
		buf_fmt(why, "%s: the secret cannot be made: %s", path, strerror(errno));
	return err;
}

static enum err find_in_data(const char *folder, struct buf *out, struct buf *why)
{
	static const char fix[] =
		"remove the file and start again: a new one is made, and everybody logs in anew";
	char path[PATH_SIZE];
	int len = snprintf(path, sizeof path, "%s/jwt.secret", folder);
	if (len < 0 || (size_t)len >= sizeof path) {
		buf_text(why, "DATA_DIR is too long");
		return ERR_INVALID;
	}
	enum err err = read_secret(path, fix, out, why);
	if (err != ERR_NOT_FOUND)
		return err;
	err = make_secret(folder, path, why);
	if (err != ERR_OK)
		return err;
	log_info("made the secret that tokens are signed with: %s", path);
	err = read_secret(path, fix, out, why);
	if (err != ERR_NOT_FOUND)
		return err;
	buf_fmt(why, "%s: the secret vanished as soon as it was made", path);
	return ERR_IO;
}

enum err secrets_find(const struct config *config, struct buf *out, struct buf *why)
{
	if (config->jwt_secret) {
		buf_text(out, config->jwt_secret);
		return buf_ok(out) ? ERR_OK : ERR_NOMEM;
	}
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");
	char path[PATH_SIZE];
	int len = credentials ? snprintf(path, sizeof path, "%s/jwt.key", credentials) : 0;
	if (len > 0 && (size_t)len < sizeof path) {
		enum err err = read_secret(path, "replace the credential jwt.key", out, why);
		if (err != ERR_NOT_FOUND)
			return err;
	}
	return find_in_data(config->data_dir, out, why);
}
