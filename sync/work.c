#include "sync/work.h"

#include <string.h>

#include "sync/epoch.h"
#include "sync/registers.h"

/* --- below an upstream: what waits for its result (sync-protocol.md sections 1 and 6) --- */

static enum err gather_upstream(struct tx *tx, struct work *w)
{
	if (!tx->linked)
		return ERR_OK;
	enum err err = upstream_load(tx->s, w->account.user, &w->upstream);
	for (int c = 0; c < COLLECTION_COUNT && !err && w->upstream.known; c++)
		w->keep_void[c] = stamp_cmp(w->account.cleared[c], w->upstream.cleared[c]) != 0;
	return err;
}

/* Before the first pending op lies on an item: what the upstream holds of it is what it is now. */
static enum err gather_base(struct tx *tx, struct work *w, struct work_item *wi)
{
	struct item kept = wi->item;
	if (!w->upstream.known || wi->base_known)
		return ERR_OK;
	wi->base_known = true;
	enum err err = wi->item.fresh ? ERR_NOT_FOUND : settled_load(tx->s, w->account.user, w->arena, &kept);
	if (err != ERR_NOT_FOUND)
		return err;
	wi->base = arena_alloc(w->arena, sizeof *wi->base);
	if (!wi->base)
		return ERR_NOMEM;
	*wi->base = wi->item;
	return ERR_OK;
}

/* A tick that is not sent yet says the newer place instead; *done when that was so. */
static enum err pending_tick(
	struct tx *tx, struct work *w, const struct work_row *wr, struct pending *p, bool *done)
{
	struct pending newest;
	*done = false;
	struct query q = stmt_query(tx->s, STMT_OUTBOX_NEWEST_OF_ITEM);
	query_int(&q, (int64_t)w->account.user);
	query_int(&q, wr->row.collection);
	query_int(&q, wr->row.item);
	bool found = query_row(&q);
	if (found)
		pending_read(&q, w->arena, &newest);
	enum err err = query_end(&q);
	if (err || !found || newest.state != PENDING_NEW || newest.row != wr->row.row)
		return err;
	p->n = newest.n;
	*done = true;
	return pending_rewrite(tx->s, w->account.user, p);
}

static enum err scatter_pending(struct tx *tx, struct work *w, const struct work_row *wr)
{
	struct upstream *u = &w->upstream;
	struct pending p = {.n = u->next_n,
		.collection = wr->row.collection,
		.item = wr->row.item,
		.row = wr->row.row,
		.kind = wr->row.kind,
		.stamp = wr->row.stamp,
		.session = wr->row.session,
		.registers = wr->row.registers,
		.won = wr->won,
		.made_ms = stamp_ms(wr->row.stamp)};
	bool done = false;
	enum err err = ERR_OK;
	/* What a settled barrier had already made void is void up there too. */
	if (p.kind == OP_SET && p.registers.len == 0)
		return ERR_OK;
	p.made_mono = tx->now.mono_ms - (w->received - p.made_ms);
	memcpy(p.boot, tx->boot, BOOT_SIZE);
	if (wr->rewrite)
		err = pending_tick(tx, w, wr, &p, &done);
	if (err || done)
		return err;
	if (wr->of && wr->of->base) {
		wr->of->base->id = wr->of->item.id;
		err = settled_save(tx->s, w->account.user, wr->of->base, w->arena);
		wr->of->base = NULL;
	}
	u->next_n++;
	return err ? err : pending_insert(tx->s, w->account.user, &p);
}

/* Every op taken in goes up, losers too, candidates not. */
static enum err scatter_upstream(struct tx *tx, struct work *w)
{
	enum err err = ERR_OK;
	for (size_t i = 0; i < w->row_count && !err; i++)
		if (w->rows[i].row.outcome != OUTCOME_CANDIDATE)
			err = scatter_pending(tx, w, &w->rows[i]);
	return err ? err : upstream_save(tx->s, w->account.user, &w->upstream);
}

/* --- gather --- */

