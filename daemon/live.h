/*
 * The live channel: WebSocket /api/live, subprotocol tsuzuki.v1 (sync-protocol.md section 7). Loop thread
 * only.
 *
 * The files: live.c looks after all connections; live_conn.c is the life of one and what arrives on it;
 * live_out.c is what goes out; live_frames.c reads frames and acknowledges progress; live_hello.c begins the
 * stream; live_sync.c exchanges; hub.c knows who follows whom; http_upgrade.c lets connections in.
 */
#ifndef TSUZUKI_DAEMON_LIVE_H
#define TSUZUKI_DAEMON_LIVE_H

#include <stdint.h>

#include "sync/base/err.h"

struct app;
struct lives;

/* Counters since the start, for /metrics. */
struct live_stats {
	unsigned open;	     /* connections now */
	uint64_t opened;     /* connections */
	uint64_t frames_in;  /* whole ones */
	uint64_t frames_out; /* acks, items and errors among them */
	uint64_t acks;
	uint64_t items;
	uint64_t errors; /* frames that were refused */
	uint64_t slowed; /* times that a connection was over RATE_LIMIT_LIVE */
	uint64_t cut;	 /* connections that missed a deadline or left two pings unanswered */
};

enum err live_open(struct app *app, struct lives **out);
/* Cuts every connection, before the loop closes. Takes NULL. */
void live_stop(struct lives *lives);
/* After the loop has closed, and every job and task has come back. Takes NULL. */
void live_close(struct lives *lives);

/* Says bye to everybody and closes with 1001, once what was taken is answered. */
void live_drain(struct lives *lives);
/* Connections that are open; 0 for NULL. */
unsigned live_count(const struct lives *lives);
/* Closes those of a user whose session has ended, with 4403. */
void live_recheck(struct lives *lives, uint64_t user);
/* All zero for NULL. */
struct live_stats live_stats(const struct lives *lives);

#endif
