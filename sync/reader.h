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
};

#endif
