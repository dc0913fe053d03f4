/*
 * The write transaction that a job runs in. Internal to sync/: jobs see it, nobody else.
 */
#ifndef TSUZUKI_SYNC_TX_H
#define TSUZUKI_SYNC_TX_H

#include "sync/base/env.h"
#include "sync/job.h"
#include "sync/rows.h"

enum { OUTSIDE_MOST = 32, PLAYBACK_MOST = 16, HISTORY_SLACK = 8 };

struct tx {
	struct statements *s;
	struct env env;
	struct now now;
	struct wall wall;
	unsigned char boot[BOOT_SIZE];
	unsigned max_items;
	unsigned history_keep;
	int64_t history_ms; /* how long superseded rows are kept */
	struct moved moved; /* what the job under way did to its user's head */
	bool linked;	    /* some user of this store has an upstream */
	int64_t next_row;
	int64_t next_id[COLLECTION_COUNT];
};

#endif
