/*
 * Giving an upstream what this replica holds (sync-protocol.md section 6): as ordinary ops to one that it is
 * newly linked to, as offers to one that has lost its history; and numbering anew what waits. Internal to
 * sync/.
 */
#ifndef TSUZUKI_SYNC_GIVING_H
#define TSUZUKI_SYNC_GIVING_H

#include "sync/below.h"
#include "sync/work.h"

enum { GIVING_ARENA = 256 * 1024 * 1024, GIVING_PAGE = 100 };

/* All items of a collection, page by page in the order of their keys. */
struct giving_page {
	uint64_t user;
	enum collection collection;
	struct arena arena; /* of the page's items */
	char last_key[KEY_MAX + 1];
	size_t last_len;
	size_t count;
	struct item *items;
};
struct giving_page giving_first(uint64_t user, enum collection collection);
/* count is 0 at the end. */
enum err giving_next(struct tx *tx, struct giving_page *page);
void giving_end(struct giving_page *page);

/*
 * To a new upstream: what is settled and barriers become ordinary ops, oldest first, followed by what waited,
 * all numbered from 1; nothing is settled any more and everything is asked for from null. w->upstream is
 * filled in.
 */
enum err giving_all(struct tx *tx, struct work *w);
/* To one that lost its history: every settled register, delete and barrier becomes an offer behind what
 * waits. */
enum err giving_offers(struct tx *tx, struct work *w);
/* Everything that waits, numbered from u->next_n on in its order, to be sent again. */
enum err giving_again(struct tx *tx, uint64_t user, struct arena *a, struct upstream *u);

#endif
