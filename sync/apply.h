/*
 * Ops as a job: the one way in which what a user tracks changes (design.md section 2). Gathers the rows that
 * the ops need, decides, scatters what changed. The ops' strings must live in the job's arena.
 */
#ifndef TSUZUKI_SYNC_APPLY_H
#define TSUZUKI_SYNC_APPLY_H

#include "sync/job.h"
#include "sync/op.h"

struct apply {
	struct job job;
	struct op *ops;		   /* job.ops of them, in the job's arena */
	struct op_result *results; /* out, as many */
};

/* A job of `count` ops (1 to OPS_MAX), zeroed, to be filled by the caller. NULL when memory is short. */
struct apply *apply_make(uint64_t user, unsigned count);

#endif
