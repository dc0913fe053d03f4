/*
 * An item as the merge sees it: registers with their stamps and the journal rows that hold them
 * (sync-protocol.md sections 2 and 4). Plain data; strings belong to the arena of the job or reader that
 * loaded it.
 */
#ifndef TSUZUKI_SYNC_ITEM_H
#define TSUZUKI_SYNC_ITEM_H

#include "sync/ids.h"
#include "sync/value.h"

struct cell {
	struct value value;
	struct stamp stamp; /* not set: never written */
	int64_t row;	    /* the journal row that holds it, 0: none */
};

/*
 * What the next write of the place may do. RUNNING_NOW: the row that holds it is a heartbeat that the next
 * one rewrites. RUNNING_RECENT: it was set by something else, lately. Both stand outside the indexes on what
 * such a write changes, and so cost no page of them; a user has at most OUTSIDE_MOST items there, and the one
 * untouched for longest goes inside when there are more, as RUNNING_WAITS (the next heartbeat may still
 * rewrite its row) or RUNNING_NOT.
 */
enum running { RUNNING_NOT, RUNNING_NOW, RUNNING_WAITS, RUNNING_RECENT };

struct item {
	enum collection collection;
	int64_t id; /* in its table */
	bool fresh; /* not in the table yet */
	struct str key;
	unsigned char oid[OID_SIZE];
	int64_t seq;
	int64_t push;
	struct stamp deleted;
	int64_t deleted_row;
	int64_t created;
	int64_t rows;		      /* journal rows it has */
	struct cell cells[REG_COUNT]; /* only those of its collection count */
	/* progress only */
	enum running running;
	struct str place_session; /* of the session that wrote the position */
	int64_t place_began;
};

/* Odd ones stand outside the indexes (schema/003_recent.sql). */
bool running_outside(enum running running);

bool register_of(enum reg reg, enum collection collection);

/* An item nobody has written: every register at its default, without a stamp. */
void item_init(struct item *it, enum collection collection, struct str key);

/* The greatest register stamp; not set when there is none. */
struct stamp item_newest(const struct item *it);
/* The stamp below or at which registers are void: the greater of the delete and the collection's barrier. */
struct stamp item_void(const struct item *it, struct stamp cleared);
/* A register that counts: set, and greater than the void stamp. Descriptive ones keep their value all the
 * same. */
bool item_holds(const struct item *it, enum reg reg, struct stamp cleared);
/* It exists (section 4, rule 2). */
bool item_exists(const struct item *it, struct stamp cleared);
/* REST shows it: it exists and, in progress, has a place or was opened. */
bool item_shown(const struct item *it, struct stamp cleared);
/* Time of the greater stamp of position and opened; 0 when neither counts. */
int64_t item_last_watched(const struct item *it, struct stamp cleared);
/* Erases what is void: its value, not its stamp (sections 4 and 2: descriptive registers stay). */
void item_void_values(struct item *it, struct stamp cleared);
/* Whether a journal row holds a register or the delete of the item. */
bool item_holds_row(const struct item *it, int64_t row);

#endif
