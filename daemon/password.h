/*
 * Password hashing: argon2id (libsodium, t=2, m=19 MiB); bcrypt of imported users is verified, never made.
 * Slow on purpose: workers only, never the loop. Any thread, after sodium_init().
 */
#ifndef TSUZUKI_DAEMON_PASSWORD_H
#define TSUZUKI_DAEMON_PASSWORD_H

#include <stdbool.h>
#include <stdint.h>

#include "sync/base/err.h"
#include "sync/base/str.h"

enum { PASSWORD_HASH_SIZE = 128, RESET_PASSWORD_LENGTH = 12, RESET_HASH_SIZE = 32 };

/* An argon2id string with a random salt. ERR_NOMEM when its 19 MiB cannot be had. */
enum err password_hash(struct str password, char out[PASSWORD_HASH_SIZE]);
/*
 * ERR_OK or ERR_DENIED; ERR_NOMEM when it could not be found out. hash "" (an unknown account) or one of no
 * known kind costs the same as a real one and is denied. bcrypt looks at 72 bytes of the password, argon2id
 * at all. *rehash (only when ERR_OK): the hash is good, but not today's kind (bcrypt, other cost): store a
 * new one.
 */
enum err password_verify(struct str hash, struct str password, bool *rehash);

/* A mailed password: letters and digits, RESET_PASSWORD_LENGTH of them and NUL; about 71 bits. */
void password_draw(char out[RESET_PASSWORD_LENGTH + 1]);
/* Its hash: such a password needs no slow one. Salted by the user's id. */
void password_reset_hash(uint64_t user, struct str password, unsigned char out[RESET_HASH_SIZE]);

#endif
