/*
 * Decide: rows and ops in, changed rows and results out (design.md section 2). Pure: no I/O, no clock, no
 * randomness; may run again on the same rows. Memory comes from the job's arena; ERR_NOMEM is the only error.
 */
#ifndef TSUZUKI_SYNC_DECIDE_H
#define TSUZUKI_SYNC_DECIDE_H

#include "sync/admit.h"
#include "sync/below.h"

struct work_item {
	struct item item;
	bool dirty;
	bool tick;	   /* all that changed is what a running tick changes */
	bool goes_outside; /* of the indexes: there must be room for one more */
	/* Below an upstream: what it holds, where no pending op lies on it yet; NULL where one does, or it is
	 * not known. */
	struct item *base;
	bool base_known;
};

/* A playback session that does not hold its item's place. */
struct work_session {
	struct work_item *of;
	struct device_id device;
	struct str session;
	struct playback state;
	struct journal_row candidate; /* its newest candidate row, when state.candidate_row is not 0 */
	bool dirty;
};

struct work_row {
	struct journal_row row;
	struct work_item *of; /* NULL: a clear */
	bool rewrite;	      /* it coalesced into a row that exists */
	unsigned won;	      /* the registers it took; a delete or clear: 1 when it did */
};

/* What one job reads and changes. The arrays have room for what its ops can need. */
struct work {
	struct arena *arena;
	struct account account;
	int64_t received; /* by the user's stamp clock */
	int64_t next_row;
	int64_t next_id[COLLECTION_COUNT];
	unsigned max_items;
	struct work_item **items;
	size_t item_count;
	struct work_session *sessions;
	size_t session_count;
	struct work_row *rows;
	size_t row_count;
	unsigned purge_loaded; /* account.purge before */
	int64_t head_loaded;   /* account.head before */
	bool new_epoch;	       /* this job's write begins one */
	bool force;	       /* to be written although no op was */
	/* Below an upstream: what is void by a barrier that is not settled is kept, since the barrier may
	 * move back. */
	struct upstream upstream;
	bool keep_void[COLLECTION_COUNT];
	bool recount; /* a watchlist clear: its counts must be counted */
};

/* Finds what gathering loaded; NULL when it did not. */
struct work_item *work_find(struct work *w, enum collection collection, struct str key);
struct work_session *work_session(
	struct work *w, const struct work_item *of, struct device_id device, struct str session);

/* Adds what a shown watchlist item counts for in the account, or takes it away (sign -1). */
void decide_count(struct account *a, const struct item *it, int sign);

/* Decides one op. wi is its item (NULL for a clear). *out is filled in every case but an error. */
enum err decide_op(struct work *w, const struct op *op, struct work_item *wi, struct op_result *out);

#endif
