/*
 * Backups by the running daemon: every BACKUP_EVERY and on demand, on a worker, the newest BACKUP_KEEP of
 * them kept. One that fails is logged and tried again with growing pauses. Loop thread only.
 */
#ifndef TSUZUKI_DAEMON_BACKUPS_H
#define TSUZUKI_DAEMON_BACKUPS_H

#include <stdbool.h>
#include <stdint.h>

#include "sync/base/err.h"

struct app;
struct backups;

struct backups_state {
	int64_t newest_ms; /* when the newest good one was made, by the wall clock; 0: there is none */
	int64_t age_ms;	   /* its age now; 0 without one */
	uint64_t made;	   /* since the start */
	uint64_t failures; /* since the start */
	unsigned failing;  /* tries in a row that failed: 0 when the last one was good */
	bool overdue;	   /* the newest good one is older than twice BACKUP_EVERY */
	const char *why;   /* the last failure; "" when failing is 0 */
};

enum err backups_open(struct app *app, struct backups **out);
/* Gives up the one under way, which then comes back soon. Before workers_close(). NULL is fine. */
void backups_stop(struct backups *b);
/* After workers_close(). NULL is fine. */
void backups_close(struct backups *b);

/*
 * Makes one now. done(context, err, text): the path, or what is wrong, for people; the text lives for the
 * call. false: one is under way.
 */
bool backups_now(
	struct backups *b, void (*done)(void *context, enum err err, const char *text), void *context);
/* All zero for NULL. */
struct backups_state backups_state(const struct backups *b);

#endif
