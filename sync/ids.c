#include "sync/ids.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

bool session_eq(struct session_id a, struct session_id b)
{
	return memcmp(a.bytes, b.bytes, SESSION_SIZE) == 0;
}

bool session_set(struct session_id s)
{
	static const struct session_id none;
	return !session_eq(s, none);
}

uint64_t user_draw(struct env env)
{
	uint64_t user = 0;
	unsigned char bytes[8];
	do {
		env.random(env.context, bytes, sizeof bytes);
		user = 0;
		for (size_t i = 0; i < sizeof bytes; i++)
			user = user << 8 | bytes[i];
		user >>= 64 - USER_BITS;
	} while (user == 0);
	return user;
}

void user_oid(uint64_t user, int64_t created_ms, char out[OID_TEXT_SIZE])
{
	unsigned char bytes[OID_SIZE];
	uint64_t seconds = (uint64_t)(created_ms / 1000);
	for (int i = 0; i < 4; i++)
		bytes[i] = (unsigned char)(seconds >> (24 - 8 * i));
	for (int i = 0; i < 8; i++)
		bytes[4 + i] = (unsigned char)(user >> (56 - 8 * i));
	str_to_hex(bytes, sizeof bytes, out);
}

bool user_of_oid(struct str oid, uint64_t *out)
{
	unsigned char bytes[OID_SIZE];
	if (!str_hex(oid, bytes, sizeof bytes))
		return false;
	uint64_t user = 0;
	for (int i = 0; i < 8; i++)
		user = user << 8 | bytes[4 + i];
	if (user == 0 || user >> USER_BITS)
		return false;
	*out = user;
	return true;
}

void item_oid(const unsigned char id_key[ID_KEY_SIZE], enum collection collection, struct str key,
	unsigned char out[OID_SIZE])
{
	unsigned char hash[crypto_generichash_BYTES_MIN];
	unsigned char which = (unsigned char)collection;
	crypto_generichash_state state;
	/* None of these can fail for lengths that libsodium names as valid. */
	(void)crypto_generichash_init(&state, id_key, ID_KEY_SIZE, sizeof hash);
	(void)crypto_generichash_update(&state, &which, 1);
	(void)crypto_generichash_update(&state, (const unsigned char *)key.ptr, key.len);
	(void)crypto_generichash_final(&state, hash, sizeof hash);
	memcpy(out, hash, OID_SIZE);
}
