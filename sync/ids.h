/*
 * Ids of users, sessions and items. A user's id is 63 random bits; its _id is 24 hex digits: 8 of the
 * creation second and 16 of the user's id, so that a token's claim leads to the user without an index.
 */
#ifndef TSUZUKI_SYNC_IDS_H
#define TSUZUKI_SYNC_IDS_H

#include "schema/schema.h"
#include "sync/base/env.h"
#include "sync/base/str.h"
#include "sync/stamp.h"

enum { SESSION_SIZE = 8, OID_SIZE = 12, OID_TEXT_SIZE = 25, ID_KEY_SIZE = 16, USER_BITS = 63 };

struct session_id {
	unsigned char bytes[SESSION_SIZE];
};

bool session_eq(struct session_id a, struct session_id b);
bool session_set(struct session_id s);

/* 63 random bits, never 0. */
uint64_t user_draw(struct env env);
void user_oid(uint64_t user, int64_t created_ms, char out[OID_TEXT_SIZE]);
/* The user of an _id in text; false when it is not 24 hex digits. Whether such a user exists is another
 * question. */
bool user_of_oid(struct str oid, uint64_t *out);

/* An item's _id: a hash of collection and key, keyed by the account's id_key (sync-protocol.md section 2). */
void item_oid(const unsigned char id_key[ID_KEY_SIZE], enum collection collection, struct str key,
	unsigned char out[OID_SIZE]);

#endif
