/*
 * Receipts: what became of each sender's numbered ops, so that a retry is answered and not done again, and a
 * cloned or restored device shows (sync-protocol.md sections 5 and 6). Internal to sync/; in the transaction
 * of an exchange.
 */
#ifndef TSUZUKI_SYNC_RECEIPT_H
#define TSUZUKI_SYNC_RECEIPT_H

#include "sync/rows.h"
#include "sync/wire.h"

struct tx;

enum {
	RECEIPTS_KEPT = 2000,
	ORIGINS_KEPT = 256 /* devices that a sender forwards for, those of the newest ops */
};

struct receipt {
	int64_t n;
	unsigned char digest[DIGEST_SIZE]; /* of the op's content */
	enum outcome outcome;
	enum rule rule;
	unsigned code;	    /* enum reject, of a rejected op */
	struct stamp stamp; /* not set for a rejected op */
};

struct sender {
	uint64_t user;
	struct device_id device;
	int64_t taken; /* highest number, 0: none */
	int64_t kept;  /* numbers that its receipts hold */
	/* the row that was looked at last */
	int64_t last_n;
	struct str entries;
};

enum err sender_load(struct tx *tx, uint64_t user, struct device_id device, struct sender *out);
/* The receipt of a number; ERR_NOT_FOUND when none is kept. The row read goes to the arena. */
enum err receipt_find(struct tx *tx, struct sender *s, int64_t n, struct arena *a, struct receipt *out);
/*
 * Keeps the receipts of one push, in ascending order of n, all above s->taken, and forgets the oldest pushes
 * beyond RECEIPTS_KEPT numbers. count >= 1.
 */
enum err receipts_keep(
	struct tx *tx, struct sender *s, const struct receipt *list, size_t count, struct arena *a);

/* What is wrong with a row of receipts; NULL when nothing is. *count: how many it holds. */
const char *receipts_fault(struct str entries, int64_t last_n, int64_t *count);

/* The stamp of the newest op of `origin` that this sender brought; not set when there is none. */
enum err sender_stamp_load(struct tx *tx, const struct sender *s, struct device_id origin, struct stamp *out);
enum err sender_stamp_save(
	struct tx *tx, const struct sender *s, struct device_id origin, struct stamp stamp);
/* Forgets all but the newest ORIGINS_KEPT devices that it brought ops of. */
enum err sender_stamps_prune(struct tx *tx, const struct sender *s);

#endif
