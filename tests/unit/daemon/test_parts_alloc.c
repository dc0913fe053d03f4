/*
 * Every allocation fails in turn, once alone and once with all that follow, in what needs no request:
 * settings, the secret, tokens, a bcrypt hash, a mail's text, the caches. Each says ERR_NOMEM or does its
 * work whole, and nothing leaks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "daemon/auth_cache.h"
#include "daemon/config.h"
#include "daemon/limits.h"
#include "daemon/mail_text.h"
#include "daemon/password.h"
#include "daemon/ratelimit.h"
#include "daemon/secrets.h"
#include "daemon/token.h"

#define SECRET "0123456789abcdef0123456789abcdef"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static struct {
	bool armed;
	bool for_ever;
	long countdown; /* allocations before the first that fails */
	bool hit;
} faults;

static bool fails(void)
{
	if (!faults.armed || faults.countdown-- > 0)
		return false;
	if (faults.countdown < -1 && !faults.for_ever)
		return false;
	faults.hit = true;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

/* Runs one part with each allocation failing; it returns ERR_OK only when its work was whole. */
static void campaign(enum err (*part)(void), long least)
{
	for (int mode = 0; mode < 2; mode++) {
		long hits = 0;
		for (long n = 0;; n++) {
			faults.for_ever = mode == 1;
			faults.countdown = n;
			faults.hit = false;
			faults.armed = true;
			enum err err = part();
			faults.armed = false;
			if (!faults.hit) {
				assert_int_equal(err, ERR_OK);
				break;
			}
			if (err != ERR_NOMEM && err != ERR_OK)
				fail_msg("allocation %ld: %s", n, err_name(err));
			hits++;
		}
		assert_true(hits >= least);
	}
}

static char folder[64];

static enum err settings(void)
{
	static char file[96];
	struct config_flags flags = {.config_path = file, .port = "5001"};
	char *environment[] = {(char[]){"HISTORY_KEEP=7"}, (char[]){"JWT_SECRET=" SECRET}, NULL};
	struct config config;
	struct buf why = buf_make(8192);
	memset(&config, 0, sizeof config);
	(void)snprintf(file, sizeof file, "%s/tsuzuki.env", folder);
	enum err err = config_load(&flags, environment, &config, &why);
	bool armed = faults.armed;
	faults.armed = false;
	if (!err) {
		assert_int_equal(config.port, 5001);
		assert_int_equal(config.history_keep, 7);
		assert_int_equal(config.origin_count, 2);
		assert_int_equal(config.proxy_count, 2);
		assert_string_equal(config.email_from, "Anime <noreply@example.com>");
		assert_string_equal(config.jwt_secret, SECRET);
	}
	/* A setting is refused with these words, unless there is no memory for them either. */
	if (err == ERR_INVALID && (!buf_ok(&why) || strstr(why.ptr, "memory")))
		err = ERR_NOMEM;
	config_free(&config);
	buf_free(&why);
	faults.armed = armed;
	return err;
}

static void settings_are_whole_or_refused(void **state)
{
	char path[96];
	(void)state;
	(void)snprintf(folder, sizeof folder, "/tmp/tsuzuki-parts-XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof path, "%s/tsuzuki.env", folder);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(
		fputs("FRONTEND_URL=https://a.example, https://b.example\nTRUSTED_PROXIES=10.0.0.0/8,::1\n"
		      "EMAIL_HOST=localhost\nEMAIL_FROM=\"Anime "
		      "<noreply@example.com>\"\nRATE_LIMIT_API=7/1m\n",
			file) >= 0);
	assert_int_equal(fclose(file), 0);
	campaign(settings, 3);
}

static enum err secret(void)
{
	struct config config = {.data_dir = folder};
	struct buf out = buf_make(TOKEN_SECRET_MAX);
	struct buf why = buf_make(8192);
	enum err err = secrets_find(&config, &out, &why);
	if (!err && out.len != 64)
		err = ERR_CORRUPT;
	buf_free(&out);
	buf_free(&why);
	return err;
}

static void a_secret_is_whole_or_refused(void **state)
{
	(void)state;
	(void)unsetenv("CREDENTIALS_DIRECTORY");
	campaign(secret, 2);
}

static enum err tokens(void)
{
	struct token_keys keys;
	struct access_claims access = {.user = 4711, .issued_s = 1000, .expires_s = 2000};
	struct refresh_claims refresh = {.user = 4711, .generation = 3, .expires_s = 2000};
	struct buf text = buf_make(2048);
	user_oid(4711, 1000000, access.oid);
	enum err err = token_keys_make(&keys, STR(SECRET));
	if (err)
		return err;
	err = token_access_make(&keys, &access, &text);
	if (!err)
		err = token_access_check(&keys, buf_str(&text), 1500, &access);
	buf_clear(&text);
	if (!err)
		err = token_refresh_make(&keys, &refresh, &text);
	if (!err)
		err = token_refresh_check(&keys, buf_str(&text), 1500, &refresh);
	buf_free(&text);
	token_keys_free(&keys);
	return err;
}

static void a_token_is_whole_or_refused(void **state)
{
	(void)state;
	campaign(tokens, 2);
}

static enum err bcrypt(void)
{
	bool rehash = false;
	return password_verify(
		STR("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"), STR("U*U"), &rehash);
}

/* "Wrong password" would be a lie. */
static void a_bcrypt_hash_is_never_called_wrong(void **state)
{
	(void)state;
	campaign(bcrypt, 1);
}

static enum err mail(void)
{
	struct mail_text t = {.from = STR("\xe7\xb6\x9a <noreply@example.com>"),
		.to = STR("user@example.com"),
		.username = STR("\xe7\xb6\x9a"),
		.password = STR("abcDEF123456"),
		.now_ms = 1771000000000};
	struct buf out = buf_make(MAIL_TEXT_MAX);
	enum err err = mail_text_write(&t, &out);
	if (!err && !strstr(out.ptr, "\r\nPassword: abcDEF123456\r\n"))
		err = ERR_CORRUPT;
	buf_free(&out);
	return err;
}

static void a_mail_is_whole_or_not_written(void **state)
{
	(void)state;
	campaign(mail, 1);
}

static enum err caches(void)
{
	static const struct config config = {.rate_api = {1, 60000}};
	unsigned char key[AUTH_KEY_SIZE] = {1};
	struct principal who = {.user = 42};
	struct ratelimit *limits = NULL;
	struct auth *auth = auth_cache_make();
	enum err err = auth ? ratelimit_open(&config, &limits) : ERR_NOMEM;
	if (!err) {
		struct auth_entry *put = auth_cache_put(auth, key, &who);
		/* What could not be remembered is merely verified again. */
		if (auth_cache_find(auth, key) != put)
			err = ERR_CORRUPT;
	}
	ratelimit_close(limits);
	auth_cache_free(auth);
	return err;
}

static void caches_are_made_or_not(void **state)
{
	(void)state;
	campaign(caches, 3);
}

static int clean_up(void **state)
{
	char command[128];
	(void)state;
	(void)snprintf(command, sizeof command, "rm -rf -- %s", folder);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings_are_whole_or_refused),
		cmocka_unit_test(a_secret_is_whole_or_refused),
		cmocka_unit_test(a_token_is_whole_or_refused),
		cmocka_unit_test(a_bcrypt_hash_is_never_called_wrong),
		cmocka_unit_test(a_mail_is_whole_or_not_written),
		cmocka_unit_test(caches_are_made_or_not),
	};
	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, clean_up);
}
