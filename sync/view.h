/*
 * What REST shows of an item, as JSON (design.md section 5, sync-protocol.md section 2). Written by hand,
 * since lists are hot; void registers read as their defaults.
 */
#ifndef TSUZUKI_SYNC_VIEW_H
#define TSUZUKI_SYNC_VIEW_H

#include "sync/base/buf.h"
#include "sync/item.h"

/* The whole watchlist document. user_oid: the user's _id. */
void view_watchlist(struct buf *out, const char *user_oid, const struct item *it, struct stamp cleared);
/* The whole progress document. */
void view_progress(struct buf *out, const char *user_oid, const struct item *it, struct stamp cleared);
/* The one of its collection. */
void view_item(struct buf *out, const char *user_oid, const struct item *it, struct stamp cleared);

#endif
