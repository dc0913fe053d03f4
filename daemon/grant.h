/*
 * Granting a session: ids and times of a session to begin, and the reply with its tokens. Loop thread.
 */
#ifndef TSUZUKI_DAEMON_GRANT_H
#define TSUZUKI_DAEMON_GRANT_H

#include "daemon/reply.h"
#include "sync/account.h"

/* deviceId and deviceName of the body; a new device when none is named. Faults: deviceId, deviceName. */
void grant_device(struct request *r, struct faults *faults, struct device_id *device, struct str *name);
/* A fresh session on that device, bounded and timed by the settings. */
struct session_begin grant_begin(struct request *r, struct device_id device, struct str name);

/* Answers with the user (when not NULL), token, refreshToken, deviceId and idKey. Ends the request. */
void grant_reply(struct request *r, int status, uint64_t user, const struct profile *profile,
	const struct session_begin *session, uint32_t generation);

#endif
