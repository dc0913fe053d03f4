/*
 * How many connections each address has open (IPv6 by its /64). As many entries as there are addresses
 * connected. Loop thread.
 */
#ifndef TSUZUKI_DAEMON_HTTP_PEERS_H
#define TSUZUKI_DAEMON_HTTP_PEERS_H

#include <sodium.h>

#include "daemon/address.h"

enum { PEER_BUCKETS = 4096 };

struct peer {
	struct peer *next;
	struct address address;
	unsigned connections;
};

struct peers {
	unsigned char hash_key[crypto_shorthash_KEYBYTES];
	struct peer *buckets[PEER_BUCKETS];
};

void peers_init(struct peers *p);
/* Counts one more. NULL when the address has most already (0: no bound) or memory is short. */
struct peer *peers_take(struct peers *p, const struct address *address, unsigned most);
/* Counts one less; the entry is gone with the last one. Takes NULL. */
void peers_give(struct peers *p, struct peer *peer);

#endif
