#include "sync/slice.h"

#include <stdlib.h>
#include <string.h>

#include "sync/below.h"

enum { SLICE_ROWS = 200, SLICE_ARENA = 4 * 1024 * 1024, SWEEP_PAUSE_MS = 3600000 };

static enum err delete_some(struct tx *tx, enum stmt_id id, uint64_t user, bool bounded, bool *more)
{
	struct query q = stmt_query(tx->s, id);
	query_int(&q, (int64_t)user);
	if (bounded)
		query_int(&q, SLICE_ROWS);
	enum err err = query_run(&q);
	if (!err && bounded && sqlite3_changes(tx->s->db) == SLICE_ROWS)
		*more = true;
	return err;
}

/* The account row goes last, so that a crash in between only means that the slices go on after the start. */
static enum err purge_account(struct tx *tx, uint64_t user, bool *more)
{
	static const struct {
		enum stmt_id id;
		bool bounded;
	} steps[] = {
		{STMT_PURGE_JOURNAL, true},
		{STMT_PURGE_PROGRESS_ROWS, true},
		{STMT_PURGE_WATCHLIST_ROWS, true},
		{STMT_PURGE_PLAYBACK, true},
		{STMT_PURGE_RECEIPTS, true},
		{STMT_PURGE_SENDERS, false},
		{STMT_PURGE_SENDER_ORIGINS, false},
		{STMT_PURGE_OUTBOX, true},
		{STMT_PURGE_SETTLED, true},
		{STMT_PURGE_UPSTREAM, false},
		{STMT_PURGE_EPOCHS, false},
		{STMT_PURGE_DEVICES, false},
		{STMT_PURGE_SESSIONS, false},
		{STMT_MAIL_DELETE, false},
	};
	bool left = false;
	enum err err = ERR_OK;
	for (size_t i = 0; i < sizeof steps / sizeof steps[0] && !err && !left; i++)
		err = delete_some(tx, steps[i].id, user, steps[i].bounded, &left);
	if (!err && !left)
		err = delete_some(tx, STMT_ACCOUNT_DELETE, user, false, &left);
	*more = left;
	return err;
}

static enum err read_voided(struct tx *tx, enum stmt_id id, const struct account *a,
	enum collection collection, struct arena *arena, struct item *items, size_t *count)
{
	struct query q = stmt_query(tx->s, id);
	query_int(&q, (int64_t)a->user);
	query_blob(&q, a->cleared[collection].bytes, STAMP_SIZE);
	if (id != STMT_PURGE_PROGRESS_OUTSIDE)
		query_int(&q, SLICE_ROWS);
	while (*count < SLICE_ROWS + OUTSIDE_MOST && query_row(&q))
		item_read(&q, collection, arena, &items[(*count)++]);
	return query_end(&q);
}

static enum err erase_item(struct tx *tx, const struct account *a, struct item *it)
{
	struct stamp cleared = a->cleared[it->collection];
	bool holds_place = it->collection == COLLECTION_PROGRESS && item_holds(it, REG_POSITION, cleared);
	item_void_values(it, cleared);
	if (!holds_place)
		it->running = RUNNING_NOT;
	enum err err = item_save(tx->s, a->user, it, cleared);
	if (err || it->collection != COLLECTION_PROGRESS || holds_place)
		return err;
	struct query q = stmt_query(tx->s, STMT_PLAYBACK_FORGET);
	query_int(&q, (int64_t)a->user);
	query_int(&q, it->id);
	return query_run(&q);
}

static enum err erase_items(struct tx *tx, const struct account *a, enum collection collection, bool *more)
{
	static const enum stmt_id whole[] = {STMT_PURGE_WATCHLIST, STMT_PURGE_PROGRESS};
	static const enum stmt_id partly[] = {STMT_PURGE_WATCHLIST_PARTLY, STMT_PURGE_PROGRESS_PARTLY};
	struct arena arena = arena_make(SLICE_ARENA);
	struct item *items = calloc(SLICE_ROWS + OUTSIDE_MOST, sizeof *items);
	size_t count = 0;
	enum err err = items ? ERR_OK : ERR_NOMEM;
	if (!err && collection == COLLECTION_PROGRESS)
		err = read_voided(tx, STMT_PURGE_PROGRESS_OUTSIDE, a, collection, &arena, items, &count);
	size_t running = count;
	if (!err)
		err = read_voided(tx, whole[collection], a, collection, &arena, items, &count);
	if (!err && count == running)
		err = read_voided(tx, partly[collection], a, collection, &arena, items, &count);
	for (size_t i = 0; i < count && !err; i++)
		err = erase_item(tx, a, &items[i]);
	*more = count > running;
	free(items);
	arena_free(&arena);
	return err;
}

/* A journal row goes; its item counts it no longer. */
static enum err drop_row(struct tx *tx, int64_t row, enum collection collection, int64_t item)
{
	static const enum stmt_id counts[] = {STMT_SWEEP_WATCHLIST_ROWS, STMT_SWEEP_PROGRESS_ROWS};
	struct query q = stmt_query(tx->s, STMT_JOURNAL_DELETE);
	query_int(&q, row);
	enum err err = query_run(&q);
	if (err || item == 0)
		return err;
	q = stmt_query(tx->s, counts[collection]);
	query_int(&q, item);
	return query_run(&q);
}

