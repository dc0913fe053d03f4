/*
 * The upper side of an exchange (sync-protocol.md section 6): a push taken in one transaction, exactly once,
 * and the delta since a cursor. The same whether it came as POST /api/sync or as a frame of the live channel.
 *
 * Whoever has an exchange_in: exchange_reads() asks whether anything must be written. If not, exchange_pull()
 * is all there is to do. If so, the job is run by the store, and exchange_pull() comes after its commit.
 */
#ifndef TSUZUKI_SYNC_EXCHANGE_H
#define TSUZUKI_SYNC_EXCHANGE_H

#include "sync/job.h"
#include "sync/store.h"
#include "sync/told.h"
#include "sync/wire.h"

struct exchange_job {
	struct job job;
	struct device_id device; /* the sender */
	struct exchange_in in;	 /* to be filled by the caller, in the job's arena */
	/* Out: */
	bool forked;	    /* a cloned or restored device: nothing was written (409) */
	bool offer;	    /* this replica has lost history: pull from zero and say so */
	int64_t now_ms;	    /* the user's stamp clock */
	int64_t ack;	    /* the device's highest number taken */
	struct cursor head; /* the user's newest seq after the push */
	struct str results; /* a JSON array */
	struct told *told;  /* ordered by collection and item */
	size_t told_count;
};

/* Memory of one push of 4 MiB and what becomes of it. NULL when memory is short. */
struct exchange_job *exchange_job_make(uint64_t user, struct device_id device);
/* To be called when `in` is filled: how heavy the job is. */
void exchange_job_weigh(struct exchange_job *x);

/* What a reader is to be told. */
struct pull {
	bool from_zero; /* with an offer, and for a cursor of null */
	int64_t since;	/* else: everything after this seq */
	bool nothing;	/* no cursor: only the head */
	unsigned limit; /* items of a page */
	size_t bytes;	/* and of their text */
	const struct told *told;
	size_t told_count;
	int64_t backlog; /* at most so many items have changed */
	int64_t upto;	 /* what is beyond this seq is neither told nor covered; 0: no bound */
	/* Out: */
	int64_t now_ms;
	struct cursor cursor; /* covers what was written */
	struct cursor head;
	struct stamp cleared[COLLECTION_COUNT];
	bool more;
	size_t items;
};

/*
 * Whether x->in can be served by reading alone: it has no ops, and neither its cursor nor its head proves a
 * loss that is not known yet. Then x->offer, x->ack and *pull are ready, and the job is not needed. The
 * reader's thread.
 */
enum err exchange_reads(struct reader *reader, struct exchange_job *x, struct pull *pull, bool *reads);
/* The pull that follows a job. */
struct pull exchange_pull_after(const struct exchange_job *x);
/*
 * Appends `"items":[...],"cleared":{...}`. A page never splits what one push wrote, unless that alone exceeds
 * it. ERR_NOT_FOUND: no such user.
 */
enum err exchange_pull(
	struct reader *reader, uint64_t user, struct now now, struct pull *pull, struct buf *out);

#endif
