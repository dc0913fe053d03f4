/*
 * Rate limits: a fixed window for each key of each class (design.md section 5). A key is a client's address
 * (IPv6 by its /64) or a device of a user. Each class remembers LIMIT_ADDRESSES keys; the one that was used
 * longest ago makes room. All memory is taken at the start, and touched as keys come. Loop thread.
 */
#ifndef TSUZUKI_DAEMON_RATELIMIT_H
#define TSUZUKI_DAEMON_RATELIMIT_H

#include "daemon/config.h"
#include "daemon/router.h"
#include "sync/base/env.h"
#include "sync/base/err.h"

struct ratelimit;

enum { RATE_KEY_SIZE = 17 };

struct rate_key {
	unsigned char bytes[RATE_KEY_SIZE]; /* what kind it is, then 16 bytes of it */
};

struct rate_verdict {
	bool counted; /* false: the class has no limit, and no header is sent */
	bool allowed;
	unsigned limit;
	unsigned remaining;
	int64_t reset_s;	/* epoch seconds at which the window ends */
	unsigned retry_after_s; /* at least 1 */
};

/* config stays the caller's and is read at each request, so that new settings hold at once. */
enum err ratelimit_open(const struct config *config, struct ratelimit **out);
void ratelimit_close(struct ratelimit *r);

struct rate_key rate_key_address(const struct address *address);
struct rate_key rate_key_device(uint64_t user, struct device_id device);

/* Counts one request of a key. */
struct rate_verdict ratelimit_take(
	struct ratelimit *r, enum rate_class class, const struct rate_key *key, struct now now);

#endif
