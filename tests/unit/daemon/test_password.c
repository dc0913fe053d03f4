/* Password hashes: what verifies, what does not, and what an unknown account costs. */
#include <crypt.h>
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "daemon/limits.h"
#include "daemon/password.h"

/*
 * Stands before libsodium's function of that name and counts the verifications of today's cost, which is the only way
 * to see that an unknown account costs one without timing anything.
 */
static unsigned full_price;

int crypto_pwhash_str_verify(const char str[crypto_pwhash_STRBYTES], const char *const password, unsigned long long len)
{
	typedef int verify_fn(const char *, const char *, unsigned long long);
	union {
		void *object;
		verify_fn *function;
	} real = {.object = dlsym(RTLD_NEXT, "crypto_pwhash_str_verify")};
	full_price += crypto_pwhash_str_needs_rehash(str, 2, 19 * 1024 * 1024) == 0;
	return real.function(str, password, len);
}

static enum err verify(const char *hash, const char *password)
{
	bool rehash = false;
	return password_verify(str_from(hash), str_from(password), &rehash);
}

static void test_argon(void **state)
{
	(void)state;
	char hash[PASSWORD_HASH_SIZE];
	char other[PASSWORD_HASH_SIZE];
	bool rehash = true;
	assert_int_equal(password_hash(STR("correct horse"), hash), ERR_OK);
	assert_int_equal(password_hash(STR("correct horse"), other), ERR_OK);
	assert_string_not_equal(hash, other);
	assert_true(str_starts(str_from(hash), STR("$argon2id$v=19$m=19456,t=2,p=1$")));
	assert_int_equal(password_verify(str_from(hash), STR("correct horse"), &rehash), ERR_OK);
	assert_false(rehash);
	rehash = false;
	assert_int_equal(password_verify(str_from(hash), STR("correct horsf"), &rehash), ERR_DENIED);
	assert_int_equal(password_verify(str_from(hash), STR(""), &rehash), ERR_DENIED);
	assert_false(rehash);
}

/* Every byte of a long password counts, the last one too; so do NUL bytes and none at all. */
static void test_argon_takes_every_byte(void **state)
{
	(void)state;
	static char text[LIMIT_PASSWORD];
	char hash[PASSWORD_HASH_SIZE];
	bool rehash;
	memset(text, 'p', sizeof text);
	text[100] = '\0';
	assert_int_equal(password_hash((struct str){text, sizeof text}, hash), ERR_OK);
	assert_int_equal(password_verify(str_from(hash), (struct str){text, sizeof text}, &rehash), ERR_OK);
	assert_int_equal(password_verify(str_from(hash), (struct str){text, sizeof text - 1}, &rehash), ERR_DENIED);
	text[sizeof text - 1] = 'q';
	assert_int_equal(password_verify(str_from(hash), (struct str){text, sizeof text}, &rehash), ERR_DENIED);
	assert_int_equal(password_hash((struct str){NULL, 0}, hash), ERR_OK);
	assert_int_equal(password_verify(str_from(hash), (struct str){NULL, 0}, &rehash), ERR_OK);
}

static void test_other_cost_is_rehashed(void **state)
{
	(void)state;
	char hash[crypto_pwhash_STRBYTES];
	bool rehash = false;
	assert_int_equal(crypto_pwhash_str(hash, "old", 3, 1, 8 * 1024 * 1024), 0);
	assert_int_equal(password_verify(str_from(hash), STR("new"), &rehash), ERR_DENIED);
	assert_false(rehash);
	assert_int_equal(password_verify(str_from(hash), STR("old"), &rehash), ERR_OK);
	assert_true(rehash);
}

/* Made by Node's bcrypt and by crypt(3): "U*U" is Openwall's own test. */
static void test_bcrypt(void **state)
{
	(void)state;
	static const struct {
		const char *hash;
		const char *password;
	} good[] = {
		{"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"},
		{"$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"},
		{"$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"},
		{"$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", "U*U*"},
		{"$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy", ""},
	};
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		bool rehash = false;
		assert_int_equal(
			password_verify(str_from(good[i].hash), str_from(good[i].password), &rehash), ERR_OK);
		assert_true(rehash);
		rehash = false;
		assert_int_equal(password_verify(str_from(good[i].hash), STR("U*V"), &rehash), ERR_DENIED);
		assert_false(rehash);
		assert_int_equal(password_verify(str_from(good[i].hash), (struct str){"U*U\0", 4}, &rehash), ERR_DENIED);
	}
}

