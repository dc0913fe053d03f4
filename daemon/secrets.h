/*
 * The signing secret: JWT_SECRET, then $CREDENTIALS_DIRECTORY/jwt.key, then DATA_DIR/jwt.secret, which is made at the
 * first start (32 random bytes as hex, mode 0600, synced).
 */
#ifndef TSUZUKI_DAEMON_SECRETS_H
#define TSUZUKI_DAEMON_SECRETS_H

#include "daemon/config.h"
#include "sync/base/err.h"

/* The secret into *out. ERR_INVALID (too short, the sample): *why says where and what to do, without the secret. */
enum err secrets_find(const struct config *config, struct buf *out, struct buf *why);

#endif
