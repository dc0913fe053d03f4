/*
 * Access and refresh tokens. The first byte says what the rest is: a token as it came, claims to be made into
 * one and then damaged, or the header and claims of a token that is signed properly.
 */
#include <sodium.h>
#include <stdlib.h>

#include "daemon/token.h"
#include "tests/fuzz/fuzz.h"

enum { TEXT = 4096, NOW_S = 1771000000 };

static const struct token_keys *the_keys(void)
{
	static struct token_keys keys;
	if (!keys.secret) {
		CHECK(sodium_init() >= 0);
		CHECK(token_keys_make(&keys, STR("a secret of the fuzzer, 36 characters")) == ERR_OK);
	}
	return &keys;
}

static bool same_access(const struct access_claims *a, const struct access_claims *b)
{
	return strcmp(a->oid, b->oid) == 0 && a->user == b->user && session_eq(a->session, b->session) &&
	       device_eq(a->device, b->device) && a->issued_s == b->issued_s && a->expires_s == b->expires_s;
}

static bool same_refresh(const struct refresh_claims *a, const struct refresh_claims *b)
{
	return a->user == b->user && session_eq(a->session, b->session) && device_eq(a->device, b->device) &&
	       a->generation == b->generation && a->expires_s == b->expires_s;
}

static enum err check_access(struct str token, struct access_claims *out)
{
	enum err err = token_access_check(the_keys(), token, NOW_S, out);
	CHECK(err == ERR_OK || err == ERR_DENIED || err == ERR_EXPIRED);
	return err;
}

/* Nobody guesses a signature. */
static void as_it_came(struct str token)
{
	struct access_claims access;
	struct refresh_claims refresh;
	unsigned char key[16];
	CHECK(check_access(token, &access) == ERR_DENIED);
	CHECK(token_refresh_check(the_keys(), token, NOW_S, &refresh) == ERR_DENIED);
	token_cache_key(the_keys(), token, key);
}

/* One byte of the token becomes another one; where says which. */
static bool damage(struct buf *token, uint64_t where)
{
	char *at = token->ptr + where % token->len;
	char other = (char)(where >> 32);
	if (*at == other)
		return false;
	*at = other;
	return true;
}

static void made_access(struct str in)
{
	struct access_claims claims = {.user = (input_u64(&in) & INT64_MAX) | 1}, got;
	struct buf token = buf_make(TEXT);
	user_oid(claims.user, NOW_S * 1000LL, claims.oid);
	(void)input_take(&in, sizeof claims.session);
	uint64_t device = input_u64(&in);
	memcpy(claims.device.bytes, &device, sizeof claims.device.bytes);
	claims.issued_s = 1 + (int64_t)(input_u64(&in) % 100000000000);
	claims.expires_s = claims.issued_s + (int64_t)(input_u64(&in) % 1000000000);
	CHECK(token_access_make(the_keys(), &claims, &token) == ERR_OK);
	enum err err = check_access(buf_str(&token), &got);
	CHECK(err == (claims.expires_s <= NOW_S ? ERR_EXPIRED : ERR_OK));
	CHECK(same_access(&claims, &got));
	if (damage(&token, input_u64(&in)))
		CHECK(check_access(buf_str(&token), &got) == ERR_DENIED);
	buf_free(&token);
}

static void made_refresh(struct str in)
{
	struct refresh_claims claims = {.user = input_u64(&in)}, got;
	struct buf token = buf_make(TEXT);
	uint64_t session = input_u64(&in), device = input_u64(&in);
	memcpy(claims.session.bytes, &session, sizeof claims.session.bytes);
	memcpy(claims.device.bytes, &device, sizeof claims.device.bytes);
	claims.generation = (uint32_t)input_u64(&in);
	claims.expires_s = (int64_t)(input_u64(&in) % 253402300800);
	CHECK(token_refresh_make(the_keys(), &claims, &token) == ERR_OK);
	enum err err = token_refresh_check(the_keys(), buf_str(&token), NOW_S, &got);
	CHECK(err == (claims.expires_s <= NOW_S ? ERR_EXPIRED : ERR_OK));
	CHECK(same_refresh(&claims, &got));
	if (damage(&token, input_u64(&in)))
		CHECK(token_refresh_check(the_keys(), buf_str(&token), NOW_S, &got) == ERR_DENIED);
	buf_free(&token);
}

static void add_base64(struct buf *out, const void *bytes, size_t len)
{
	char text[TEXT];
	CHECK(sodium_base64_encoded_len(len, sodium_base64_VARIANT_URLSAFE_NO_PADDING) <= sizeof text);
	(void)sodium_bin2base64(text, sizeof text, bytes, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	buf_text(out, text);
}

/* header, line feed, claims; header "" is the usual one. */
static void signed_by_us(struct str claims)
{
	struct str header = str_cut(&claims, '\n');
	struct buf token = buf_make(TEXT);
	crypto_auth_hmacsha256_state state;
	unsigned char mac[crypto_auth_hmacsha256_BYTES];
	struct access_claims got, again;
	if (claims.len > 1024 || header.len > 512)
		return;
	if (!header.len)
		header = STR("{\"typ\":\"JWT\",\"alg\":\"HS256\"}");
	add_base64(&token, header.ptr, header.len);
	buf_char(&token, '.');
	add_base64(&token, claims.ptr, claims.len);
	(void)crypto_auth_hmacsha256_init(&state, the_keys()->secret, the_keys()->secret_len);
	(void)crypto_auth_hmacsha256_update(&state, (const unsigned char *)token.ptr, token.len);
	(void)crypto_auth_hmacsha256_final(&state, mac);
	buf_char(&token, '.');
	add_base64(&token, mac, sizeof mac);
	CHECK(buf_ok(&token));
	enum err err = check_access(buf_str(&token), &got);
	if (err != ERR_DENIED) {
		CHECK(got.issued_s > 0 && got.issued_s <= got.expires_s);
		CHECK((err == ERR_EXPIRED) == (got.expires_s <= NOW_S));
		CHECK(memmem(header.ptr, header.len, "alg", 3) || memchr(header.ptr, '\\', header.len));
		buf_clear(&token);
		CHECK(token_access_make(the_keys(), &got, &token) == ERR_OK);
		CHECK(check_access(buf_str(&token), &again) == err);
		CHECK(same_access(&got, &again));
	}
	buf_free(&token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = input_make(data, size);
	switch (input_byte(&in) % 4) {
	case 0:
		as_it_came(in);
		break;
	case 1:
		made_access(in);
		break;
	case 2:
		made_refresh(in);
		break;
	default:
		signed_by_us(in);
	}
	return 0;
}
