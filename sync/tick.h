/*
 * One op of a live connection as a job, with the telling of what became of it (sync-protocol.md section 7).
 */
#ifndef TSUZUKI_SYNC_TICK_H
#define TSUZUKI_SYNC_TICK_H

#include "sync/cursor.h"
#include "sync/job.h"
#include "sync/op.h"

struct tick {
	struct job job;
	struct op op; /* its strings live in the job's arena, or as long as the job */
	/* Out: */
	struct op_result result;
	struct str text;    /* the members of a result, without braces; none when it was refused */
	struct cursor head; /* the user's newest seq after it */
};

/* NULL when memory is short. */
struct tick *tick_make(uint64_t user);

#endif
