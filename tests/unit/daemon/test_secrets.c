/* Where the signing secret comes from, how it is made, and what is refused. */
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
#include "sync/base/check.h"

static const char good[] = "0123456789abcdef0123456789abcdef";
static char folder[64];
static struct config config;
static struct buf out;
static struct buf why;

static int setup(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof folder, "/tmp/tsuzuki-secrets-XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)unsetenv("CREDENTIALS_DIRECTORY");
	config = (struct config){.data_dir = folder};
	out = buf_make(TOKEN_SECRET_MAX);
	why = buf_make(8192);
	return 0;
}

static int teardown(void **state)
{
	char command[128];
	(void)state;
	buf_free(&out);
	buf_free(&why);
	(void)snprintf(command, sizeof command, "rm -rf -- %s", folder);
	return system(command);
}

static void put(const char *name, const char *text, mode_t mode)
{
	char path[128];
	(void)snprintf(path, sizeof path, "%s/%s", folder, name);
	(void)unlink(path);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void finds(const char *secret)
{
	buf_clear(&out);
	buf_clear(&why);
	assert_int_equal(secrets_find(&config, &out, &why), ERR_OK);
	assert_true(str_eq(buf_str(&out), str_from(secret)));
	assert_int_equal(why.len, 0);
}

static void refuses(enum err err, const char *says)
{
	buf_clear(&out);
	buf_clear(&why);
	assert_int_equal(secrets_find(&config, &out, &why), err);
	if (!why.ptr || !strstr(why.ptr, says))
		fail_msg("\"%s\" does not say \"%s\"", why.ptr ? why.ptr : "", says);
	assert_int_equal(out.len, 0);
}

static void one_is_made_once_and_is_private(void **state)
{
	char path[128];
	char first[128];
	struct stat st;
	(void)state;
	assert_int_equal(secrets_find(&config, &out, &why), ERR_OK);
	assert_int_equal(out.len, 64);
	assert_int_equal(strspn(out.ptr, "0123456789abcdef"), 64);
	(void)snprintf(path, sizeof path, "%s/jwt.secret", folder);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_nlink, 1); /* and no second name is left behind */
	memcpy(first, out.ptr, 65);
	finds(first);
	/* Another folder, another secret. */
	assert_int_equal(unlink(path), 0);
	buf_clear(&out);
	assert_int_equal(secrets_find(&config, &out, &why), ERR_OK);
	assert_string_not_equal(out.ptr, first);
}

static void the_setting_beats_the_credential_and_that_the_file(void **state)
{
	(void)state;
	put("jwt.secret", "file----file----file----file----file----", 0600);
	finds("file----file----file----file----file----");
	put("jwt.key", "credential------credential------credential\n", 0600);
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", folder, 1), 0);
	finds("credential------credential------credential");
	config.jwt_secret = good;
	finds(good);
	config.jwt_secret = NULL;
	/* A credentials folder without ours is no fault. */
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", "/nonexistent", 1), 0);
	finds("file----file----file----file----file----");
}

static void line_ends_are_no_part_of_it(void **state)
{
	(void)state;
	put("jwt.secret", "0123456789abcdef0123456789abcdef\r\n\n", 0600);
	finds(good);
	put("jwt.secret", " 123456789abcdef0123456789abcde ", 0600); /* spaces are */
	finds(" 123456789abcdef0123456789abcde ");
}

static void bad_files_are_refused_without_showing_them(void **state)
{
	char longest[TOKEN_SECRET_MAX + 2];
	(void)state;
	put("jwt.secret", "0123456789abcdef0123456789abcde\n", 0600);
	refuses(ERR_INVALID, "shorter than 32");
	assert_null(strstr(why.ptr, "0123456789"));
	assert_non_null(strstr(why.ptr, "jwt.secret"));
	put("jwt.secret", "", 0600);
	refuses(ERR_INVALID, "shorter than 32");
	put("jwt.secret", "Your_Super_Secret_JWT_Key_Min_32_Characters_Long", 0600);
	refuses(ERR_INVALID, "sample");
	memset(longest, 's', sizeof longest);
	longest[TOKEN_SECRET_MAX] = '\0';
	put("jwt.secret", longest, 0600);
	finds(longest);
	longest[TOKEN_SECRET_MAX] = 's';
	longest[TOKEN_SECRET_MAX + 1] = '\0';
	put("jwt.secret", longest, 0600);
	refuses(ERR_INVALID, "longer than 4096");
	put("jwt.secret", good, 0600);
	put("jwt.key", "short", 0600);
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", folder, 1), 0);
	refuses(ERR_INVALID, "jwt.key"); /* a bad credential is said, not passed over */
}

static void what_is_no_file_is_refused(void **state)
{
	char path[128];
	char missing[100];
	(void)state;
	(void)snprintf(path, sizeof path, "%s/jwt.secret", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	refuses(ERR_INVALID, "is no file");
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0); /* would block whoever opens it plainly */
	refuses(ERR_INVALID, "is no file");
	(void)snprintf(missing, sizeof missing, "%s/none", folder);
	config.data_dir = missing;
	refuses(ERR_IO, "cannot be made");
}

static void characters_are_counted_and_bytes_where_there_are_none(void **state)
{
	(void)state;
	assert_null(secrets_refuse(str_from(good)));
	/* 31 characters in 62 bytes. */
	assert_non_null(secrets_refuse(
		STR("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
		    "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
		    "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
		    "\xc3\xa4")));
	/* 32 random bytes that are no text. */
	assert_null(secrets_refuse(
		STR("\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xff\xfe\xfd\xfc\xfb"
		    "\xfa\xf9\xf8\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8")));
	assert_non_null(secrets_refuse(STR("your-secret-key-min-32-chars")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_is_made_once_and_is_private, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_setting_beats_the_credential_and_that_the_file, setup, teardown),
		cmocka_unit_test_setup_teardown(line_ends_are_no_part_of_it, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_files_are_refused_without_showing_them, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_file_is_refused, setup, teardown),
		cmocka_unit_test(characters_are_counted_and_bytes_where_there_are_none),
	};
	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
