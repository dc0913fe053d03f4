/* Tokens as text: what verifies, and what of a changed one does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jwt.h>
#include <sodium.h>

#include "daemon/token.h"
#include "sync/base/check.h"

#define SECRET "0123456789abcdef0123456789abcdef"
enum { ISSUED = 1771000000, EXPIRES = 1771600000 };

static struct token_keys keys;
static struct buf text;

static int setup(void **state)
{
	(void)state;
	text = buf_make(4096);
	return token_keys_make(&keys, STR(SECRET));
}

static int teardown(void **state)
{
	(void)state;
	token_keys_free(&keys);
	buf_free(&text);
	return 0;
}

static struct access_claims access_sample(void)
{
	struct access_claims claims = {.user = 4711,
		.session = {{1, 2, 3, 4, 5, 6, 7, 8}},
		.device = {{9, 8, 7, 6, 5, 4, 3, 2}},
		.issued_s = ISSUED,
		.expires_s = EXPIRES};
	user_oid(4711, (int64_t)ISSUED * 1000, claims.oid);
	return claims;
}

static struct refresh_claims refresh_sample(void)
{
	return (struct refresh_claims){.user = 4711,
		.session = {{1, 2, 3, 4, 5, 6, 7, 8}},
		.device = {{9, 8, 7, 6, 5, 4, 3, 2}},
		.generation = 0xfffffffe,
		.expires_s = EXPIRES};
}

static void an_access_token_comes_back(void **state)
{
	struct access_claims claims = access_sample();
	struct access_claims back;
	(void)state;
	assert_int_equal(token_access_make(&keys, &claims, &text), ERR_OK);
	assert_int_equal(token_access_check(&keys, buf_str(&text), ISSUED, &back), ERR_OK);
	assert_string_equal(back.oid, claims.oid);
	assert_true(back.user == 4711);
	assert_true(session_eq(back.session, claims.session));
	assert_true(device_eq(back.device, claims.device));
	assert_int_equal(back.issued_s, ISSUED);
	assert_int_equal(back.expires_s, EXPIRES);
	assert_int_equal(token_access_check(&keys, buf_str(&text), EXPIRES - 1, &back), ERR_OK);
	memset(&back, 0, sizeof back);
	assert_int_equal(token_access_check(&keys, buf_str(&text), EXPIRES, &back), ERR_EXPIRED);
	assert_true(back.user == 4711); /* told all the same */
}

static void any_changed_character_is_denied(void **state)
{
	struct access_claims claims = access_sample();
	struct access_claims back = {.user = 7};
	(void)state;
	assert_int_equal(token_access_make(&keys, &claims, &text), ERR_OK);
	for (size_t i = 0; i < text.len; i++) {
		char was = text.ptr[i];
		/* The last digit of 32 bytes has two spare bits; changes of those alone mean the same bytes.
		 */
		if (was == '.' || i == text.len - 1)
			continue;
		text.ptr[i] = was == 'A' ? 'B' : 'A';
		if (token_access_check(&keys, buf_str(&text), ISSUED, &back) != ERR_DENIED)
			fail_msg("character %zu may change", i);
		text.ptr[i] = was;
	}
	for (size_t len = 0; len < text.len; len++)
		assert_int_equal(
			token_access_check(&keys, (struct str){text.ptr, len}, ISSUED, &back), ERR_DENIED);
	assert_int_equal(back.user, 7);
}

static void another_secrets_tokens_are_denied(void **state)
{
	struct access_claims claims = access_sample();
	struct refresh_claims refresh = refresh_sample();
	struct token_keys other;
	(void)state;
	assert_int_equal(token_keys_make(&other, STR("0123456789abcdef0123456789abcdeg")), ERR_OK);
	assert_int_equal(token_access_make(&other, &claims, &text), ERR_OK);
	assert_int_equal(token_access_check(&keys, buf_str(&text), ISSUED, &claims), ERR_DENIED);
	buf_clear(&text);
	assert_int_equal(token_refresh_make(&other, &refresh, &text), ERR_OK);
	assert_int_equal(token_refresh_check(&keys, buf_str(&text), ISSUED, &refresh), ERR_DENIED);
	token_keys_free(&other);
	/* Freed keys take nothing: with a NULL key the library would take everything. */
	assert_int_equal(token_access_check(&other, buf_str(&text), ISSUED, &claims), ERR_DENIED);
	assert_int_equal(token_keys_make(&other, STR("")), ERR_INVALID);
}