static enum err gather_item(struct tx *tx, struct work *w, struct op *op, struct work_item **out)
{
	struct work_item *wi = arena_alloc(w->arena, sizeof *wi);
	if (!wi)
		return ERR_NOMEM;
	enum err err =
		op->by_oid ? item_load_oid(tx->s, w->account.user, op->oid, w->arena, &wi->item)
			   : item_load(tx->s, w->account.user, op->collection, op->key, w->arena, &wi->item);
	if (err == ERR_NOT_FOUND) {
		item_init(&wi->item, op->collection, op->key);
		err = ERR_OK;
	}
	if (err)
		return err;
	struct work_item *known = op->by_oid ? work_find(w, op->collection, wi->item.key) : NULL;
	if (known) {
		*out = known;
		return ERR_OK;
	}
	w->items[w->item_count++] = wi;
	*out = wi;
	return ERR_OK;
}

static enum err gather_session(struct tx *tx, struct work *w, const struct op *op, struct work_item *wi)
{
	struct stamp cleared = w->account.cleared[op->collection];
	if (wi->item.fresh || admit_holder(&wi->item, cleared, op) ||
		work_session(w, wi, op->device, op->session))
		return ERR_OK;
	struct work_session s = {.of = wi, .device = op->device, .session = op->session};
	enum err err = playback_load(tx->s, w->account.user, wi->item.id, op->device, op->session, &s.state);
	if (err || !s.state.known)
		return err;
	if (s.state.candidate_row) {
		err = journal_load(tx->s, w->account.user, s.state.candidate_row, w->arena, &s.candidate);
		if (err && err != ERR_NOT_FOUND)
			return err;
		/* Pruned meanwhile, and its number may have been given to another row since. */
		if (err || s.candidate.outcome != OUTCOME_CANDIDATE || s.candidate.item != wi->item.id ||
			s.candidate.collection != COLLECTION_PROGRESS ||
			!device_eq(stamp_device(s.candidate.stamp), op->device) ||
			!str_eq(s.candidate.session, op->session))
			s.state.candidate_row = 0;
	}
	w->sessions[w->session_count++] = s;
	return ERR_OK;
}

/* The registers of a history row, as the op's own. */
static enum err gather_restore(struct tx *tx, struct work *w, struct op *op, const struct work_item *wi)
{
	struct journal_row row;
	bool found = false;
	struct query q = stmt_query(tx->s, STMT_JOURNAL_FIRST_SEQ);
	query_int(&q, (int64_t)w->account.user);
	query_int(&q, op->collection);
	query_int(&q, wi->item.id);
	query_int(&q, op->restore_seq);
	if (query_row(&q)) {
		journal_read(&q, w->arena, &row);
		found = true;
	}
	enum err err = query_end(&q);
	if (err)
		return err;
	op->present = 0;
	if (!found || row.kind != OP_SET || row.registers.len == 0 ||
		stamp_cmp(row.stamp, w->account.cleared[op->collection]) <= 0)
		return ERR_OK;
	return registers_parse(row.registers, op->collection, w->arena, &op->present, op->values);
}

static enum err gather(struct tx *tx, struct work *w, struct op *op, struct work_item **wi)
{
	*wi = NULL;
	if (op->kind == OP_CLEAR)
		return ERR_OK;
	if (!op->by_oid)
		*wi = work_find(w, op->collection, op->key);
	enum err err = *wi ? ERR_OK : gather_item(tx, w, op, wi);
	if (!err && op->event != EVENT_NONE)
		err = gather_session(tx, w, op, *wi);
	if (!err && op->restore_seq)
		err = gather_restore(tx, w, op, *wi);
	return err;
}

/* --- scatter --- */

/* Superseded rows over the bound, oldest first; rows that hold something and the newest row of the user stay.
 */
static enum err prune_history(struct tx *tx, const struct work *w, struct item *it)
{
	if (it->rows <= (int64_t)tx->history_keep + HISTORY_SLACK)
		return ERR_OK;
	int64_t doomed[4 * HISTORY_SLACK];
	size_t count = 0;
	int64_t excess = it->rows - (int64_t)tx->history_keep;
	struct query q = stmt_query(tx->s, STMT_JOURNAL_OLDEST);
	query_int(&q, (int64_t)w->account.user);
	query_int(&q, it->collection);
	query_int(&q, it->id);
	query_int(&q, excess + REG_COUNT + 2);
	while ((int64_t)count < excess && count < sizeof doomed / sizeof doomed[0] && query_row(&q)) {
		int64_t row = query_get_int(&q, 0);
		if (!item_holds_row(it, row) && row != w->account.head_row)
			doomed[count++] = row;
	}
	enum err err = query_end(&q);
	for (size_t i = 0; i < count && !err; i++) {
		q = stmt_query(tx->s, STMT_JOURNAL_DELETE);
		query_int(&q, doomed[i]);
		err = query_run(&q);
	}
	it->rows -= (int64_t)count;
	return err;
}

