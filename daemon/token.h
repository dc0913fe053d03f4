/*
 * Tokens as text: making and checking, without the store. Thread-safe after token_keys_make().
 *
 * Access token: JWT, HS256, claims id, sid, dev, iat, exp, by libjwt. Refresh token: base64url of user,
 * session, device, generation, expiry and a keyed BLAKE2b MAC, under a key derived from the same secret.
 */
#ifndef TSUZUKI_DAEMON_TOKEN_H
#define TSUZUKI_DAEMON_TOKEN_H

#include "daemon/request.h"
#include "sync/base/err.h"

enum { TOKEN_SECRET_MAX = 4096, TOKEN_REFRESH_TEXT_SIZE = 128 };

struct token_keys {
	unsigned char *secret; /* owned: the bytes of JWT_SECRET */
	size_t secret_len;
	unsigned char refresh_key[32]; /* derived, domain-separated */
	unsigned char cache_key[32];   /* random: keys the hash of cached tokens */
};

struct access_claims {
	char oid[OID_TEXT_SIZE];
	uint64_t user; /* from the last 16 hex digits of oid */
	struct session_id session;
	struct device_id device;
	int64_t issued_s;
	int64_t expires_s;
};

struct refresh_claims {
	uint64_t user;
	struct session_id session;
	struct device_id device;
	uint32_t generation;
	int64_t expires_s;
};

enum err token_keys_make(struct token_keys *keys, struct str secret);
void token_keys_free(struct token_keys *keys);

/* Appends the compact JWT. */
enum err token_access_make(
	const struct token_keys *keys, const struct access_claims *claims, struct buf *out);
/*
 * ERR_DENIED unless it is a well-formed HS256 token of ours whose claims all have the right type; ERR_EXPIRED
 * when only exp (against now_s) speaks against it, *out then filled too.
 */
enum err token_access_check(
	const struct token_keys *keys, struct str token, int64_t now_s, struct access_claims *out);

enum err token_refresh_make(
	const struct token_keys *keys, const struct refresh_claims *claims, struct buf *out);
/* As token_access_check; the MAC is compared in constant time. */
enum err token_refresh_check(
	const struct token_keys *keys, struct str token, int64_t now_s, struct refresh_claims *out);

/* The cache's key of a token: 16 bytes of keyed BLAKE2b. */
void token_cache_key(const struct token_keys *keys, struct str token, unsigned char out[16]);

#endif
