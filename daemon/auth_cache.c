#include "daemon/auth_cache.h"

#include <stdlib.h>
#include <string.h>

/* Sets of WAYS entries, by the first bytes of the key: it is a hash already. Sets are allocated when first
 * used. */
enum { WAYS = 8, SETS = LIMIT_TOKEN_CACHE / WAYS };

struct set {
	struct auth_entry ways[WAYS];
};

struct auth {
	struct set *sets[SETS];
	uint32_t age;
};

struct auth *auth_cache_make(void)
{
	return calloc(1, sizeof(struct auth));
}

void auth_cache_free(struct auth *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; i < SETS; i++)
		free(cache->sets[i]);
	free(cache);
}

static struct set **set_of(struct auth *cache, const unsigned char key[AUTH_KEY_SIZE])
{
	uint32_t hash = 0;
	memcpy(&hash, key, sizeof hash);
	return &cache->sets[hash % SETS];
}

struct auth_entry *auth_cache_find(struct auth *cache, const unsigned char key[AUTH_KEY_SIZE])
{
	struct set *set = *set_of(cache, key);
	for (size_t i = 0; set && i < WAYS; i++)
		if (set->ways[i].who.user && memcmp(set->ways[i].key, key, AUTH_KEY_SIZE) == 0)
			return &set->ways[i];
	return NULL;
}

struct auth_entry *auth_cache_put(
	struct auth *cache, const unsigned char key[AUTH_KEY_SIZE], const struct principal *who)
{
	struct set **set = set_of(cache, key);
	if (!*set)
		*set = calloc(1, sizeof **set);
	if (!*set)
		return NULL;
	struct auth_entry *victim = &(*set)->ways[0];
	for (size_t i = 0; i < WAYS; i++) {
		struct auth_entry *e = &(*set)->ways[i];
		if (!e->who.user) {
			victim = e;
			break;
		}
		if (cache->age - e->age > cache->age - victim->age)
			victim = e;
	}
	*victim = (struct auth_entry){.who = *who, .age = ++cache->age};
	memcpy(victim->key, key, AUTH_KEY_SIZE);
	return victim;
}

void auth_cache_forget(struct auth *cache, uint64_t user)
{
	for (size_t s = 0; s < SETS; s++)
		for (size_t i = 0; cache->sets[s] && i < WAYS; i++)
			if (cache->sets[s]->ways[i].who.user == user)
				memset(&cache->sets[s]->ways[i], 0, sizeof cache->sets[s]->ways[i]);
}
