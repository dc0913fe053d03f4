/*
 * The last-writer-wins decision (sync-protocol.md section 4, rule 1). Pure; allocates nothing; cannot fail.
 */
#ifndef TSUZUKI_SYNC_MERGE_H
#define TSUZUKI_SYNC_MERGE_H

#include "sync/item.h"

enum merge { MERGE_LOST, MERGE_SAME, MERGE_WON };

/*
 * The greatest stamp wins; equal stamps: the greater value by its canonical JSON. On MERGE_WON the cell holds
 * value, stamp and row; on MERGE_SAME it held them already. The value's text is not copied.
 */
enum merge merge_register(
	struct cell *cell, enum reg reg, const struct value *value, struct stamp stamp, int64_t row);

/* The greater stamp; true when `stamp` replaced *held. */
bool merge_stamp(struct stamp *held, struct stamp stamp);

#endif