/* bcrypt ends at 72 bytes, so imported users may have typed more; crypt_r itself refuses 512. */
static void test_bcrypt_and_long_passwords(void **state)
{
	(void)state;
	static char text[LIMIT_PASSWORD + 1];
	char hash[128];
	bool rehash;
	memset(text, 'p', LIMIT_PASSWORD);
	text[72] = '\0';
	struct crypt_data *data = calloc(1, sizeof *data);
	assert_non_null(data);
	const char *made = crypt_r(text, "$2b$05$CCCCCCCCCCCCCCCCCCCCC.", data);
	assert_non_null(made);
	(void)snprintf(hash, sizeof hash, "%s", made);
	free(data);
	text[72] = 'p';
	assert_int_equal(password_verify(str_from(hash), (struct str){text, 72}, &rehash), ERR_OK);
	assert_int_equal(password_verify(str_from(hash), (struct str){text, 73}, &rehash), ERR_OK);
	assert_int_equal(password_verify(str_from(hash), (struct str){text, LIMIT_PASSWORD}, &rehash), ERR_OK);
	assert_int_equal(password_verify(str_from(hash), (struct str){text, 71}, &rehash), ERR_DENIED);
}

static void test_bad_hashes(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"", "x", "plain", "$", "$2", "$2a$", "$argon2id$", "$argon2id$v=19$m=19456,t=2,p=1$",
		"$argon2id$v=19$m=19456,t=2,p=1$AAAA$AAAA",
		"$argon2i$v=19$m=19456,t=2,p=1$dHN1enVraS1ub2JvZHktMQ$bm9ib2R5IGhhcyBhIHBhc3N3b3JkIGxpa2UgdGhpcy4",
		/* bcrypt: no such version, absurd costs, wrong lengths, bad salt */
		"$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"$2a$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"$2a$17$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"$2a$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"$2a$-5$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe",
		"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeWW",
		"$2a$05$!CCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		/* what else crypt(3) would take */
		"$1$abcdefgh$0123456789012345678901", "U*U",
		"$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/",
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(verify(bad[i], "U*U"), ERR_DENIED);
	static char huge[100000];
	memset(huge, '$', sizeof huge - 1);
	assert_int_equal(verify(huge, "U*U"), ERR_DENIED);
}

static void test_unknown_account_costs_the_same(void **state)
{
	(void)state;
	char hash[PASSWORD_HASH_SIZE];
	assert_int_equal(password_hash(STR("x"), hash), ERR_OK);
	full_price = 0;
	assert_int_equal(verify(hash, "y"), ERR_DENIED);
	assert_int_equal(full_price, 1);
	assert_int_equal(verify("", "y"), ERR_DENIED);
	assert_int_equal(full_price, 2);
	assert_int_equal(verify("", ""), ERR_DENIED);
	assert_int_equal(full_price, 3);
	assert_int_equal(verify("damaged", "y"), ERR_DENIED);
	assert_int_equal(full_price, 4);
}

static void test_draw(void **state)
{
	(void)state;
	enum { DRAWS = 62 * 200 };
	unsigned seen[256] = {0};
	char before[RESET_PASSWORD_LENGTH + 1] = "";
	for (int i = 0; i < DRAWS; i++) {
		char drawn[RESET_PASSWORD_LENGTH + 1];
		password_draw(drawn);
		assert_int_equal(strlen(drawn), RESET_PASSWORD_LENGTH);
		assert_string_not_equal(drawn, before);
		memcpy(before, drawn, sizeof drawn);
		for (const char *c = drawn; *c; c++)
			seen[(unsigned char)*c]++;
	}
	/* 2,400 of each expected, deviation 49: ten deviations either way is never by chance. */
	unsigned signs = 0;
	for (int c = 0; c < 256; c++) {
		signs += seen[c] > 0;
		if (seen[c])
			assert_in_range(seen[c], 1910, 2890);
	}
	assert_int_equal(signs, 62);
}

static void test_reset_hash(void **state)
{
	(void)state;
	unsigned char a[RESET_HASH_SIZE];
	unsigned char b[RESET_HASH_SIZE];
	password_reset_hash(1, STR("abcdefghijkl"), a);
	password_reset_hash(1, STR("abcdefghijkl"), b);
	assert_memory_equal(a, b, sizeof a);
	password_reset_hash(2, STR("abcdefghijkl"), b);
	assert_memory_not_equal(a, b, sizeof a);
	password_reset_hash(1, STR("abcdefghijkm"), b);
	assert_memory_not_equal(a, b, sizeof a);
	password_reset_hash(UINT64_C(1) << 56, STR("abcdefghijkl"), b);
	assert_memory_not_equal(a, b, sizeof a);
	password_reset_hash(1, STR(""), b);
	assert_memory_not_equal(a, b, sizeof a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_argon),
		cmocka_unit_test(test_argon_takes_every_byte),
		cmocka_unit_test(test_other_cost_is_rehashed),
		cmocka_unit_test(test_bcrypt),
		cmocka_unit_test(test_bcrypt_and_long_passwords),
		cmocka_unit_test(test_bad_hashes),
		cmocka_unit_test(test_unknown_account_costs_the_same),
		cmocka_unit_test(test_draw),
		cmocka_unit_test(test_reset_hash),
	};
	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
