/*
 * Verified tokens, remembered by a keyed hash of the token. Bounded: a full set forgets its oldest entry. The
 * loop's thread only; it holds no token, and what is forgotten is merely verified again.
 */
#ifndef TSUZUKI_DAEMON_AUTH_CACHE_H
#define TSUZUKI_DAEMON_AUTH_CACHE_H

#include "daemon/request.h"

enum { AUTH_KEY_SIZE = 16 };

struct auth_entry {
	unsigned char key[AUTH_KEY_SIZE];
	struct principal who; /* who.user 0: empty */
	int64_t seen_ms;      /* when the device was last noted as seen, 0: never */
	uint32_t age;	      /* of the cache when it was put */
};

struct auth;

/* NULL when memory is short. */
struct auth *auth_cache_make(void);
void auth_cache_free(struct auth *cache);
/* The entry lives until the next call that puts or forgets. */
struct auth_entry *auth_cache_find(struct auth *cache, const unsigned char key[AUTH_KEY_SIZE]);
/* NULL when memory is short: then nothing is remembered. */
struct auth_entry *auth_cache_put(
	struct auth *cache, const unsigned char key[AUTH_KEY_SIZE], const struct principal *who);
void auth_cache_forget(struct auth *cache, uint64_t user);

#endif
