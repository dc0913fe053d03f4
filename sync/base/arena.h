/*
 * Memory of one job or request: taken piece by piece, given back at once. Capped. Zeroed when handed out.
 */
#ifndef TSUZUKI_SYNC_BASE_ARENA_H
#define TSUZUKI_SYNC_BASE_ARENA_H

#include "sync/base/str.h"

struct arena_block;

struct arena {
	struct arena_block *blocks; /* owned, newest first */
	size_t used;		    /* bytes in all blocks */
	size_t cap;
};

struct arena arena_make(size_t cap);
void arena_free(struct arena *a);
/* Forgets what was handed out and keeps one block: for a loop that needs the memory of one turn only. */
void arena_reset(struct arena *a);
/* size zeroed bytes, aligned for anything; NULL when memory is short or the ceiling is reached. */
void *arena_alloc(struct arena *a, size_t size);
/* A copy of s, NUL-terminated behind its length. false (and *out untouched) when memory is short. */
bool arena_str(struct arena *a, struct str s, struct str *out);

#endif
