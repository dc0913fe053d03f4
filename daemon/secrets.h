/*
 * The signing secret: JWT_SECRET, then $CREDENTIALS_DIRECTORY/jwt.key, then DATA_DIR/jwt.secret, which is
 * made at the first start (32 random bytes as hex, mode 0600, synced).
 */
#ifndef TSUZUKI_DAEMON_SECRETS_H
#define TSUZUKI_DAEMON_SECRETS_H

#include "daemon/config.h"
#include "sync/base/err.h"

enum { SECRET_LENGTH_MIN = 32 };

/*
 * The secret into *out, whose ceiling is TOKEN_SECRET_MAX at least; the caller wipes it. DATA_DIR exists. At
 * start, by the main thread. Whichever of two daemons makes the file first, both use that one, and a crash
 * leaves it whole or absent. ERR_INVALID (too short, the sample): *why says where and what to do, without the
 * secret. ERR_IO: a file cannot be read or made; *why names it. ERR_NOMEM.
 */
enum err secrets_find(const struct config *config, struct buf *out, struct buf *why);

/* NULL, or why no secret may be like that: "is shorter than ..." A static text. */
const char *secrets_refuse(struct str secret);

#endif
