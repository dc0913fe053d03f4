/*
 * Failed log-ins slow an account down, never lock it (design.md section 5): each further failure makes the
 * next tries for that address wait longer, up to a few seconds; addresses that nobody has are slowed alike.
 * Loop thread.
 */
#ifndef TSUZUKI_DAEMON_SLOWDOWN_H
#define TSUZUKI_DAEMON_SLOWDOWN_H

#include "daemon/loop.h"
#include "sync/base/str.h"

struct slowdown;

enum err slowdown_open(struct loop *loop, struct slowdown **out);
void slowdown_close(struct slowdown *s);

/* Something to do after the pause. Embedded in what waits. */
struct slowdown_wait {
	struct slowdown_wait *next;
	int64_t until_ms;
	void (*run)(struct slowdown_wait *wait);
};

/*
 * Calls wait->run on the loop: at once when the account has few failures, else after its pause. false: too
 * many are waiting (answer 503).
 */
bool slowdown_enter(struct slowdown *s, struct str email, struct slowdown_wait *wait);
void slowdown_failed(struct slowdown *s, struct str email);
void slowdown_succeeded(struct slowdown *s, struct str email);

#endif