/* A token that this secret signs, whatever it claims; "" leaves a text out, 0 a number. */
static void forge(jwt_alg_t alg, const char *id, const char *sid, const char *dev, long iat, long exp)
{
	jwt_t *jwt = NULL;
	assert_int_equal(jwt_new(&jwt), 0);
	assert_int_equal(jwt_set_alg(jwt, alg, alg == JWT_ALG_NONE ? NULL : (const unsigned char *)SECRET,
				 alg == JWT_ALG_NONE ? 0 : sizeof SECRET - 1),
		0);
	assert_true(!*id || jwt_add_grant(jwt, "id", id) == 0);
	assert_true(!*sid || jwt_add_grant(jwt, "sid", sid) == 0);
	assert_true(!*dev || jwt_add_grant(jwt, "dev", dev) == 0);
	assert_true(!iat || jwt_add_grant_int(jwt, "iat", iat) == 0);
	assert_true(!exp || jwt_add_grant_int(jwt, "exp", exp) == 0);
	char *made = jwt_encode_str(jwt);
	assert_non_null(made);
	buf_clear(&text);
	buf_text(&text, made);
	free(made);
	jwt_free(jwt);
}

static void only_hs256_with_all_claims_is_ours(void **state)
{
	static const char id[] = "698f50c00000000000001267";
	static const char hex[] = "0102030405060708";
	struct access_claims back;
	const struct {
		jwt_alg_t alg;
		const char *id;
		const char *sid;
		const char *dev;
		long iat;
		long exp;
		enum err err;
	} some[] = {
		{JWT_ALG_HS256, id, hex, hex, ISSUED, EXPIRES, ERR_OK},
		{JWT_ALG_HS384, id, hex, hex, ISSUED, EXPIRES, ERR_DENIED},
		{JWT_ALG_HS512, id, hex, hex, ISSUED, EXPIRES, ERR_DENIED},
		{JWT_ALG_NONE, id, hex, hex, ISSUED, EXPIRES, ERR_DENIED},
		{JWT_ALG_HS256, "", hex, hex, ISSUED, EXPIRES, ERR_DENIED},
		{JWT_ALG_HS256, id, "", hex, ISSUED, EXPIRES, ERR_DENIED},
		{JWT_ALG_HS256, id, hex, "", ISSUED, EXPIRES, ERR_DENIED},
		{JWT_ALG_HS256, id, hex, hex, 0, EXPIRES, ERR_DENIED},
		{JWT_ALG_HS256, id, hex, hex, ISSUED, 0, ERR_DENIED},
		{JWT_ALG_HS256, id, hex, hex, -5, EXPIRES, ERR_DENIED},
		{JWT_ALG_HS256, id, hex, hex, ISSUED, 253402300800, ERR_DENIED},
		{JWT_ALG_HS256, id, hex, hex, EXPIRES + 1, EXPIRES, ERR_DENIED},
		{JWT_ALG_HS256, "698f50c00000000000000000", hex, hex, ISSUED, EXPIRES, ERR_DENIED},
		{JWT_ALG_HS256, "698F50C00000000000001267", hex, hex, ISSUED, EXPIRES, ERR_DENIED},
		{JWT_ALG_HS256, id, "01020304050607", hex, ISSUED, EXPIRES, ERR_DENIED},
		{JWT_ALG_HS256, id, hex, "010203040506070g", ISSUED, EXPIRES, ERR_DENIED},
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(some); i++) {
		forge(some[i].alg, some[i].id, some[i].sid, some[i].dev, some[i].iat, some[i].exp);
		if (token_access_check(&keys, buf_str(&text), ISSUED, &back) != some[i].err)
			fail_msg("forgery %zu", i);
	}
}

static void what_is_no_token_is_denied(void **state)
{
	static const char *const bad[] = {"", ".", "..", "a.b", "a..c", ".b.c", "a.b.", "a.b.c.d", "a b.c.d",
		"a.b.c\n", "null", "e30.e30.e30", "a=.b.c"};
	char longest[LIMIT_TOKEN + 2];
	struct access_claims back;
	struct refresh_claims refresh;
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		assert_int_equal(token_access_check(&keys, str_from(bad[i]), ISSUED, &back), ERR_DENIED);
		assert_int_equal(token_refresh_check(&keys, str_from(bad[i]), ISSUED, &refresh), ERR_DENIED);
	}
	memset(longest, 'a', sizeof longest);
	longest[10] = longest[20] = '.';
	assert_int_equal(
		token_access_check(&keys, (struct str){longest, sizeof longest}, ISSUED, &back), ERR_DENIED);
	assert_int_equal(token_access_check(&keys, STR("a.b\0.c"), ISSUED, &back), ERR_DENIED);
}

static void a_refresh_token_comes_back(void **state)
{
	struct refresh_claims claims = refresh_sample();
	struct refresh_claims back;
	(void)state;
	assert_int_equal(token_refresh_make(&keys, &claims, &text), ERR_OK);
	assert_true(text.len < TOKEN_REFRESH_TEXT_SIZE);
	assert_int_equal(token_refresh_check(&keys, buf_str(&text), EXPIRES - 1, &back), ERR_OK);
	assert_true(back.user == 4711);
	assert_true(session_eq(back.session, claims.session));
	assert_true(device_eq(back.device, claims.device));
	assert_true(back.generation == 0xfffffffe);
	assert_int_equal(back.expires_s, EXPIRES);
	assert_int_equal(token_refresh_check(&keys, buf_str(&text), EXPIRES, &back), ERR_EXPIRED);
	for (size_t i = 0; i < text.len; i++) {
		char was = text.ptr[i];
		text.ptr[i] = was == 'A' ? 'B' : 'A';
		if (token_refresh_check(&keys, buf_str(&text), ISSUED, &back) != ERR_DENIED)
			fail_msg("character %zu may change", i);
		text.ptr[i] = was;
	}
	buf_char(&text, 'A');
	assert_int_equal(token_refresh_check(&keys, buf_str(&text), ISSUED, &back), ERR_DENIED);
	assert_int_equal(
		token_refresh_check(&keys, (struct str){text.ptr, text.len - 2}, ISSUED, &back), ERR_DENIED);
	/* One kind does not pass for the other. */
	struct access_claims access;
	text.len--;
	assert_int_equal(token_access_check(&keys, buf_str(&text), ISSUED, &access), ERR_DENIED);
}

