/*
 * What the service manager is told: ready, reading settings again, stopping, and that the loop still turns
 * (sd_notify(3), written out here so that no library comes with it). Without NOTIFY_SOCKET all of it does
 * nothing. Loop thread, once the loop runs.
 */
#ifndef TSUZUKI_DAEMON_NOTIFY_H
#define TSUZUKI_DAEMON_NOTIFY_H

#include "daemon/loop.h"

struct notify {
	struct loop_tick tick;
	int fd;		  /* connected to the manager, -1: none */
	int64_t every_ms; /* between two signs of life, 0: none are asked for */
	int64_t last_ms;
	struct loop *loop; /* that the tick is in; NULL: none */
};

/*
 * Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID and takes them out of the environment, so that no child
 * speaks for us. A socket that cannot be used is logged once. Main thread, before a second one.
 */
void notify_open(struct notify *n);
/* Signs of life come from this loop's tick: one that hangs sends none. */
void notify_watch(struct notify *n, struct loop *loop);
/* Before the loop closes. Fine when it was never opened. */
void notify_close(struct notify *n);

void notify_ready(const struct notify *n);
/* Followed by notify_ready() when it is done. */
void notify_reloading(const struct notify *n);
void notify_stopping(const struct notify *n);

#endif
