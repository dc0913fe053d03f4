/*
 * Sets of registers as canonical JSON: what the journal keeps of an op, and history shows.
 */
#ifndef TSUZUKI_SYNC_REGISTERS_H
#define TSUZUKI_SYNC_REGISTERS_H

#include "sync/value.h"

/* {"position":{...},"opened":{...}} in the order of registers.def; "{}" when present is 0. */
void registers_json(unsigned present, const struct value values[REG_COUNT], struct buf *out);
/*
 * Back from that text, whole registers only; strings go to the arena. ERR_CORRUPT when it is not such a text
 * of that collection's registers.
 */
enum err registers_parse(struct str text, enum collection collection, struct arena *a, unsigned *present,
	struct value values[REG_COUNT]);

#endif
