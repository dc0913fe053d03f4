/*
 * Below an upstream (sync-protocol.md sections 1 and 6): rows of what a replica knows of it, of the ops that
 * wait for its results, and of what it holds of the items on which they lie. Statements only; no rules.
 * Internal to sync/.
 */
#ifndef TSUZUKI_SYNC_BELOW_H
#define TSUZUKI_SYNC_BELOW_H

#include "sync/answer.h"
#include "sync/rows.h"

struct upstream {
	bool known; /* there is one */
	char server[SERVER_TEXT_SIZE];
	struct cursor_text cursor; /* "": ask from null */
	struct cursor_text head;
	int64_t next_n;
	int64_t round; /* requests written */
	int64_t ahead; /* ms that its clock was ahead of ours when it was last heard */
	struct stamp cleared[COLLECTION_COUNT]; /* settled barriers */
};

/* *out is not known when this store is the user's home server. */
enum err upstream_load(struct statements *s, uint64_t user, struct upstream *out);
enum err upstream_save(struct statements *s, uint64_t user, const struct upstream *u);

enum pending_state { PENDING_NEW, PENDING_SENT, PENDING_REJECTED };

/* An op that waits for its result. */
struct pending {
	int64_t n;
	enum collection collection;
	int64_t item; /* 0: the whole collection */
	int64_t row;  /* the journal row it stands for, 0: none */
	enum op_kind kind;
	struct stamp stamp;
	bool offer;
	struct str session;
	struct str registers; /* whole, canonical JSON */
	unsigned won;	      /* the registers it took when it was made; a delete: 1 when it did */
	int64_t made_ms;      /* by our stamp clock */
	int64_t made_mono;    /* by the monotonic clock of the start `boot` */
	unsigned char boot[BOOT_SIZE];
	enum pending_state state;
	struct str code; /* why it was rejected */
	struct str message;
};

void pending_read(struct query *q, struct arena *a, struct pending *out);
enum err pending_insert(struct statements *s, uint64_t user, const struct pending *p);
/* Replaces what an unsent tick says: stamp, registers, won and the times. */
enum err pending_rewrite(struct statements *s, uint64_t user, const struct pending *p);
/* ERR_NOT_FOUND when no op of that number waits. */
enum err pending_load(struct statements *s, uint64_t user, int64_t n, struct arena *a, struct pending *out);
enum err pending_delete(struct statements *s, uint64_t user, int64_t n);
enum err pending_reject(struct statements *s, uint64_t user, int64_t n, struct str code, struct str message);
/* The ops on one item that wait, in the order of their numbers; rejected ones aside. */
struct query pending_of(struct statements *s, uint64_t user, enum collection collection, int64_t item);

/* What the upstream holds of an item with pending ops: cells, deleted and created of *out. ERR_NOT_FOUND:
 * none is kept. */
enum err settled_load(struct statements *s, uint64_t user, struct arena *a, struct item *out);
enum err settled_save(struct statements *s, uint64_t user, const struct item *it, struct arena *a);
enum err settled_delete(struct statements *s, uint64_t user, const struct item *it);

#endif