static void a_full_buffer_is_an_error(void **state)
{
	struct access_claims claims = access_sample();
	struct refresh_claims refresh = refresh_sample();
	struct buf small = buf_make(20);
	(void)state;
	assert_int_equal(token_access_make(&keys, &claims, &small), ERR_NOMEM);
	buf_clear(&small);
	assert_int_equal(token_refresh_make(&keys, &refresh, &small), ERR_NOMEM);
	buf_free(&small);
}

static void cache_keys_differ_by_token_and_by_start(void **state)
{
	unsigned char a[16];
	unsigned char b[16];
	struct token_keys next_start;
	(void)state;
	token_cache_key(&keys, STR("token"), a);
	token_cache_key(&keys, STR("token"), b);
	assert_memory_equal(a, b, sizeof a);
	token_cache_key(&keys, STR("tokem"), b);
	assert_memory_not_equal(a, b, sizeof a);
	token_cache_key(&keys, STR(""), b);
	assert_memory_not_equal(a, b, sizeof a);
	assert_int_equal(token_keys_make(&next_start, STR(SECRET)), ERR_OK);
	token_cache_key(&next_start, STR("token"), b);
	assert_memory_not_equal(a, b, sizeof a);
	assert_memory_equal(next_start.refresh_key, keys.refresh_key, sizeof keys.refresh_key);
	token_keys_free(&next_start);
	assert_null(next_start.secret);
	token_keys_free(&next_start);
}

static void no_other_text_is_the_same_refresh_token(void **state)
{
	/* A user of all ones makes many of the digit '_', which lax decoders take other bytes for. */
	const struct refresh_claims claims = {
		.user = (1ULL << 63) - 1, .generation = 1, .expires_s = ISSUED + 1};
	struct refresh_claims got;
	struct buf token = buf_make(1024);
	(void)state;
	assert_int_equal(token_refresh_make(&keys, &claims, &token), ERR_OK);
	assert_int_equal(token_refresh_check(&keys, buf_str(&token), ISSUED, &got), ERR_OK);
	assert_true(got.user == claims.user);
	for (size_t i = 0; i < token.len; i++) {
		char good = token.ptr[i];
		for (int byte = 0; byte < 256; byte++) {
			token.ptr[i] = (char)byte;
			if (token.ptr[i] != good)
				assert_int_equal(token_refresh_check(&keys, buf_str(&token), ISSUED, &got),
					ERR_DENIED);
		}
		token.ptr[i] = good;
	}
	buf_free(&token);
}

static void no_other_text_is_the_same_access_token(void **state)
{
	struct access_claims claims = {.user = 1, .issued_s = ISSUED, .expires_s = ISSUED + 1}, got;
	struct buf token = buf_make(1024);
	(void)state;
	user_oid(claims.user, ISSUED * 1000LL, claims.oid);
	assert_int_equal(token_access_make(&keys, &claims, &token), ERR_OK);
	assert_int_equal(token_access_check(&keys, buf_str(&token), ISSUED, &got), ERR_OK);
	assert_int_equal(token_access_check(&keys, buf_str(&token), ISSUED + 1, &got), ERR_EXPIRED);
	for (size_t i = 0; i < token.len; i++) {
		char good = token.ptr[i];
		for (int byte = 0; byte < 256; byte += 3) {
			token.ptr[i] = (char)byte;
			if (token.ptr[i] != good)
				assert_int_equal(
					token_access_check(&keys, buf_str(&token), ISSUED, &got), ERR_DENIED);
		}
		token.ptr[i] = good;
	}
	buf_free(&token);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_access_token_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(any_changed_character_is_denied, setup, teardown),
		cmocka_unit_test_setup_teardown(another_secrets_tokens_are_denied, setup, teardown),
		cmocka_unit_test_setup_teardown(only_hs256_with_all_claims_is_ours, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_token_is_denied, setup, teardown),
		cmocka_unit_test_setup_teardown(a_refresh_token_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(no_other_text_is_the_same_refresh_token, setup, teardown),
		cmocka_unit_test_setup_teardown(no_other_text_is_the_same_access_token, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_buffer_is_an_error, setup, teardown),
		cmocka_unit_test_setup_teardown(cache_keys_differ_by_token_and_by_start, setup, teardown),
	};
	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
