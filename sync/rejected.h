/*
 * Ops that the upstream can never accept: kept below it, and named in `status` (sync-protocol.md section 6).
 */
#ifndef TSUZUKI_SYNC_REJECTED_H
#define TSUZUKI_SYNC_REJECTED_H

#include "sync/base/buf.h"
#include "sync/store.h"

enum { REJECTED_MOST = 100 };

/*
 * Appends a JSON array of the first REJECTED_MOST of them, oldest first: {"collection", "key" (null: the
 * whole collection), "at", "code", "message", and "set" with registers, "delete" or "clear"}. The reader's
 * thread.
 */
enum err rejected_json(struct reader *reader, uint64_t user, struct buf *out);

#endif
