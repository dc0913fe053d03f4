/*
 * The items that an answer concerns, while it is taken: each as it is, as the upstream holds it, and the ops
 * that lie on it (sync-protocol.md section 6). Loaded once, found by key or by id. Internal to sync/.
 */
#ifndef TSUZUKI_SYNC_HELD_H
#define TSUZUKI_SYNC_HELD_H

#include "sync/below.h"
#include "sync/work.h"

struct held {
	struct item item;     /* as it is */
	struct item settled;  /* as the upstream holds it; a cell's row is the journal row to keep it in, 0:
				 none yet */
	bool kept;	      /* the store has a row of what is settled */
	struct pending *list; /* what waits, in the order of numbers */
	size_t count;
	unsigned told;	   /* registers that this answer tells */
	int64_t restamped; /* seq of a journal row of it that got its final stamp, 0: none */
	bool changed;	   /* item is to be saved */
};

enum { HELD_MOST = OPS_MAX + 1000, HELD_SLOTS = 4096 };

struct held_items {
	struct tx *tx;
	struct work *w;
	size_t count;
	struct held *list[HELD_MOST];
	struct held *by_key[HELD_SLOTS];
	struct held *by_id[HELD_SLOTS];
};

/* A new table in the arena of w; NULL when memory is short. */
struct held_items *held_make(struct tx *tx, struct work *w);
/* Finds or loads; one that nobody knows is fresh. ERR_LIMIT: more than HELD_MOST. */
enum err held_key(struct held_items *t, enum collection collection, struct str key, struct held **out);
/* Of an item that is in the store; ERR_NOT_FOUND when it is not. */
enum err held_id(struct held_items *t, enum collection collection, int64_t id, struct held **out);
/* An op has its result: it lies on the item no longer. */
void held_drop(struct held *h, int64_t n);
/*
 * What the item is: what is settled, and on top of it what waits. void values are erased unless a barrier
 * that is not settled made them so.
 */
enum err held_top(struct held_items *t, const struct held *h, struct item *out);

#endif
