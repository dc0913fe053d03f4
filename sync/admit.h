/*
 * Playback admission (sync-protocol.md section 4): what an op with an event writes, so that nobody silently
 * loses their place. Pure; allocates nothing.
 */
#ifndef TSUZUKI_SYNC_ADMIT_H
#define TSUZUKI_SYNC_ADMIT_H

#include "sync/rows.h"

struct admission {
	bool candidate; /* journalled, not written */
	enum rule rule; /* why: RULE_PAUSED_PLAYER, RULE_EARLY_REWIND */
	unsigned present;
	struct value values[REG_COUNT]; /* whole */
	struct playback session;	/* the session afterwards */
};

/* Whether this device's session wrote the stored position. */
bool admit_holder(const struct item *it, struct stamp cleared, const struct op *op);
/* The state of the session that holds the place, as the item tells it. */
struct playback admit_holder_state(const struct item *it);

/*
 * op has an event and, but for EVENT_OPEN, an episode in `position`. `before` is the session's state when it
 * does not hold the place (else it is not looked at).
 */
void admit(const struct item *it, struct stamp cleared, const struct op *op, struct stamp stamp,
	const struct playback *before, struct admission *out);

#endif
