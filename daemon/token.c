#include "daemon/token.h"

#include <errno.h>
#include <jwt.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/*
 * A refresh token, before base64url (all numbers big-endian):
 *   version 1 | user 8 | session 8 | device 8 | generation 4 | expiry in seconds 8 | MAC of what is before it
 * 32 69 bytes are 92 digits without padding or spare bits, so no second text means the same token.
 */
enum { REFRESH_VERSION = 1, REFRESH_SIGNED = 37, REFRESH_MAC = 32, REFRESH_SIZE = 69, REFRESH_DIGITS = 92 };

_Static_assert(REFRESH_SIZE == REFRESH_SIGNED + REFRESH_MAC, "the MAC ends the token");
_Static_assert((int)REFRESH_DIGITS < (int)TOKEN_REFRESH_TEXT_SIZE, "the text fits");
_Static_assert(REFRESH_SIZE % 3 == 0 && REFRESH_DIGITS == REFRESH_SIZE / 3 * 4, "no spare bits");
_Static_assert(sizeof(long) == sizeof(int64_t), "libjwt's numbers hold a time");

/* The last second of the year 9999: no time of a token lies behind it. */
static const int64_t time_last = 253402300799;

/* --- keys
 * ------------------------------------------------------------------------------------------------------- */

enum err token_keys_make(struct token_keys *keys, struct str secret)
{
	static const unsigned char label[] = "tsuzuki refresh tokens 1";
	unsigned char digest[32];
	if (secret.len == 0 || secret.len > TOKEN_SECRET_MAX)
		return ERR_INVALID;
	unsigned char *copy = malloc(secret.len);
	if (!copy)
		return ERR_NOMEM;
	memcpy(copy, secret.ptr, secret.len);
	*keys = (struct token_keys){.secret = copy, .secret_len = secret.len};
	/* A key may have 64 bytes, a secret more: its digest is the key that the label is hashed under. */
	(void)crypto_generichash(digest, sizeof digest, copy, secret.len, NULL, 0);
	(void)crypto_generichash(
		keys->refresh_key, sizeof keys->refresh_key, label, sizeof label, digest, sizeof digest);
	randombytes_buf(keys->cache_key, sizeof keys->cache_key);
	sodium_memzero(digest, sizeof digest);
	return ERR_OK;
}

void token_keys_free(struct token_keys *keys)
{
	if (keys->secret)
		sodium_memzero(keys->secret, keys->secret_len);
	free(keys->secret);
	sodium_memzero(keys, sizeof *keys);
}

/* --- access tokens
 * ---------------------------------------------------------------------------------------------- */

static int add_claims(jwt_t *jwt, const struct access_claims *claims)
{
	char session[2 * SESSION_SIZE + 1];
	char device[2 * DEVICE_SIZE + 1];
	str_to_hex(claims->session.bytes, SESSION_SIZE, session);
	str_to_hex(claims->device.bytes, DEVICE_SIZE, device);
	int failed = jwt_add_grant(jwt, "id", claims->oid);
	failed = failed ? failed : jwt_add_grant(jwt, "sid", session);
	failed = failed ? failed : jwt_add_grant(jwt, "dev", device);
	failed = failed ? failed : jwt_add_grant_int(jwt, "iat", (long)claims->issued_s);
	return failed ? failed : jwt_add_grant_int(jwt, "exp", (long)claims->expires_s);
}

enum err token_access_make(const struct token_keys *keys, const struct access_claims *claims, struct buf *out)
{
	jwt_t *jwt = NULL;
	char *text = NULL;
	if (jwt_new(&jwt) == 0 && jwt_set_alg(jwt, JWT_ALG_HS256, keys->secret, (int)keys->secret_len) == 0 &&
		add_claims(jwt, claims) == 0)
		text = jwt_encode_str(jwt);
	if (text)
		buf_text(out, text);
	bool made = text && buf_ok(out);
	free(text);
	jwt_free(jwt);
	return made ? ERR_OK : ERR_NOMEM;
}

static bool is_digit64(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
	       c == '_';
}

/* libsodium 1.0.18 takes every byte above 0x7f for a '_'. */
static bool all_digits64(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_digit64(s.ptr[i]))
			return false;
	return true;
}

/* Three parts of base64url digits, none empty; what libjwt gets to see is nothing but that. */
static bool is_compact(struct str token)
{
	size_t dots = 0;
	char last = '.';
	if (token.len == 0 || token.len > LIMIT_TOKEN)
		return false;
	for (size_t i = 0; i < token.len; i++) {
		char c = token.ptr[i];
		if (c == '.' ? last == '.' : !is_digit64(c))
			return false;
		dots += c == '.';
		last = c;
	}
	return dots == 2 && last != '.';
}

/* A claim of 2 * size lower-case hex digits: the one form in which this server writes them. */
static bool claim_hex(jwt_t *jwt, const char *name, unsigned char *out, size_t size)
{
	struct str text = str_from(jwt_get_grant(jwt, name));
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] >= 'A' && text.ptr[i] <= 'F')
			return false;
	return str_hex(text, out, size);
}

