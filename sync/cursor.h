/*
 * Cursors (sync-protocol.md section 1): "I have everything up to here", a place in one epoch of a user's
 * history. Pure.
 */
#ifndef TSUZUKI_SYNC_CURSOR_H
#define TSUZUKI_SYNC_CURSOR_H

#include "sync/base/buf.h"

enum { EPOCH_TEXT_SIZE = 9 };

struct cursor {
	char epoch[EPOCH_TEXT_SIZE];
	int64_t seq;
};

/* "9f3c2a10:1042"; false when it is not well formed. */
bool cursor_parse(struct str text, struct cursor *out);
/* The text, in quotes. */
void cursor_json(struct buf *out, const struct cursor *c);

#endif
