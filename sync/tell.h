/*
 * Telling what became of an op: the same members in a result of an exchange and in an acknowledgement of the
 * live channel (sync-protocol.md sections 6 and 7).
 */
#ifndef TSUZUKI_SYNC_TELL_H
#define TSUZUKI_SYNC_TELL_H

#include "sync/base/buf.h"
#include "sync/stmt.h"
#include "sync/told.h"

/* The first time, or the op was taken earlier and r->item is what holds now; below: of a store that has an
 * upstream. */
enum telling { TELLING_FIRST, TELLING_AGAIN, TELLING_AGAIN_BELOW };

/*
 * Appends `"outcome":...,"stamp":...` and whatever else a result has, without braces. s: of the transaction
 * that decided, where the winner's device is looked up.
 */
void tell_result(struct statements *s, uint64_t user, const struct op *op, const struct op_result *r,
	enum telling telling, struct buf *out);

#endif
