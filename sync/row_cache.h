/*
 * Rows that the store's connection has just read or written, as structs: the account of every user who
 * writes, and the items that tick. Exact, because that connection is the only one that writes: SQLite tells
 * of every row that it changes, by whatever statement, and the row is forgotten; what a save knows to be in
 * it now is put back. A rollback forgets everything. Bounded. The store's thread only.
 */
#ifndef TSUZUKI_SYNC_ROW_CACHE_H
#define TSUZUKI_SYNC_ROW_CACHE_H

#include "sync/rows.h"

struct row_cache;

/* For this connection, whose hooks it takes. NULL when memory is short: then every row is read. */
struct row_cache *row_cache_open(sqlite3 *db);
/* Takes NULL. Before the connection closes. */
void row_cache_close(struct row_cache *cache, sqlite3 *db);

/* All of them take NULL: nothing is found, nothing is kept. */
const struct account *row_cache_account(struct row_cache *cache, uint64_t user);
void row_cache_put_account(struct row_cache *cache, const struct account *account);
/* *found false: it has to be read. Strings go to the arena: ERR_NOMEM. */
enum err row_cache_item(struct row_cache *cache, uint64_t user, enum collection collection, struct str key,
	struct arena *a, struct item *out, bool *found);
/* Keeps what was read; only what ticks is worth it. */
void row_cache_put_item(struct row_cache *cache, uint64_t user, const struct item *it);
/*
 * A tick is about to be written: takes the item out of SQLite's sight, and row_cache_put_tick() puts it back
 * with what the tick has changed. NULL when it is not here.
 */
struct cached_item *row_cache_take_tick(struct row_cache *cache, int64_t id);
void row_cache_put_tick(struct row_cache *cache, struct cached_item *taken, const struct item *it);

#endif
