#include "daemon/password.h"

#include <crypt.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/limits.h"

_Static_assert(PASSWORD_HASH_SIZE == crypto_pwhash_STRBYTES, "an argon2id string and its NUL");

enum { ARGON_OPS = 2, ARGON_MEMORY = 19 * 1024 * 1024 };
enum { BCRYPT_LENGTH = 60, BCRYPT_PASSWORD = 72, BCRYPT_COST_AT = 4, BCRYPT_SALT_AT = 7 };

/*
 * What a password of an unknown account is compared with: today's cost, and a hash that nobody's password has
 * (the result is not looked at). A constant, so that the first such log-in is no slower than the others.
 */
static const char nobody[PASSWORD_HASH_SIZE] = "$argon2id$v=19$m=19456,t=2,p=1$dHN1enVraS1ub2JvZHktMQ$"
					       "bm9ib2R5IGhhcyBhIHBhc3N3b3JkIGxpa2UgdGhpcy4";

enum err password_hash(struct str password, char out[PASSWORD_HASH_SIZE])
{
	char hash[crypto_pwhash_STRBYTES];
	if (crypto_pwhash_str(
		    hash, password.len ? password.ptr : "", password.len, ARGON_OPS, ARGON_MEMORY) != 0)
		return ERR_NOMEM;
	memcpy(out, hash, sizeof hash);
	return ERR_OK;
}

static enum err argon_verify(const char *hash, struct str password)
{
	errno = 0;
	if (crypto_pwhash_str_verify(hash, password.len ? password.ptr : "", password.len) == 0)
		return ERR_OK;
	/* libsodium says -1 for "wrong" and for "no memory"; telling a user "wrong password" then would be a
	 * lie. */
	return errno == ENOMEM ? ERR_NOMEM : ERR_DENIED;
}

static enum err verify_nobody(struct str password)
{
	return argon_verify(nobody, password) == ERR_NOMEM ? ERR_NOMEM : ERR_DENIED;
}

/* $2a$, $2b$ or $2y$, a cost that is not absurd, and the right length. */
static bool is_bcrypt(struct str hash)
{
	int64_t cost;
	if (hash.len != BCRYPT_LENGTH || !str_starts(hash, STR("$2")) || hash.ptr[3] != '$' ||
		hash.ptr[BCRYPT_SALT_AT - 1] != '$')
		return false;
	if (hash.ptr[2] != 'a' && hash.ptr[2] != 'b' && hash.ptr[2] != 'y')
		return false;
	return str_int((struct str){hash.ptr + BCRYPT_COST_AT, 2}, 4, LIMIT_BCRYPT_COST, &cost);
}

static enum err bcrypt_verify(struct str hash, struct str password)
{
	char setting[BCRYPT_LENGTH + 1];
	char key[BCRYPT_PASSWORD + 1];
	enum err err = ERR_DENIED;
	/* bcrypt ends at a NUL byte; a password that has one would be taken for its beginning. */
	if (str_find(password, '\0') < password.len)
		return ERR_DENIED;
	struct crypt_data *data = calloc(1, sizeof *data);
	if (!data)
		return ERR_NOMEM;

	/* crypt_r refuses more than 512 bytes; bcrypt itself looks at 72. */
	size_t len = password.len < BCRYPT_PASSWORD ? password.len : BCRYPT_PASSWORD;
	if (len)
		memcpy(key, password.ptr, len);
	key[len] = '\0';
	/* Node's libraries mean by a and y what crypt(3) calls b. */
	memcpy(setting, hash.ptr, hash.len);
	setting[hash.len] = '\0';
	setting[2] = 'b';

	const char *made = crypt_r(key, setting, data);
	if (made && strlen(made) == BCRYPT_LENGTH && sodium_memcmp(made, setting, BCRYPT_LENGTH) == 0)
		err = ERR_OK;
	sodium_memzero(key, sizeof key);
	sodium_memzero(data, sizeof *data);
	free(data);
	return err;
}

enum err password_verify(struct str hash, struct str password, bool *rehash)
{
	char text[PASSWORD_HASH_SIZE];
	if (is_bcrypt(hash)) {
		enum err err = bcrypt_verify(hash, password);
		if (err == ERR_OK)
			*rehash = true;
		return err;
	}
	if (hash.len >= sizeof text || !str_starts(hash, STR("$argon2id$")))
		return verify_nobody(password);
	memcpy(text, hash.ptr, hash.len);
	memset(text + hash.len, 0, sizeof text - hash.len);
	int other = crypto_pwhash_str_needs_rehash(text, ARGON_OPS, ARGON_MEMORY);
	if (other < 0)
		return verify_nobody(password);
	enum err err = argon_verify(text, password);
	if (err == ERR_OK)
		*rehash = other != 0;
	return err;
}

void password_draw(char out[RESET_PASSWORD_LENGTH + 1])
{
	static const char signs[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	for (size_t i = 0; i < RESET_PASSWORD_LENGTH; i++)
		out[i] = signs[randombytes_uniform(sizeof signs - 1)];
	out[RESET_PASSWORD_LENGTH] = '\0';
}

void password_reset_hash(uint64_t user, struct str password, unsigned char out[RESET_HASH_SIZE])
{
	static const unsigned char label[] = "tsuzuki mailed password 1";
	unsigned char id[8];
	crypto_generichash_state state;
	for (size_t i = 0; i < sizeof id; i++)
		id[i] = (unsigned char)(user >> (56 - 8 * i));
	(void)crypto_generichash_init(&state, NULL, 0, RESET_HASH_SIZE);
	(void)crypto_generichash_update(&state, label, sizeof label);
	(void)crypto_generichash_update(&state, id, sizeof id);
	if (password.len)
		(void)crypto_generichash_update(&state, (const unsigned char *)password.ptr, password.len);
	(void)crypto_generichash_final(&state, out, RESET_HASH_SIZE);
	sodium_memzero(&state, sizeof state);
}
