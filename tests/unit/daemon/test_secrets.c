/* The signing secret: where it is looked for, how it is made, what is refused. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "daemon/secrets.h"
#include "daemon/token.h"

#define GOOD "0123456789abcdef0123456789abcdef"

static void write_file(const char *name, const char *bytes, size_t len, mode_t mode)
{
	(void)unlink(name);
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, mode);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(close(fd), 0);
}

/* An empty data folder and an empty credentials folder. */
static int setup(void **state)
{
	(void)state;
	(void)mkdir("data", 0700);
	(void)mkdir("credentials", 0700);
	(void)unlink("data/jwt.secret");
	(void)unlink("credentials/jwt.key");
	return unsetenv("CREDENTIALS_DIRECTORY");
}

struct found {
	enum err err;
	char secret[TOKEN_SECRET_MAX + 1];
	size_t len;
	char why[4096];
};

static void find(const char *jwt_secret, const char *data_dir, struct found *f)
{
	const struct config config = {.jwt_secret = jwt_secret, .data_dir = data_dir};
	struct buf out = buf_make(TOKEN_SECRET_MAX);
	struct buf why = buf_make(sizeof f->why - 1);
	memset(f, 0, sizeof *f);
	f->err = secrets_find(&config, &out, &why);
	if (out.len)
		memcpy(f->secret, out.ptr, out.len);
	f->len = out.len;
	if (why.len)
		memcpy(f->why, why.ptr, why.len);
	buf_free(&out);
	buf_free(&why);
}

static unsigned files_in(const char *folder)
{
	unsigned count = 0;
	DIR *dir = opendir(folder);
	assert_non_null(dir);
	while (readdir(dir))
		count++;
	(void)closedir(dir);
	return count - 2;
}

static void test_setting_comes_first(void **state)
{
	(void)state;
	static struct found f;
	write_file("data/jwt.secret", GOOD "file", 36, 0600);
	find(GOOD "set", "data", &f);
	assert_int_equal(f.err, ERR_OK);
	assert_string_equal(f.secret, GOOD "set");
}

static void test_credential_comes_second(void **state)
{
	(void)state;
	static struct found f;
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", "credentials", 1), 0);
	write_file("credentials/jwt.key", GOOD "credential\n", 43, 0400);
	write_file("data/jwt.secret", GOOD "file", 36, 0600);
	find(NULL, "data", &f);
	assert_int_equal(f.err, ERR_OK);
	assert_string_equal(f.secret, GOOD "credential");
	assert_int_equal(unlink("credentials/jwt.key"), 0);
	find(NULL, "data", &f);
	assert_string_equal(f.secret, GOOD "file");
}

