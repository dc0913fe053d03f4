#include "daemon/http_peers.h"

#include <stdlib.h>
#include <string.h>

#include "sync/base/check.h"

void peers_init(struct peers *p)
{
	*p = (struct peers){0};
	crypto_shorthash_keygen(p->hash_key);
}

static struct peer **bucket_of(struct peers *p, const struct address *address)
{
	unsigned char hash[crypto_shorthash_BYTES];
	uint64_t number;
	(void)crypto_shorthash(hash, address->bytes, sizeof address->bytes, p->hash_key);
	memcpy(&number, hash, sizeof number);
	return &p->buckets[number % PEER_BUCKETS];
}

struct peer *peers_take(struct peers *p, const struct address *address, unsigned most)
{
	struct address counted = address_counted(address);
	struct peer **bucket = bucket_of(p, &counted);
	struct peer *peer = *bucket;
	while (peer && memcmp(&peer->address, &counted, sizeof counted) != 0)
		peer = peer->next;
	if (!peer) {
		peer = calloc(1, sizeof *peer);
		if (!peer)
			return NULL;
		peer->address = counted;
		peer->next = *bucket;
		*bucket = peer;
	}
	if (most && peer->connections >= most)
		return NULL;
	peer->connections++;
	return peer;
}

void peers_give(struct peers *p, struct peer *peer)
{
	if (!peer)
		return;
	CHECK(peer->connections > 0);
	if (--peer->connections > 0)
		return;
	struct peer **at = bucket_of(p, &peer->address);
	while (*at != peer) {
		CHECK(*at);
		at = &(*at)->next;
	}
	*at = peer->next;
	free(peer);
}
