/*
 * One op: one act of one user on one item (sync-protocol.md sections 1, 4 and 6), and what came of it.
 */
#ifndef TSUZUKI_SYNC_OP_H
#define TSUZUKI_SYNC_OP_H

#include "sync/item.h"

enum op_kind { OP_SET, OP_DELETE, OP_CLEAR };

/* EVENT_NONE: whole registers, already admitted. */
enum event {
	EVENT_NONE,
	EVENT_OPEN,
	EVENT_HEARTBEAT,
	EVENT_PAUSE,
	EVENT_STOP,
	EVENT_SEEK,
	EVENT_MANUAL,
	EVENT_COUNT
};
extern const char *const event_names[EVENT_COUNT];

enum outcome {
	OUTCOME_APPLIED,
	OUTCOME_MERGED,
	OUTCOME_SUPERSEDED,
	OUTCOME_CANDIDATE,
	OUTCOME_REFUSED,
	OUTCOME_COUNT
};
extern const char *const outcome_names[OUTCOME_COUNT];

enum rule {
	RULE_NEWEST,
	RULE_LATER_STAMP,
	RULE_DELETED_LATER,
	RULE_CLEARED_LATER,
	RULE_PAUSED_PLAYER,
	RULE_EARLY_REWIND,
	RULE_COUNT
};
extern const char *const rule_names[RULE_COUNT];

/* What must be true of the item before a REST write; else it is refused and nothing is written. */
enum need { NEED_NOTHING, NEED_ABSENT, NEED_PRESENT };

enum refusal {
	REFUSED_NOT,
	REFUSED_EXISTS,	  /* NEED_ABSENT, but it is there */
	REFUSED_MISSING,  /* NEED_PRESENT, but it is not; or no such history row */
	REFUSED_TOO_MANY, /* too_many_items */
};

enum { KEY_MAX = 200, SESSION_MAX = 64, OPS_MAX = 1000 };

struct op {
	enum op_kind kind;
	enum collection collection;
	struct str key; /* 1 to KEY_MAX bytes, no control characters; unused with by_oid and OP_CLEAR */
	bool by_oid;	/* the item is named by its _id instead (watchlist only) */
	unsigned char oid[OID_SIZE];
	struct device_id device;     /* that made it */
	unsigned present;	     /* bit per register */
	unsigned partial[REG_COUNT]; /* with an event: bit per field given; a missing one is completed by
					admission */
	struct value values[REG_COUNT];
	enum event event;
	struct str session; /* at most SESSION_MAX bytes */
	int64_t age_ms;	    /* how long ago, -1: not said (now) */
	bool has_at;	    /* at_ms says when it happened, by the clock of whoever received it */
	int64_t at_ms;
	struct stamp offer; /* set: the exact stamp that a lost epoch gave it (section 3) */
	struct stamp after; /* set: of the same device's op before this one, whose order it keeps */
	int64_t playing_ms; /* the session has been playing that long, -1: not said */
	enum need need;
	int64_t restore_seq; /* > 0: set the registers of that history row again; values are filled in
				gathering */
};

struct op_result {
	enum outcome outcome;
	enum rule rule;
	enum refusal refusal;
	struct stamp stamp;
	unsigned admitted;  /* the registers it was about, admission's included */
	int64_t seq_before; /* of the item's newest change before the op and after it; 0: not there */
	int64_t seq_after;
	bool began;	      /* the item did not exist before the op, and does after it */
	bool shown;	      /* REST shows the item after the op */
	struct stamp cleared; /* the collection's barrier then */
	struct item item;     /* its state then; strings in the job's arena. Not for OP_CLEAR */
};

/* An op with nothing set and neither age nor playing said. */
struct op op_make(enum op_kind kind, enum collection collection, struct str key, struct device_id device);
bool key_valid(struct str key);
/* The event of that name; EVENT_NONE when there is none. */
enum event event_of(struct str name);
/* heartbeat, pause and stop: playback ticking on, which is admitted; seek and manual are meant. */
bool event_ticks(enum event event);

#endif
