/* Tokens as text: what was made is read, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "daemon/token.h"

enum { NOW_S = 1771000000, TEXT = 1024 };

static struct token_keys keys;

static int make_keys(void **state)
{
	(void)state;
	return sodium_init() < 0 ||
	       token_keys_make(&keys, STR("a secret of the test, 34 characters")) != ERR_OK;
}

static int free_keys(void **state)
{
	(void)state;
	token_keys_free(&keys);
	return 0;
}

static void no_other_text_is_the_same_refresh_token(void **state)
{
	/* A user of all ones makes many of the digit '_', which lax decoders take other bytes for. */
	const struct refresh_claims claims = {
		.user = (1ULL << 63) - 1, .generation = 1, .expires_s = NOW_S + 1};
	struct refresh_claims got;
	struct buf token = buf_make(TEXT);
	(void)state;
	assert_int_equal(token_refresh_make(&keys, &claims, &token), ERR_OK);
	assert_int_equal(token_refresh_check(&keys, buf_str(&token), NOW_S, &got), ERR_OK);
	assert_true(got.user == claims.user);
	for (size_t i = 0; i < token.len; i++) {
		char good = token.ptr[i];
		for (int byte = 0; byte < 256; byte++) {
			token.ptr[i] = (char)byte;
			if (token.ptr[i] != good)
				assert_int_equal(
					token_refresh_check(&keys, buf_str(&token), NOW_S, &got), ERR_DENIED);
		}
		token.ptr[i] = good;
	}
	buf_free(&token);
}

static void no_other_text_is_the_same_access_token(void **state)
{
	struct access_claims claims = {.user = 1, .issued_s = NOW_S, .expires_s = NOW_S + 1}, got;
	struct buf token = buf_make(TEXT);
	(void)state;
	user_oid(claims.user, NOW_S * 1000LL, claims.oid);
	assert_int_equal(token_access_make(&keys, &claims, &token), ERR_OK);
	assert_int_equal(token_access_check(&keys, buf_str(&token), NOW_S, &got), ERR_OK);
	assert_int_equal(token_access_check(&keys, buf_str(&token), NOW_S + 1, &got), ERR_EXPIRED);
	for (size_t i = 0; i < token.len; i++) {
		char good = token.ptr[i];
		for (int byte = 0; byte < 256; byte += 3) {
			token.ptr[i] = (char)byte;
			if (token.ptr[i] != good)
				assert_int_equal(
					token_access_check(&keys, buf_str(&token), NOW_S, &got), ERR_DENIED);
		}
		token.ptr[i] = good;
	}
	buf_free(&token);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_other_text_is_the_same_refresh_token),
		cmocka_unit_test(no_other_text_is_the_same_access_token),
	};
	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
