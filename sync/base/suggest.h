/* "Did you mean": the known word that a mistyped one is nearest to. */
#ifndef TSUZUKI_SYNC_BASE_SUGGEST_H
#define TSUZUKI_SYNC_BASE_SUGGEST_H

#include "sync/base/str.h"

/*
 * The one of count words that typed becomes with the fewest bytes added, dropped, changed or swapped with
 * their neighbour, ASCII case aside; NULL when that takes more than a third of its bytes and neither begins
 * with the other.
 */
const char *suggest(struct str typed, const char *const *words, size_t count);

#endif
