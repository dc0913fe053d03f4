/*
 * The inside of a reading connection. Internal to sync/.
 */
#ifndef TSUZUKI_SYNC_READER_H
#define TSUZUKI_SYNC_READER_H

#include "sync/stmt.h"

struct reader {
	struct statements statements;
};

#endif
