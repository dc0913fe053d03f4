/*
 * What the journal says of one item: its rows judged one by one and merged anew by sync/merge.h's rule, and
 * what the item's row ought to be by that. Reads only; verify compares with it, repair writes it. Internal to
 * sync/.
 */
#ifndef TSUZUKI_SYNC_REPLAY_H
#define TSUZUKI_SYNC_REPLAY_H

#include "sync/rows.h"

enum { REPLAY_SCRATCH = 1024 * 1024 };

/*
 * Whether a row is what was once written: types, checksums, form. q stands on a row of JOURNAL_COLUMNS with
 * the user behind them, who must be `user`. *fault is NULL for a good row, else says what is wrong with it;
 * *present and values are what it set. Anything but ERR_OK is a failure to read.
 */
enum err journal_judge(struct query *q, uint64_t user, struct arena *a, struct journal_row *row,
	const char **fault, unsigned *present, struct value values[REG_COUNT]);

struct replay {
	struct cell best[REG_COUNT]; /* the winners; not set: no row */
	int64_t best_seq[REG_COUNT];
	struct stamp deleted;
	int64_t deleted_row;
	int64_t deleted_seq;
	int64_t rows;	   /* journal rows of the item, damaged ones too */
	unsigned proven;   /* registers whose row in the table holds exactly that */
	unsigned doubtful; /* registers whose row in the table is damaged */
	int64_t proven_seq[REG_COUNT];
	bool old; /* some rows are from before there were checksums */
	bool delete_doubtful;
	struct journal_row place; /* the row of the position that counts */
	bool place_alone;	  /* it set the position alone */
};

/* What the journal holds of an item as the table has it; memory from the arena. */
enum err replay_item(struct statements *s, const struct account *a, const struct item *it,
	struct arena *arena, struct replay *out);
/*
 * What the item's row ought to be. What no journal row can tell (created; a value whose row is damaged) stays
 * as it is. linked: the user's replica is below another, whose word the journal does not have: registers
 * stay.
 */
void replay_truth(const struct account *a, const struct item *it, const struct replay *r, bool linked,
	struct item *truth);
/* The barrier of a collection by its clear rows; *doubtful: one of them is damaged. */
enum err replay_barrier(struct statements *s, const struct account *a, enum collection collection,
	struct stamp *out, bool *doubtful);

#endif