/*
 * Lets at most so many items of the user stand outside the indexes: those untouched for longest go inside
 * (design.md section 2), but not the one that is about to be written.
 */
static enum err bound_outside(struct tx *tx, uint64_t user, int64_t most, int64_t writing)
{
	for (;;) {
		struct query q = stmt_query(tx->s, STMT_PROGRESS_OUTSIDE_OLDEST);
		query_int(&q, (int64_t)user);
		int64_t oldest = 0;
		int64_t outside = 0;
		if (query_row(&q)) {
			oldest = query_get_int(&q, 0);
			outside = query_get_int(&q, 1);
		}
		enum err err = query_end(&q);
		if (err || outside <= most || oldest == writing)
			return err;
		q = stmt_query(tx->s, STMT_PROGRESS_INSIDE);
		query_int(&q, oldest);
		err = query_run(&q);
		if (err)
			return err;
	}
}

/* A clear of the same job may have come after what the item was loaded for: slices look for what is shown
 * still. */
static void void_by_clear(const struct work *w, struct work_item *wi)
{
	struct item *it = &wi->item;
	struct stamp cleared = w->account.cleared[it->collection];
	if (w->keep_void[it->collection] || !(w->account.purge & 1u << it->collection))
		return;
	item_void_values(it, cleared);
	if (it->running != RUNNING_NOT && !item_holds(it, REG_POSITION, cleared)) {
		it->running = RUNNING_NOT;
		wi->tick = false;
	}
}

enum err work_save_item(struct tx *tx, struct work *w, struct work_item *wi)
{
	struct item *it = &wi->item;
	struct stamp cleared = w->account.cleared[it->collection];
	void_by_clear(w, wi);
	/* One that only got a row more keeps the push of its seq: a page's cursor is the push of its last
	 * item. */
	if (it->seq > w->head_loaded)
		it->push = w->account.head;
	if (wi->tick)
		return item_save_tick(tx->s, it, cleared);
	enum err err = ERR_OK;
	if (wi->goes_outside && running_outside(it->running))
		err = bound_outside(tx, w->account.user, OUTSIDE_MOST - 1, it->id);
	if (!err)
		err = prune_history(tx, w, it);
	return err ? err : item_save(tx->s, w->account.user, it, cleared);
}

static enum err recount(struct tx *tx, struct account *a)
{
	memset(a->statuses, 0, sizeof a->statuses);
	a->rated = 0;
	a->rating_sum = 0;
	struct query q = stmt_query(tx->s, STMT_WATCHLIST_RECOUNT);
	query_int(&q, (int64_t)a->user);
	query_blob(&q, a->cleared[COLLECTION_WATCHLIST].bytes, STAMP_SIZE);
	while (query_row(&q)) {
		int status = status_index(query_get_str(&q, 0));
		if (status >= 0)
			a->statuses[status] = query_get_int(&q, 1);
		a->rated += query_get_int(&q, 2);
		a->rating_sum += query_get_int(&q, 3);
	}
	return query_end(&q);
}

static enum err scatter_sessions(struct tx *tx, struct work *w)
{
	enum err err = ERR_OK;
	for (size_t i = 0; i < w->session_count && !err; i++) {
		const struct work_session *s = &w->sessions[i];
		if (s->dirty && s->of->item.id)
			err = playback_save(tx->s, w->account.user, s->of->item.id, s->device, s->session,
				&s->state, PLAYBACK_MOST);
	}
	return err;
}

