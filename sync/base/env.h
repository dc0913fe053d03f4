/*
 * What the outside hands in: sync/ reads no clock and draws no random bytes of its own (design.md section 2).
 */
#ifndef TSUZUKI_SYNC_BASE_ENV_H
#define TSUZUKI_SYNC_BASE_ENV_H

#include <stddef.h>
#include <stdint.h>

/* One look at both clocks. */
struct now {
	int64_t wall_ms; /* since 1970; may jump either way */
	int64_t mono_ms; /* since some fixed moment; never goes back */
};

/* Fills bytes with unpredictable ones; cannot fail. */
typedef void random_fn(void *context, unsigned char *bytes, size_t len);

struct env {
	random_fn *random;
	void *context;
};

#endif
