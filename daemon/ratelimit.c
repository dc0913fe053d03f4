#include "daemon/ratelimit.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/limits.h"
#include "sync/base/check.h"

enum { BUCKETS = LIMIT_ADDRESSES, NONE = 0, KEY_KIND_ADDRESS = 1, KEY_KIND_DEVICE = 2 };

/* Entries are named by their index; 0 names none. */
struct entry {
	int64_t began_ms; /* the window, on the monotonic clock */
	unsigned count;
	uint32_t next;	/* in the same bucket */
	uint32_t newer; /* in the order of last use */
	uint32_t older;
	struct rate_key key;
};

struct table {
	uint32_t *buckets;     /* owned: BUCKETS of them */
	struct entry *entries; /* owned: LIMIT_ADDRESSES + 1 of them */
	uint32_t used;	       /* entries 1 to used are in the table */
	uint32_t newest;
	uint32_t oldest;
};

struct ratelimit {
	const struct config *config;
	unsigned char hash_key[crypto_shorthash_KEYBYTES]; /* so that nobody can aim at one bucket */
	struct table tables[RATE_COUNT];
};

enum err ratelimit_open(const struct config *config, struct ratelimit **out)
{
	if (sodium_init() < 0)
		return ERR_IO;
	struct ratelimit *r = calloc(1, sizeof *r);
	if (!r)
		return ERR_NOMEM;
	r->config = config;
	crypto_shorthash_keygen(r->hash_key);
	for (size_t i = RATE_NONE + 1; i < RATE_COUNT; i++) {
		/* Memory from calloc() costs nothing until an entry is used. */
		r->tables[i].buckets = calloc(BUCKETS, sizeof *r->tables[i].buckets);
		r->tables[i].entries = calloc(LIMIT_ADDRESSES + 1, sizeof *r->tables[i].entries);
		if (!r->tables[i].buckets || !r->tables[i].entries) {
			ratelimit_close(r);
			return ERR_NOMEM;
		}
	}
	*out = r;
	return ERR_OK;
}

void ratelimit_close(struct ratelimit *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < RATE_COUNT; i++) {
		free(r->tables[i].buckets);
		free(r->tables[i].entries);
	}
	free(r);
}

struct rate_key rate_key_address(const struct address *address)
{
	struct rate_key key = {{KEY_KIND_ADDRESS}};
	struct address counted = address_counted(address);
	memcpy(key.bytes + 1, counted.bytes, sizeof counted.bytes);
	return key;
}

struct rate_key rate_key_device(uint64_t user, struct device_id device)
{
	struct rate_key key = {{KEY_KIND_DEVICE}};
	memcpy(key.bytes + 1, &user, sizeof user);
	memcpy(key.bytes + 1 + sizeof user, device.bytes, sizeof device.bytes);
	return key;
}

static uint32_t *bucket_of(struct ratelimit *r, struct table *t, const struct rate_key *key)
{
	unsigned char hash[crypto_shorthash_BYTES];
	uint64_t number;
	(void)crypto_shorthash(hash, key->bytes, sizeof key->bytes, r->hash_key);
	memcpy(&number, hash, sizeof number);
	return &t->buckets[number % BUCKETS];
}

/* Takes an entry out of the order of last use. */
static void unchain(struct table *t, uint32_t i)
{
	struct entry *e = &t->entries[i];
	*(e->newer ? &t->entries[e->newer].older : &t->newest) = e->older;
	*(e->older ? &t->entries[e->older].newer : &t->oldest) = e->newer;
}

static void chain_newest(struct table *t, uint32_t i)
{
	struct entry *e = &t->entries[i];
	e->newer = NONE;
	e->older = t->newest;
	*(t->newest ? &t->entries[t->newest].newer : &t->oldest) = i;
	t->newest = i;
}

/* The index of an entry that is in no bucket and in no order: a fresh one, or the one used longest ago. */
static uint32_t make_room(struct ratelimit *r, struct table *t)
{
	if (t->used < LIMIT_ADDRESSES)
		return ++t->used;
	uint32_t i = t->oldest;
	uint32_t *at = bucket_of(r, t, &t->entries[i].key);
	while (*at != i) {
		CHECK(*at != NONE);
		at = &t->entries[*at].next;
	}
	*at = t->entries[i].next;
	unchain(t, i);
	return i;
}

static struct entry *find_or_make(
	struct ratelimit *r, struct table *t, const struct rate_key *key, int64_t now_ms)
{
	uint32_t i = *bucket_of(r, t, key);
	while (i && memcmp(&t->entries[i].key, key, sizeof *key) != 0)
		i = t->entries[i].next;
	if (i) {
		unchain(t, i);
	} else {
		i = make_room(r, t);
		uint32_t *bucket = bucket_of(r, t, key);
		t->entries[i] = (struct entry){.began_ms = now_ms, .next = *bucket, .key = *key};
		*bucket = i;
	}
	chain_newest(t, i);
	return &t->entries[i];
}

static struct rate rate_of(const struct config *config, enum rate_class class)
{
	switch (class) {
	case RATE_REGISTER:
	case RATE_LOGIN:
	case RATE_FORGOT:
		return config->rate_auth;
	case RATE_API:
		return config->rate_api;
	case RATE_SYNC:
		return config->rate_sync;
	case RATE_NONE:
	case RATE_COUNT:
		break;
	}
	return (struct rate){0};
}

struct rate_verdict ratelimit_take(
	struct ratelimit *r, enum rate_class class, const struct rate_key *key, struct now now)
{
	struct rate rate = rate_of(r->config, class);
	if (!rate.count || rate.window_ms <= 0)
		return (struct rate_verdict){.allowed = true};
	struct entry *e = find_or_make(r, &r->tables[class], key, now.mono_ms);
	if (now.mono_ms - e->began_ms >= rate.window_ms) {
		e->began_ms = now.mono_ms;
		e->count = 0;
	}
	int64_t left_ms = e->began_ms + rate.window_ms - now.mono_ms;
	struct rate_verdict v = {.counted = true, .limit = rate.count};
	v.allowed = e->count < rate.count;
	if (v.allowed)
		e->count++;
	v.remaining = e->count < rate.count ? rate.count - e->count : 0;
	v.reset_s = (now.wall_ms + left_ms + 999) / 1000;
	v.retry_after_s = left_ms > 1000 ? (unsigned)((left_ms + 999) / 1000) : 1;
	return v;
}