/* What a clear voided; the row with the user's highest seq stays. */
static enum err erase_rows(struct tx *tx, const struct account *a, enum collection collection, bool *more)
{
	struct {
		int64_t row;
		int64_t item;
	} rows[SLICE_ROWS];
	size_t count = 0;
	struct query q = stmt_query(tx->s, STMT_PURGE_JOURNAL_BEFORE);
	query_int(&q, (int64_t)a->user);
	query_int(&q, collection);
	query_blob(&q, a->cleared[collection].bytes, STAMP_SIZE);
	query_int(&q, a->head_row);
	query_int(&q, SLICE_ROWS);
	while (count < SLICE_ROWS && query_row(&q)) {
		rows[count].row = query_get_int(&q, 0);
		rows[count++].item = query_get_int(&q, 1);
	}
	enum err err = query_end(&q);
	for (size_t i = 0; i < count && !err; i++)
		err = drop_row(tx, rows[i].row, collection, rows[i].item);
	*more = count == SLICE_ROWS;
	return err;
}

static enum err purge_collection(struct tx *tx, struct account *a, enum collection collection, bool *more)
{
	enum err err = erase_items(tx, a, collection, more);
	if (!err && !*more)
		err = erase_rows(tx, a, collection, more);
	if (err || *more)
		return err;
	a->purge &= ~(1u << collection);
	struct query q = stmt_query(tx->s, STMT_ACCOUNT_PURGE);
	query_int(&q, a->purge);
	query_int(&q, (int64_t)a->user);
	return query_run(&q);
}

static enum err purge_user(struct tx *tx, uint64_t user, bool *more)
{
	struct account a;
	struct upstream u = {.known = false};
	enum err err = account_load(tx->s, user, &a);
	if (err == ERR_NOT_FOUND)
		return purge_account(tx, user, more);
	if (!err && tx->linked)
		err = upstream_load(tx->s, user, &u);
	/* Below an upstream only a settled barrier erases (sync-protocol.md section 4, rule 5). */
	if (!err && u.known)
		memcpy(a.cleared, u.cleared, sizeof a.cleared);
	for (int c = 0; c < COLLECTION_COUNT && !err && !*more; c++)
		if (a.purge & 1u << c)
			err = purge_collection(tx, &a, (enum collection)c, more);
	return err;
}

struct old_row {
	int64_t row;
	uint64_t user;
	enum collection collection;
	int64_t item;
};

/* A superseded row over its age goes, unless something holds it or it is the user's newest. */
static enum err drop_old(struct tx *tx, const struct old_row *old, struct arena *arena)
{
	static const enum stmt_id gets[] = {STMT_SWEEP_WATCHLIST_ITEM, STMT_SWEEP_PROGRESS_ITEM};
	struct account a;
	struct item it;
	bool found = false;
	enum err err = account_load(tx->s, old->user, &a);
	if (err || a.head_row == old->row || old->item == 0)
		return err == ERR_NOT_FOUND ? ERR_OK : err;
	struct query q = stmt_query(tx->s, gets[old->collection]);
	query_int(&q, old->item);
	if (query_row(&q)) {
		item_read(&q, old->collection, arena, &it);
		found = true;
	}
	err = query_end(&q);
	if (err || (found && item_holds_row(&it, old->row)))
		return err;
	return drop_row(tx, old->row, old->collection, found ? old->item : 0);
}

static enum err sweep_journal(struct tx *tx, struct sweep *sweep, bool *more)
{
	struct old_row old[SLICE_ROWS];
	size_t count = 0;
	size_t seen = 0;
	int64_t row = sweep->row;
	struct query q = stmt_query(tx->s, STMT_SWEEP_JOURNAL);
	query_int(&q, row);
	query_int(&q, SLICE_ROWS);
	while (seen < SLICE_ROWS && query_row(&q)) {
		seen++;
		row = query_get_int(&q, 0);
		int64_t collection = query_get_int(&q, 2);
		if (query_get_int(&q, 4) >= tx->now.wall_ms - tx->history_ms || collection < 0 ||
			collection >= COLLECTION_COUNT)
			continue;
		old[count++] = (struct old_row){.row = row,
			.user = (uint64_t)query_get_int(&q, 1),
			.collection = (enum collection)collection,
			.item = query_get_int(&q, 3)};
	}
	enum err err = query_end(&q);
	struct arena arena = arena_make(SLICE_ARENA);
	for (size_t i = 0; i < count && !err; i++)
		err = drop_old(tx, &old[i], &arena);
	arena_free(&arena);
	if (err)
		return err;
	sweep->row = row;
	*more = seen == SLICE_ROWS;
	if (!*more) {
		sweep->row = 0;
		sweep->next_ms = tx->now.mono_ms + SWEEP_PAUSE_MS;
	}
	return ERR_OK;
}

enum err slice_run(struct tx *tx, struct sweep *sweep, bool *more)
{
	uint64_t user = 0;
	struct query q = stmt_query(tx->s, STMT_ACCOUNT_TO_PURGE);
	if (query_row(&q))
		user = (uint64_t)query_get_int(&q, 0);
	enum err err = query_end(&q);
	*more = false;
	if (err)
		return err;
	if (user) {
		err = purge_user(tx, user, more);
		*more = !err; /* the next look says whether anybody is left */
		return err;
	}
	if (sweep->next_ms == 0)
		sweep->next_ms = tx->now.mono_ms + SWEEP_PAUSE_MS;
	if (tx->now.mono_ms < sweep->next_ms)
		return ERR_OK;
	return sweep_journal(tx, sweep, more);
}
