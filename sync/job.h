/*
 * A job: what somebody wants written, for one user. The store runs queued jobs in one transaction and commits
 * once (design.md section 2); the answer is the job's own out fields, read after the commit.
 *
 * A concrete job is a struct whose first member is `struct job`: its in fields are set by the caller, its out
 * fields by run(). run() may be called again when a commit failed, so it starts by resetting its out fields.
 */
#ifndef TSUZUKI_SYNC_JOB_H
#define TSUZUKI_SYNC_JOB_H

#include "sync/base/arena.h"
#include "sync/base/env.h"
#include "sync/base/err.h"

struct tx;

/* The user's newest seq before and after; both 0 when it did not move. */
struct moved {
	int64_t from;
	int64_t to;
};

struct job {
	struct job *next;				 /* of whoever holds it */
	enum err (*run)(struct tx *tx, struct job *job); /* store thread, inside the transaction */
	void (*done)(struct job *job);			 /* the submitter's; owns the job again */
	void *context;					 /* the submitter's */
	uint64_t user;
	unsigned ops;	    /* weight: ops it holds, 1 for a command */
	enum err err;	    /* of the store: anything but ERR_OK means that nothing was written */
	struct moved moved; /* out: who follows the user's changes is behind now */
	struct arena arena; /* owned; holds everything the job points to */
};

/* A zeroed job of `size` bytes with its own arena. NULL when memory is short. */
void *job_make(size_t size, enum err (*run)(struct tx *, struct job *), size_t arena_cap);
/* NULL does nothing. */
void job_free(struct job *job);

#endif