static enum err scatter(struct tx *tx, struct work *w)
{
	enum err err = ERR_OK;
	for (size_t i = 0; i < w->row_count && !err; i++)
		err = w->rows[i].rewrite ? journal_rewrite(tx->s, w->account.user, &w->rows[i].row)
					 : journal_insert(tx->s, w->account.user, &w->rows[i].row);
	bool went_outside = false;
	for (size_t i = 0; i < w->item_count && !err; i++) {
		if (!w->items[i]->dirty)
			continue;
		err = work_save_item(tx, w, w->items[i]);
		went_outside |= w->items[i]->goes_outside;
	}
	/* One that was sent inside to make room may have been written itself afterwards. */
	if (!err && went_outside && w->item_count > 1)
		err = bound_outside(tx, w->account.user, OUTSIDE_MOST, 0);
	if (!err && w->upstream.known)
		err = scatter_upstream(tx, w);
	if (!err)
		err = scatter_sessions(tx, w);
	if (!err && w->recount)
		err = recount(tx, &w->account);
	if (!err && w->account.purge != w->purge_loaded) {
		struct query q = stmt_query(tx->s, STMT_ACCOUNT_PURGE);
		query_int(&q, w->account.purge);
		query_int(&q, (int64_t)w->account.user);
		err = query_run(&q);
	}
	stamp_clock_show(&w->account.clock, w->received);
	if (!err)
		err = account_save(tx->s, &w->account);
	return err;
}

enum err work_begin(struct tx *tx, uint64_t user, struct arena *arena, size_t most, struct work *w)
{
	*w = (struct work){.arena = arena, .next_row = tx->next_row, .max_items = tx->max_items};
	memcpy(w->next_id, tx->next_id, sizeof w->next_id);
	enum err err = account_load(tx->s, user, &w->account);
	if (err)
		return err;
	struct account *a = &w->account;
	bool same_start = memcmp(a->boot, tx->boot, BOOT_SIZE) == 0;
	w->received = stamp_clock_now(&a->clock, &tx->wall, tx->now, same_start);
	w->purge_loaded = a->purge;
	w->head_loaded = a->head;
	/* A user's first write after every start of the program begins an epoch (sync-protocol.md section 1).
	 */
	if (!same_start)
		work_new_epoch(w);
	err = gather_upstream(tx, w);
	if (err || most == 0)
		return err;
	w->items = arena_alloc(arena, most * sizeof(struct work_item *));
	/* An op adds its own session and the one that it displaces. */
	w->sessions = arena_alloc(arena, 2 * most * sizeof *w->sessions);
	w->rows = arena_alloc(arena, most * sizeof *w->rows);
	return w->items && w->sessions && w->rows ? ERR_OK : ERR_NOMEM;
}

void work_new_epoch(struct work *w)
{
	if (w->new_epoch)
		return;
	w->new_epoch = true;
	w->account.epoch_began = epoch_beginning(&w->account, w->received);
}

enum err work_op(struct tx *tx, struct work *w, struct op *op, struct op_result *out)
{
	struct work_item *wi = NULL;
	enum err err = gather(tx, w, op, &wi);
	if (err)
		return err;
	if (wi)
		err = gather_base(tx, w, wi);
	if (err)
		return err;
	if (op->restore_seq && op->present == 0) {
		memset(out, 0, sizeof *out);
		out->outcome = OUTCOME_REFUSED;
		out->refusal = REFUSED_MISSING;
		return ERR_OK;
	}
	return decide_op(w, op, wi, out);
}

enum err work_look(struct tx *tx, struct work *w, const struct op *op, struct item *out)
{
	const struct work_item *known = work_find(w, op->collection, op->key);
	if (known) {
		*out = known->item;
		return ERR_OK;
	}
	enum err err = item_load(tx->s, w->account.user, op->collection, op->key, w->arena, out);
	if (err != ERR_NOT_FOUND)
		return err;
	item_init(out, op->collection, op->key);
	return ERR_OK;
}

enum err work_end(struct tx *tx, struct work *w)
{
	if (!w->row_count && !w->force)
		return ERR_OK;
	enum err err = ERR_OK;
	if (w->new_epoch)
		err = epoch_begin(tx, &w->account, w->head_loaded);
	if (!err)
		err = scatter(tx, w);
	if (err)
		return err;
	if (w->account.head > w->head_loaded)
		tx->moved = (struct moved){w->head_loaded, w->account.head};
	tx->next_row = w->next_row;
	memcpy(tx->next_id, w->next_id, sizeof tx->next_id);
	return ERR_OK;
}