static void test_made_once(void **state)
{
	(void)state;
	static struct found first, second;
	struct stat st;
	find(NULL, "data", &first);
	assert_int_equal(first.err, ERR_OK);
	assert_int_equal(first.len, 64);
	assert_int_equal(strspn(first.secret, "0123456789abcdef"), 64);
	assert_int_equal(stat("data/jwt.secret", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(files_in("data"), 1);
	find(NULL, "data", &second);
	assert_int_equal(second.err, ERR_OK);
	assert_string_equal(first.secret, second.secret);

	assert_int_equal(unlink("data/jwt.secret"), 0);
	find(NULL, "data", &second);
	assert_int_equal(second.err, ERR_OK);
	assert_string_not_equal(first.secret, second.secret);
}

enum { RACERS = 8 };

static void *race(void *context)
{
	find(NULL, "data", context);
	return NULL;
}

/* All who start at once come to the same secret, and nothing else is left in the folder. */
static void test_race(void **state)
{
	(void)state;
	static struct found f[RACERS];
	pthread_t threads[RACERS];
	for (int i = 0; i < RACERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, race, &f[i]), 0);
	for (int i = 0; i < RACERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for (int i = 0; i < RACERS; i++) {
		assert_int_equal(f[i].err, ERR_OK);
		assert_string_equal(f[i].secret, f[0].secret);
	}
	assert_int_equal(files_in("data"), 1);
}

static void test_trailing_newline(void **state)
{
	(void)state;
	static struct found f;
	static const char *const ends[] = {"", "\n", "\r\n", "\n\n"};
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		char text[64];
		(void)snprintf(text, sizeof text, GOOD " inner %s", ends[i]);
		write_file("data/jwt.secret", text, strlen(text), 0600);
		find(NULL, "data", &f);
		assert_int_equal(f.err, ERR_OK);
		assert_string_equal(f.secret, GOOD " inner ");
	}
}

static void test_longest(void **state)
{
	(void)state;
	static struct found f;
	static char text[TOKEN_SECRET_MAX + 2];
	memset(text, 'x', sizeof text);
	text[TOKEN_SECRET_MAX] = '\n';
	write_file("data/jwt.secret", text, TOKEN_SECRET_MAX + 1, 0600);
	find(NULL, "data", &f);
	assert_int_equal(f.err, ERR_OK);
	assert_int_equal(f.len, TOKEN_SECRET_MAX);
	text[TOKEN_SECRET_MAX] = 'x';
	write_file("data/jwt.secret", text, TOKEN_SECRET_MAX + 1, 0600);
	find(NULL, "data", &f);
	assert_int_equal(f.err, ERR_INVALID);
	assert_non_null(strstr(f.why, "longer than 4096"));
}

static void test_refused(void **state)
{
	(void)state;
	static struct found f;
	static const char *const bad[] = {"", "\n", "hunter2", "hunter2hunter2hunter2hunter2hun",
		"\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4"
		"\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4hunter2",
		"Your_super_secret_jwt_key_min_32_characters_long\n", "your-secret-key-min-32-chars"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		write_file("data/jwt.secret", bad[i], strlen(bad[i]), 0600);
		find(NULL, "data", &f);
		assert_int_equal(f.err, ERR_INVALID);
		assert_int_equal(f.len, 0);
		assert_non_null(strstr(f.why, "data/jwt.secret: the secret is "));
		assert_non_null(strstr(f.why, "remove the file"));
		assert_null(strstr(f.why, "hunter2"));
	}
	/* A bad credential is not passed over in silence. */
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", "credentials", 1), 0);
	write_file("credentials/jwt.key", "short", 5, 0400);
	find(NULL, "data", &f);
	assert_int_equal(f.err, ERR_INVALID);
	assert_non_null(strstr(f.why, "credentials/jwt.key"));
}

static void test_folder_that_is_none(void **state)
{
	(void)state;
	static struct found f;
	find(NULL, "absent", &f);
	assert_int_equal(f.err, ERR_IO);
	assert_non_null(strstr(f.why, "absent/jwt.secret"));
	assert_int_equal(mkdir("data/jwt.secret", 0700), 0);
	find(NULL, "data", &f);
	assert_int_equal(f.err, ERR_INVALID);
	assert_non_null(strstr(f.why, "is no file"));
	assert_int_equal(rmdir("data/jwt.secret"), 0);
}

/* What the log says of a file with that mode. */
static bool warned(mode_t mode)
{
	static struct found f;
	char text[4096] = "";
	write_file("data/jwt.secret", GOOD, 32, mode);
	int log = open("log", O_RDWR | O_CREAT | O_TRUNC, 0600);
	int before = dup(STDERR_FILENO);
	assert_int_equal(dup2(log, STDERR_FILENO), STDERR_FILENO);
	find(NULL, "data", &f);
	assert_int_equal(dup2(before, STDERR_FILENO), STDERR_FILENO);
	assert_true(pread(log, text, sizeof text - 1, 0) >= 0);
	(void)close(log);
	(void)close(before);
	assert_int_equal(f.err, ERR_OK);
	assert_null(strstr(text, GOOD));
	return strstr(text, "chmod 600 data/jwt.secret") != NULL;
}

static void test_readable_by_all(void **state)
{
	(void)state;
	assert_true(warned(0644));
	assert_true(warned(0602));
	assert_false(warned(0600));
	assert_false(warned(0640));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_setting_comes_first, setup),
		cmocka_unit_test_setup(test_credential_comes_second, setup),
		cmocka_unit_test_setup(test_made_once, setup),
		cmocka_unit_test_setup(test_race, setup),
		cmocka_unit_test_setup(test_trailing_newline, setup),
		cmocka_unit_test_setup(test_longest, setup),
		cmocka_unit_test_setup(test_refused, setup),
		cmocka_unit_test_setup(test_folder_that_is_none, setup),
		cmocka_unit_test_setup(test_readable_by_all, setup),
	};
	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
