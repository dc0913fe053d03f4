/*
 * What the parts of verify and repair share: how a finding is told, and the walk over one user. Internal to
 * sync/.
 */
#ifndef TSUZUKI_SYNC_VERIFYING_H
#define TSUZUKI_SYNC_VERIFYING_H

#include "sync/rows.h"
#include "sync/verify.h"

struct verifying {
	struct statements *s;
	verify_found_fn *found;
	void *context;
	struct verify_counts *counts;
	struct buf text;    /* of the finding being told */
	struct arena arena; /* of one item */
	bool repair;	    /* writes what ought to be; tells what is lost by it */
	int64_t healed;	    /* rows written */
};

enum { VERIFY_TEXT = 16 * 1024, VERIFY_ARENA = 4 * 1024 * 1024 };

/* Begins the sentence "user ...: watchlist "key": "; the rest is appended to v->text. it may be NULL. */
void finding_begin(struct verifying *v, uint64_t user, const struct item *it);
void finding_end(
	struct verifying *v, enum finding_kind kind, uint64_t user, const struct item *it, int64_t row);
/* Both around one format. */
void finding_tell(struct verifying *v, enum finding_kind kind, uint64_t user, const struct item *it,
	int64_t row, const char *format, ...) __attribute__((format(printf, 6, 7)));
/*
 * What a part came to: damage that ended its query is a finding and lets the others go on; a shortage or an
 * I/O error ends all.
 */
enum err part_end(struct verifying *v, const char *what, uint64_t user, enum err err);

/*
 * One user's barriers, items and counts against the journal. In repair they are written as they ought to be,
 * and only what is lost by that is told.
 */
enum err verify_user_items(struct verifying *v, uint64_t user, bool linked);
/* Log-ins and profiles of everybody; then what belongs to nobody. */
enum err verify_people(struct verifying *v);
/* Epochs, devices, sessions, receipts, playback of one user. */
enum err verify_user_rest(struct verifying *v, const struct account *a);

#endif
