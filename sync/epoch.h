/*
 * Epochs (sync-protocol.md sections 1 and 6): stretches of a user's history on this replica, and what a
 * cursor proves. Internal to sync/.
 */
#ifndef TSUZUKI_SYNC_EPOCH_H
#define TSUZUKI_SYNC_EPOCH_H

#include "sync/cursor.h"
#include "sync/rows.h"

struct tx;

enum epoch_verdict {
	EPOCH_GOOD,
	EPOCH_LOST_KNOWN, /* of an epoch that is marked lost already */
	EPOCH_LOST_NEW	  /* proves that this replica lost history, and nobody knew */
};

/* What a cursor or head of this user proves. Reads only. */
enum err epoch_judge(
	struct statements *s, const struct account *a, const struct cursor *c, enum epoch_verdict *out);

/*
 * When an epoch that begins at `received` has begun: ops made here are stamped after this moment, and never
 * later than received when that can be helped.
 */
int64_t epoch_beginning(const struct account *a, int64_t received);
/* Notes that the account's epoch has ended at last_seq, and gives it a new one; the caller saves the account.
 */
enum err epoch_begin(struct tx *tx, struct account *a, int64_t last_seq);
/* Marks every epoch that has ended, and the unknown one of c, as lost. */
enum err epoch_lose(struct tx *tx, const struct account *a, const struct cursor *c);

#endif
