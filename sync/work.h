/*
 * Gather and scatter: what stands around decide in every job of ops (design.md section 2). A job begins the
 * work of one user, hands in its ops one by one, each decided on what the ones before it left, and ends by
 * writing what changed. Internal to sync/.
 */
#ifndef TSUZUKI_SYNC_WORK_H
#define TSUZUKI_SYNC_WORK_H

#include "sync/decide.h"
#include "sync/tx.h"

/* Room for at most `most` ops; memory comes from the arena and lives as long as w. ERR_NOT_FOUND: no such
 * user. */
enum err work_begin(struct tx *tx, uint64_t user, struct arena *arena, size_t most, struct work *w);
/* Decides one op. op->after and op->offer may be set; op's values are filled in when it restores a history
 * row. */
enum err work_op(struct tx *tx, struct work *w, struct op *op, struct op_result *out);
/* The item that an op is about, as the ops before it left it; not kept. An unknown one has every register at
 * its default. */
enum err work_look(struct tx *tx, struct work *w, const struct op *op, struct item *out);
/* Ends the epoch here and now, also when this start has begun it: this replica has lost history. */
void work_new_epoch(struct work *w);
/* Saves one item, which is as its last op left it, within the bounds of its history. */
enum err work_save_item(struct tx *tx, struct work *w, struct work_item *wi);
/* Writes what changed, if anything did. */
enum err work_end(struct tx *tx, struct work *w);

#endif
