/*
 * The inside of a reading connection. Internal to sync/.
 */
#ifndef TSUZUKI_SYNC_READER_H
#define TSUZUKI_SYNC_READER_H

#include "sync/rows.h"

struct reader {
	struct statements statements;
	struct wall wall;	       /* what this thread saw of the clocks */
	unsigned char boot[BOOT_SIZE]; /* the store's start; zeroes: not joined */
	bool keeps;		       /* a snapshot stays open until reader_release() */
	bool snapshot;		       /* one is open */
};

/* Every read runs between these two; err is what came of it, and comes back unless ending it fails. */
enum err snapshot_begin(struct reader *reader);
enum err snapshot_end(struct reader *reader, enum err err);

#endif