/* errno is the only way in which libjwt tells a number from a missing or other claim. */
static bool claim_time(jwt_t *jwt, const char *name, int64_t *out)
{
	errno = 0;
	long value = jwt_get_grant_int(jwt, name);
	if (errno != 0 || value <= 0 || value > time_last)
		return false;
	*out = value;
	return true;
}

static bool read_claims(jwt_t *jwt, struct access_claims *out)
{
	unsigned char oid[OID_SIZE];
	if (!claim_hex(jwt, "id", oid, OID_SIZE) ||
		!claim_hex(jwt, "sid", out->session.bytes, SESSION_SIZE) ||
		!claim_hex(jwt, "dev", out->device.bytes, DEVICE_SIZE))
		return false;
	str_to_hex(oid, OID_SIZE, out->oid);
	return user_of_oid(str_from(out->oid), &out->user) && claim_time(jwt, "iat", &out->issued_s) &&
	       claim_time(jwt, "exp", &out->expires_s) && out->issued_s <= out->expires_s;
}

enum err token_access_check(
	const struct token_keys *keys, struct str token, int64_t now_s, struct access_claims *out)
{
	char text[LIMIT_TOKEN + 1];
	struct access_claims claims = {0};
	jwt_t *jwt = NULL;
	/* With a NULL key libjwt takes every token. */
	if (!keys->secret || !is_compact(token))
		return ERR_DENIED;
	memcpy(text, token.ptr, token.len);
	text[token.len] = '\0';
	int failed = jwt_decode(&jwt, text, keys->secret, (int)keys->secret_len);
	/* With our key HS384 and HS512 verify too; HS256 is the one that this server signs with. */
	bool good = failed == 0 && jwt && jwt_get_alg(jwt) == JWT_ALG_HS256 && read_claims(jwt, &claims);
	jwt_free(jwt);
	if (!good)
		return failed == ENOMEM ? ERR_NOMEM : ERR_DENIED;
	*out = claims;
	return now_s >= claims.expires_s ? ERR_EXPIRED : ERR_OK;
}

/* --- refresh tokens
 * --------------------------------------------------------------------------------------------- */

static unsigned char *put_number(unsigned char *at, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		at[i] = (unsigned char)(value >> (8 * (size - 1 - i)));
	return at + size;
}

static uint64_t get_number(const unsigned char **at, size_t size)
{
	uint64_t value = 0;
	for (size_t i = 0; i < size; i++)
		value = value << 8 | *(*at)++;
	return value;
}

enum err token_refresh_make(
	const struct token_keys *keys, const struct refresh_claims *claims, struct buf *out)
{
	unsigned char bytes[REFRESH_SIZE];
	char text[TOKEN_REFRESH_TEXT_SIZE];
	unsigned char *at = put_number(bytes, REFRESH_VERSION, 1);
	at = put_number(at, claims->user, 8);
	memcpy(at, claims->session.bytes, SESSION_SIZE);
	at += SESSION_SIZE;
	memcpy(at, claims->device.bytes, DEVICE_SIZE);
	at += DEVICE_SIZE;
	at = put_number(at, claims->generation, 4);
	at = put_number(at, (uint64_t)claims->expires_s, 8);
	(void)crypto_generichash(
		at, REFRESH_MAC, bytes, REFRESH_SIGNED, keys->refresh_key, sizeof keys->refresh_key);
	(void)sodium_bin2base64(
		text, sizeof text, bytes, sizeof bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	buf_text(out, text);
	return buf_ok(out) ? ERR_OK : ERR_NOMEM;
}

enum err token_refresh_check(
	const struct token_keys *keys, struct str token, int64_t now_s, struct refresh_claims *out)
{
	unsigned char bytes[REFRESH_SIZE];
	unsigned char mac[REFRESH_MAC];
	size_t len = 0;
	if (token.len != REFRESH_DIGITS || !all_digits64(token) ||
		sodium_base642bin(bytes, sizeof bytes, token.ptr, token.len, NULL, &len, NULL,
			sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
		len != REFRESH_SIZE)
		return ERR_DENIED;
	(void)crypto_generichash(
		mac, sizeof mac, bytes, REFRESH_SIGNED, keys->refresh_key, sizeof keys->refresh_key);
	if (sodium_memcmp(mac, bytes + REFRESH_SIGNED, sizeof mac) != 0)
		return ERR_DENIED;

	const unsigned char *at = bytes;
	struct refresh_claims claims;
	uint64_t version = get_number(&at, 1);
	claims.user = get_number(&at, 8);
	memcpy(claims.session.bytes, at, SESSION_SIZE);
	at += SESSION_SIZE;
	memcpy(claims.device.bytes, at, DEVICE_SIZE);
	at += DEVICE_SIZE;
	claims.generation = (uint32_t)get_number(&at, 4);
	uint64_t expires = get_number(&at, 8);
	if (version != REFRESH_VERSION || expires > (uint64_t)time_last)
		return ERR_DENIED;
	claims.expires_s = (int64_t)expires;
	*out = claims;
	return now_s >= claims.expires_s ? ERR_EXPIRED : ERR_OK;
}

void token_cache_key(const struct token_keys *keys, struct str token, unsigned char out[16])
{
	(void)crypto_generichash(out, 16, (const unsigned char *)(token.len ? token.ptr : ""), token.len,
		keys->cache_key, sizeof keys->cache_key);
}
