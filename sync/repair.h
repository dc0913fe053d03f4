/*
 * Repair: what REST reads, written anew from the journal (sync-protocol.md section 5). The journal is never
 * rewritten; `created`, ids, sessions and whatever else does not follow from it stay. A backup comes first.
 */
#ifndef TSUZUKI_SYNC_REPAIR_H
#define TSUZUKI_SYNC_REPAIR_H

#include "sync/job.h"
#include "sync/verify.h"

/*
 * A copy of DIR/tsuzuki.db in DIR/backups/ (mode 0600, its name holds the time), read back and checked.
 * Nobody may be writing: the caller holds the store. *path: where it is. On failure *why says so for people,
 * and no file is left.
 */
enum err repair_backup(const char *dir, int64_t now_ms, struct buf *path, struct buf *why);

/* A job of the store: all of it in one transaction. */
struct repair {
	struct job job;
	verify_found_fn *found; /* what was lost, or could not be healed */
	void *context;
	struct verify_counts counts; /* out */
	int64_t healed;		     /* out: rows written */
};
/* NULL when memory is short. found and context are set by the caller. */
struct repair *repair_make(void);

#endif
