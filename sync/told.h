/*
 * What a client has been told by results, so that the delta need not say it again (sync-protocol.md section
 * 6).
 */
#ifndef TSUZUKI_SYNC_TOLD_H
#define TSUZUKI_SYNC_TOLD_H

#include "sync/op.h"

/* An item of which results told everything that changed between two of its seqs. */
struct told {
	enum collection collection;
	int64_t item;
	int64_t before; /* seq of its newest change before what was told, and after it */
	int64_t after;
};

enum { TOLD_NOT_ALL = -1 }; /* of `after`: no seq */

/* What the result of an op on an item told. Since when an item lives that lives again, it does not tell. */
struct told told_of(const struct op_result *r);
/* Notes it, together with what was told of that item before. The list has room for one more. */
void told_add(struct told *list, size_t *count, struct told told);
/* Orders a list as a pull needs it: by collection and item. */
void told_sort(struct told *list, size_t count);

#endif
