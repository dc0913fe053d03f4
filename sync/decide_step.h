/*
 * What the files of decide share: the op that is being decided, when it happened, and the journal rows that
 * it becomes. Internal to sync/.
 */
#ifndef TSUZUKI_SYNC_DECIDE_STEP_H
#define TSUZUKI_SYNC_DECIDE_STEP_H

#include "sync/decide.h"

/* The op being decided, and what is known of it so far. */
struct step {
	struct work *w;
	const struct op *op;
	struct work_item *wi;
	struct stamp cleared;
	struct stamp stamp;
	unsigned present;
	const struct value *values; /* whole, by register */
	bool candidate;
	enum rule rule;
	int64_t row;
	unsigned won;
	bool coalesced;
	struct op_result *out;
	struct admission admission; /* of an op with an event: values point into it */
};

/* decide_stamp.c: when the op happened (sync-protocol.md section 3). */
struct stamp decide_stamp(struct work *w, const struct op *op);

/* decide_rows.c: the row of this job that has that number; NULL when it has none. */
struct work_row *decide_row_of_job(struct work *w, int64_t row);
/* The op goes on in a row that exists, or that this job has made; or it becomes a row of its own (st->row).
 */
enum err decide_rewrite_row(struct step *st, int64_t row);
enum err decide_insert_row(struct step *st);

#endif
