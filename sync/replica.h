/*
 * The lower side of an exchange (sync-protocol.md section 6): a store whose user has an upstream. Local
 * writes go through apply and exchange as at home and wait in the outbox; one round with the upstream is
 *
 *   replica_ask (job) ──► body ──► whoever carries it ──► answer ──► answer_read() ──► replica_take (job)
 *
 * A round that fails or is lost is simply begun again. At most one is under way at a time; what an abandoned
 * one still answers is refused as REPLICA_STALE.
 */
#ifndef TSUZUKI_SYNC_REPLICA_H
#define TSUZUKI_SYNC_REPLICA_H

#include "sync/answer.h"
#include "sync/job.h"
#include "sync/store.h"

/*
 * Gives the user an upstream, or another one: everything held is given to it first, oldest first, then what
 * was pending, numbered anew from 1 (by a device that the upstream has not seen yet), and all is asked for
 * from null.
 */
struct replica_link {
	struct job job;
	unsigned char
		id_key[ID_KEY_SIZE];   /* of the account up there (`idKey`), so that ids agree everywhere */
	char server[SERVER_TEXT_SIZE]; /* its identity when it is known, else "": the first answer tells */
};
struct replica_link *replica_link_make(uint64_t user);

/* The key of item ids as the upstream now has it (it was linked to another server itself): items get their
 * new ids. */
struct replica_rekey {
	struct job job;
	unsigned char id_key[ID_KEY_SIZE];
};
struct replica_rekey *replica_rekey_make(uint64_t user);

/* Which request an answer belongs to. */
struct replica_round {
	struct cursor_text cursor;
	int64_t number;
	bool pushes_only; /* nothing was pulled: the answer's cursor covers what was never sent */
};

/* Writes the next request, and notes that its ops are on their way. */
struct replica_ask {
	struct job job;
	unsigned most_ops; /* of one push */
	size_t most_bytes; /* of the body */
	unsigned limit;	 /* items of a page; 0: pull nothing and only push (a connection is being followed) */
	struct str body; /* out: JSON of the request, in the job's arena */
	unsigned ops;	 /* out: in it */
	struct replica_round asked; /* out: for replica_take */
	int64_t last_n;		    /* out: the highest number ever given out */
};
struct replica_ask *replica_ask_make(uint64_t user);

enum replica_outcome {
	REPLICA_TAKEN,
	REPLICA_STALE,	      /* not what was asked last, or not well formed: nothing was taken */
	REPLICA_RESTORED,     /* this store was cloned or restored: nothing was taken; get a new device,
				 replica_renumber */
	REPLICA_OTHER_SERVER, /* another server answers there: nothing was taken; replica_link to it, with a
				 new device */
	REPLICA_NOT_LINKED
};

/* Takes an answer in one transaction. */
struct replica_take {
	struct job job;
	struct answer *answer;	    /* in the job's arena */
	struct replica_round asked; /* of its request */
	enum replica_outcome outcome;
	bool more; /* out: the upstream has more to tell, or ops still wait: begin another round */
};
struct replica_take *replica_take_make(uint64_t user);

/* After a new device: pending ops, rejected ones too, are numbered anew from 1 and sent again. */
struct replica_renumber {
	struct job job;
};
struct replica_renumber *replica_renumber_make(uint64_t user);

/* For `status` and metrics. ERR_NOT_FOUND: the user has no upstream. */
struct replica_state {
	int64_t waiting;  /* ops without a result, rejected ones aside */
	int64_t rejected; /* kept, and never sent again by themselves */
	char server[SERVER_TEXT_SIZE];
	struct cursor_text cursor;
};
enum err replica_state(struct reader *reader, uint64_t user, struct replica_state *out);

#endif
