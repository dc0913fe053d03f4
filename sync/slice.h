/*
 * Work left for later, done in bounded slices on the store thread: rows that a clear or a deleted account
 * voided, history over its age, expired sessions. Internal to sync/.
 */
#ifndef TSUZUKI_SYNC_SLICE_H
#define TSUZUKI_SYNC_SLICE_H

#include "sync/tx.h"

/* Where the walk through the journal for rows over their age stands. */
struct sweep {
	int64_t row;
	int64_t next_ms; /* monotonic: when the next walk begins */
};

/* At most SLICE_ROWS rows. *more: there is more to do at once. */
enum err slice_run(struct tx *tx, struct sweep *sweep, bool *more);

#endif
