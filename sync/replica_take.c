/*
 * Taking an upstream's answer: results, then items; both replace what is settled, whatever the stamps; what
 * still waits lies on top (sync-protocol.md section 6).
 */
#include <string.h>

#include "sync/giving.h"
#include "sync/held.h"
#include "sync/registers.h"
#include "sync/replica.h"

enum { TAKE_ARENA = 256 * 1024 * 1024, REGISTERS_TEXT = 64 * 1024 };

struct take {
	struct tx *tx;
	struct work *w;
	const struct answer *answer;
	struct held_items *items;
	struct stamp cleared_before[COLLECTION_COUNT];
	struct stamp own_barrier[COLLECTION_COUNT]; /* of a clear that has its result now: its row is in the
						       journal */
};

/* --- the journal --- */

static enum err insert_row(struct take *t, struct item *it, enum op_kind kind, enum collection c,
	struct stamp stamp, struct str registers, int64_t *row)
{
	struct work *w = t->w;
	struct journal_row r = {.row = w->next_row++,
		.collection = c,
		.item = it ? it->id : 0,
		.seq = ++w->account.head,
		.stamp = stamp,
		.received = w->received,
		.kind = kind,
		.session = STR(""),
		.outcome = OUTCOME_APPLIED,
		.rule = RULE_NEWEST,
		.registers = registers};
	r.first_seq = r.seq;
	w->account.head_row = r.row;
	w->force = true;
	*row = r.row;
	if (it)
		it->rows++;
	return journal_insert(t->tx->s, w->account.user, &r);
}

/* The journal row that a waiting op stands for, unless it was pruned or a later tick has taken it over. */
static enum err own_row(struct take *t, const struct pending *p, struct journal_row *row, bool *own)
{
	*own = false;
	if (!p->row)
		return ERR_OK;
	enum err err = journal_load(t->tx->s, t->w->account.user, p->row, t->w->arena, row);
	if (err)
		return err == ERR_NOT_FOUND ? ERR_OK : err;
	*own = row->item == p->item && row->collection == p->collection &&
	       stamp_cmp(row->stamp, p->stamp) == 0;
	return ERR_OK;
}

/* The upstream's word on when it happened is final. */
static enum err restamp(struct take *t, const struct pending *p, struct stamp stamp, int64_t *seq, bool *own)
{
	struct journal_row row;
	enum err err = own_row(t, p, &row, own);
	if (err || !*own || stamp_cmp(stamp, p->stamp) == 0)
		return err;
	row.stamp = stamp;
	row.seq = ++t->w->account.head;
	t->w->account.head_row = row.row;
	t->w->force = true;
	*seq = row.seq;
	return journal_rewrite(t->tx->s, t->w->account.user, &row);
}

/* A rejected op stays in the journal, as what it is. */
static enum err mark_rejected(struct take *t, const struct pending *p)
{
	struct journal_row row;
	bool own = false;
	enum err err = own_row(t, p, &row, &own);
	if (err || !own)
		return err;
	row.outcome = OUTCOME_REFUSED;
	struct query q = stmt_query(t->tx->s, STMT_JOURNAL_DELETE);
	query_int(&q, row.row);
	err = query_run(&q);
	return err ? err : journal_insert(t->tx->s, t->w->account.user, &row);
}

/* --- results --- */

static void settle_cell(struct item *settled, enum reg reg, const struct cell *cell, struct str session)
{
	settled->cells[reg] = *cell;
	if (reg != REG_POSITION)
		return;
	settled->place_session = session;
	settled->place_began = stamp_ms(cell->stamp);
}

static enum err settle_set(
	struct take *t, struct held *h, const struct pending *p, const struct answer_result *r, bool own)
{
	unsigned present = 0;
	struct value values[REG_COUNT];
	enum err err = registers_parse(p->registers, p->collection, t->w->arena, &present, values);
	if (err)
		return err;
	for (int reg = 0; reg < REG_COUNT; reg++) {
		if (!register_of((enum reg)reg, p->collection))
			continue;
		if (r->told & 1u << reg) {
			settle_cell(&h->settled, (enum reg)reg, &r->cells[reg], STR(""));
		} else if (present & 1u << reg) {
			struct cell cell = {.value = values[reg], .stamp = r->stamp, .row = own ? p->row : 0};
			settle_cell(&h->settled, (enum reg)reg, &cell, p->session);
		}
	}
	return ERR_OK;
}

static enum err settle(struct take *t, struct held *h, const struct pending *p, const struct answer_result *r)
{
	struct stamp cleared = t->w->upstream.cleared[p->collection];
	bool existed = item_exists(&h->settled, cleared);
	bool own = false;
	enum err err = restamp(t, p, r->stamp, &h->restamped, &own);
	if (err)
		return err;
	if (p->kind == OP_DELETE) {
		h->settled.deleted = r->has_deleted ? r->deleted : r->stamp;
		h->settled.deleted_row = own && !r->has_deleted ? p->row : 0;
	} else {
		err = settle_set(t, h, p, r, own);
	}
	if (!existed && item_exists(&h->settled, cleared))
		h->settled.created = stamp_ms(r->stamp);
	return err;
}

static enum err take_clear(struct take *t, const struct pending *p, const struct answer_result *r)
{
	int64_t seq = 0;
	bool own = false;
	enum err err = restamp(t, p, r->stamp, &seq, &own);
	if (own)
		t->own_barrier[p->collection] = stamp_max(t->own_barrier[p->collection], r->stamp);
	return err;
}

static enum err take_result(struct take *t, const struct answer_result *r)
{
	uint64_t user = t->w->account.user;
	struct pending p;
	struct held *h = NULL;
	enum err err = pending_load(t->tx->s, user, r->n, t->w->arena, &p);
	/* Already answered, or never sent: no op of ours waits for it. */
	if (err == ERR_NOT_FOUND || (!err && p.state != PENDING_SENT))
		return ERR_OK;
	if (!err && p.kind != OP_CLEAR)
		err = held_id(t->items, p.collection, p.item, &h);
	if (err)
		return err;
	t->w->force = true;
	if (h)
		held_drop(h, p.n);
	if (r->outcome == OUTCOME_REFUSED) {
		err = mark_rejected(t, &p);
		return err ? err : pending_reject(t->tx->s, user, p.n, r->code, r->message);
	}
	err = h ? settle(t, h, &p, r) : take_clear(t, &p, r);
	return err ? err : pending_delete(t->tx->s, user, p.n);
}

/* --- items and barriers --- */

static enum err take_item(struct take *t, const struct answer_item *ai)
{
	struct held *h = NULL;
	enum err err = held_key(t->items, ai->collection, ai->key, &h);
	if (err)
		return err;
	h->told |= ai->told;
	for (int reg = 0; reg < REG_COUNT; reg++) {
		const struct cell *was = &h->settled.cells[reg];
		const struct cell *is = &ai->cells[reg];
		if (!(ai->told & 1u << reg) || (stamp_cmp(was->stamp, is->stamp) == 0 &&
						       value_eq((enum reg)reg, &was->value, &is->value)))
			continue;
		settle_cell(&h->settled, (enum reg)reg, is, STR(""));
	}
	if (stamp_cmp(h->settled.deleted, ai->deleted) != 0)
		h->settled.deleted_row = 0;
	h->settled.deleted = ai->deleted;
	h->settled.created = ai->created;
	return ERR_OK;
}

/* The greatest barrier that still waits for its result. */
static enum err waiting_barrier(struct take *t, enum collection c, struct stamp *out)
{
	struct pending p;
	struct query q = pending_of(t->tx->s, t->w->account.user, c, 0);
	while (query_row(&q)) {
		pending_read(&q, t->w->arena, &p);
		if (p.won)
			*out = stamp_max(*out, p.stamp);
	}
	return query_end(&q);
}

static enum err take_barrier(struct take *t, enum collection c)
{
	struct work *w = t->w;
	struct stamp barrier = t->answer->cleared[c];
	struct stamp settled_before = w->upstream.cleared[c];
	int64_t row = 0;
	w->upstream.cleared[c] = barrier;
	enum err err = waiting_barrier(t, c, &barrier);
	if (err)
		return err;
	t->cleared_before[c] = w->account.cleared[c];
	w->keep_void[c] = stamp_cmp(barrier, w->upstream.cleared[c]) != 0;
	if (stamp_cmp(settled_before, w->upstream.cleared[c]) != 0 && stamp_set(w->upstream.cleared[c])) {
		w->account.purge |= 1u << c;
		w->force = true;
	}
	if (stamp_cmp(barrier, w->account.cleared[c]) == 0)
		return ERR_OK;
	w->account.cleared[c] = barrier;
	w->recount |= c == COLLECTION_WATCHLIST;
	w->force = true;
	if (!stamp_set(barrier) || stamp_cmp(barrier, t->own_barrier[c]) == 0)
		return ERR_OK;
	return insert_row(t, NULL, OP_CLEAR, c, barrier, STR(""), &row);
}

/* --- what came of it --- */

static bool same_cells(const struct item *a, const struct item *b)
{
	for (int reg = 0; reg < REG_COUNT; reg++)
		if (register_of((enum reg)reg, a->collection) &&
			(stamp_cmp(a->cells[reg].stamp, b->cells[reg].stamp) != 0 ||
				!value_eq((enum reg)reg, &a->cells[reg].value, &b->cells[reg].value)))
			return false;
	return stamp_cmp(a->deleted, b->deleted) == 0;
}

/* A row for the cells that have none yet and share a stamp. */
static enum err journal_cells(struct take *t, struct item *it, int first)
{
	struct value values[REG_COUNT];
	struct stamp stamp = it->cells[first].stamp;
	struct stamp cleared = t->w->account.cleared[it->collection];
	struct str registers;
	unsigned mask = 0;
	int64_t row = 0;
	for (int reg = 0; reg < REG_COUNT; reg++) {
		values[reg] = it->cells[reg].value;
		bool counts = register_defs[reg].flags & DESCRIPTIVE ||
			      item_holds(it, (enum reg)reg, cleared) || t->w->keep_void[it->collection];
		if (register_of((enum reg)reg, it->collection) && it->cells[reg].row == 0 && counts &&
			stamp_cmp(it->cells[reg].stamp, stamp) == 0 &&
			value_valid((enum reg)reg, &values[reg]))
			mask |= 1u << reg;
	}
	if (!(mask & 1u << first))
		return ERR_OK;
	struct buf text = buf_make(REGISTERS_TEXT);
	registers_json(mask, values, &text);
	bool ok = buf_ok(&text) && arena_str(t->w->arena, buf_str(&text), &registers);
	buf_free(&text);
	if (!ok)
		return ERR_NOMEM;
	enum err err = insert_row(t, it, OP_SET, it->collection, stamp, registers, &row);
	for (int reg = 0; reg < REG_COUNT; reg++)
		if (mask & 1u << reg)
			it->cells[reg].row = row;
	return err;
}

static enum err journal_item(struct take *t, struct item *top)
{
	enum err err = ERR_OK;
	if (stamp_set(top->deleted) && top->deleted_row == 0)
		err = insert_row(
			t, top, OP_DELETE, top->collection, top->deleted, STR(""), &top->deleted_row);
	for (int reg = 0; reg < REG_COUNT && !err; reg++)
		if (register_of((enum reg)reg, top->collection) && stamp_set(top->cells[reg].stamp) &&
			top->cells[reg].row == 0)
			err = journal_cells(t, top, reg);
	return err;
}

static void make_known(struct work *w, struct item *it)
{
	if (it->id)
		return;
	it->id = w->next_id[it->collection]++;
	w->account.keys[it->collection]++;
	item_oid(w->account.id_key, it->collection, it->key, it->oid);
}

/* What those below are to hear of although no row was written for it: since when it lives, and the stamps of
 * what is void. */
static bool is_news(const struct take *t, const struct held *h, const struct item *top, bool same)
{
	if (same)
		return top->created != h->item.created &&
		       item_exists(top, t->w->account.cleared[top->collection]);
	return !h->restamped;
}

/* When an item changed last, as far as anything says so. */
static struct stamp changed_at(const struct held *h, const struct item *top)
{
	struct stamp newest = item_newest(top);
	return stamp_set(newest) ? newest : item_newest(&h->item);
}

/*
 * What was erased and counts again, by a barrier that moved back, has no row. When this answer tells it, it
 * is to be journalled, also when its value looks as it did; else it is not known. True: there is something to
 * journal.
 */
static bool settle_erased(const struct held *h, struct stamp cleared, struct item *top)
{
	bool again = false;
	for (int reg = 0; reg < REG_COUNT; reg++) {
		struct cell *cell = &top->cells[reg];
		const struct cell *was = &h->item.cells[reg];
		if (register_defs[reg].flags & DESCRIPTIVE || !register_of((enum reg)reg, top->collection) ||
			cell->row || was->row || stamp_cmp(cell->stamp, was->stamp) != 0 ||
			!item_holds(top, (enum reg)reg, cleared))
			continue;
		/* What a delete that waits had voided is kept beside it. */
		if (h->kept || h->told & 1u << reg)
			again = true;
		else
			*cell = (struct cell){.value = value_default((enum reg)reg)};
	}
	return again;
}

static enum err decide_held(struct take *t, struct held *h)
{
	struct work *w = t->w;
	struct item top;
	int64_t row = 0;
	enum err err = held_top(t->items, h, &top);
	if (err)
		return err;
	bool known_again = settle_erased(h, w->account.cleared[top.collection], &top);
	bool same = same_cells(&h->item, &top);
	if (same && !known_again && h->item.created == top.created && !h->restamped && !h->item.fresh)
		return ERR_OK;
	h->changed = true;
	w->force = true;
	decide_count(&w->account, &h->item, -1);
	make_known(w, &top);
	int64_t head = w->account.head;
	err = journal_item(t, &top);
	if (!err && w->account.head == head && is_news(t, h, &top, same))
		err = insert_row(t, &top, OP_SET, top.collection, changed_at(h, &top), STR(""), &row);
	/* Readers of changes hear of it when something that they hold has changed. */
	if (w->account.head > head)
		top.seq = w->account.head;
	else if (!same && h->restamped)
		top.seq = h->restamped;
	if (top.cells[REG_POSITION].row != h->item.cells[REG_POSITION].row)
		top.running = RUNNING_NOT;
	decide_count(&w->account, &top, 1);
	h->item = top;
	return err;
}

static enum err save_held(struct take *t, struct held *h)
{
	uint64_t user = t->w->account.user;
	enum err err = ERR_OK;
	if (h->changed) {
		struct work_item wi = {.item = h->item, .dirty = true};
		err = work_save_item(t->tx, t->w, &wi);
	}
	if (err)
		return err;
	h->settled.id = h->item.id;
	if (h->count)
		return settled_save(t->tx->s, user, &h->settled, t->w->arena);
	return h->kept ? settled_delete(t->tx->s, user, &h->settled) : ERR_OK;
}

/*
 * Whether a barrier that moved back from `to` to `from` had voided something of the item. A value that was
 * erased meanwhile is not known any more: the upstream tells it again, and until then it is not there.
 */
static bool counts_again(struct item *it, struct stamp from, struct stamp to)
{
	bool again = false;
	for (int reg = 0; reg < REG_COUNT; reg++) {
		struct cell *cell = &it->cells[reg];
		if (stamp_cmp(cell->stamp, from) <= 0 || stamp_cmp(cell->stamp, to) > 0)
			continue;
		again = true;
		if (cell->row == 0 && !(register_defs[reg].flags & DESCRIPTIVE))
			*cell = (struct cell){.value = value_default((enum reg)reg)};
	}
	return again;
}

/* A barrier that moved back: what it had voided counts again, and everybody below is told. */
static enum err revive(struct take *t, enum collection c)
{
	struct stamp from = t->w->account.cleared[c];
	struct stamp to = t->cleared_before[c];
	struct giving_page page = giving_first(t->w->account.user, c);
	enum err err = ERR_OK;
	if (stamp_cmp(from, to) >= 0)
		return ERR_OK;
	while (!(err = giving_next(t->tx, &page)) && page.count) {
		for (size_t i = 0; i < page.count && !err; i++) {
			struct work_item wi = {.item = page.items[i], .dirty = true};
			int64_t row = 0;
			if (!counts_again(&wi.item, from, to))
				continue;
			struct stamp newest = item_newest(&wi.item);
			err = insert_row(
				t, &wi.item, OP_SET, c, stamp_set(newest) ? newest : to, STR(""), &row);
			wi.item.seq = t->w->account.head;
			wi.item.running = RUNNING_NOT;
			if (!err)
				err = work_save_item(t->tx, t->w, &wi);
		}
		if (err)
			break;
	}
	giving_end(&page);
	return err;
}

/* --- the whole --- */

static enum replica_outcome judge(const struct replica_take *take, const struct upstream *u)
{
	const struct answer *answer = take->answer;
	if (!u->known)
		return REPLICA_NOT_LINKED;
	if (take->asked.number != u->round || strcmp(take->asked.cursor.text, u->cursor.text) != 0)
		return REPLICA_STALE;
	if (u->server[0] && strcmp(u->server, answer->server) != 0)
		return REPLICA_OTHER_SERVER;
	if (answer->ack >= u->next_n)
		return REPLICA_RESTORED;
	return REPLICA_TAKEN;
}

/*
 * The stamp clock runs at least as far as the upstream's. What waits was made by the clock as it ran before,
 * and after a start it is told by that time alone: it moves along.
 */
static enum err set_clock(struct tx *tx, struct work *w, int64_t now_ms)
{
	int64_t ahead = now_ms - w->received;
	w->upstream.ahead = ahead < 0 ? ahead : 0;
	if (ahead <= 0)
		return ERR_OK;
	w->account.clock.offset += ahead;
	w->force = true;
	struct query q = stmt_query(tx->s, STMT_OUTBOX_SHIFT);
	query_int(&q, ahead);
	query_int(&q, (int64_t)w->account.user);
	return query_run(&q);
}

static enum err take_all(struct take *t)
{
	const struct answer *answer = t->answer;
	enum err err = ERR_OK;
	if (answer->offer)
		err = giving_offers(t->tx, t->w);
	t->items = held_make(t->tx, t->w);
	if (!err && !t->items)
		err = ERR_NOMEM;
	for (size_t i = 0; i < answer->result_count && !err; i++)
		if (answer->results[i].n)
			err = take_result(t, &answer->results[i]);
	for (size_t i = 0; i < answer->item_count && !err; i++)
		err = take_item(t, &answer->items[i]);
	for (int c = 0; c < COLLECTION_COUNT && !err; c++)
		err = take_barrier(t, (enum collection)c);
	for (size_t i = 0; !err && i < t->items->count; i++)
		err = decide_held(t, t->items->list[i]);
	for (size_t i = 0; !err && i < t->items->count; i++)
		err = save_held(t, t->items->list[i]);
	for (int c = 0; c < COLLECTION_COUNT && !err; c++)
		err = revive(t, (enum collection)c);
	return err;
}

static enum err more_to_do(struct take *t, struct replica_take *take)
{
	struct query q = stmt_query(t->tx->s, STMT_OUTBOX_NEXT);
	query_int(&q, (int64_t)t->w->account.user);
	query_int(&q, 1);
	take->more = t->answer->more || query_row(&q);
	return query_end(&q);
}

static enum err take_run(struct tx *tx, struct job *job)
{
	struct replica_take *take = (struct replica_take *)job;
	struct work w;
	struct take t = {.tx = tx, .w = &w, .answer = take->answer};
	take->more = false;
	enum err err = work_begin(tx, job->user, &job->arena, 0, &w);
	if (err)
		return err;
	take->outcome = judge(take, &w.upstream);
	if (take->outcome != REPLICA_TAKEN)
		return ERR_OK;
	err = take_all(&t);
	if (err)
		return err;
	memcpy(w.upstream.server, take->answer->server, sizeof w.upstream.server);
	if (!take->asked.pushes_only)
		w.upstream.cursor = take->answer->cursor;
	w.upstream.head = take->answer->head;
	w.upstream.round++; /* an answer is taken once */
	err = set_clock(tx, &w, take->answer->now_ms);
	if (!err)
		err = more_to_do(&t, take);
	if (err)
		return err;
	/* With nothing else changed this is no write of the user's: it begins no epoch. */
	if (!w.force)
		return upstream_save(tx->s, job->user, &w.upstream);
	return work_end(tx, &w);
}

struct replica_take *replica_take_make(uint64_t user)
{
	struct replica_take *take = job_make(sizeof *take, take_run, TAKE_ARENA);
	if (take)
		take->job.user = user;
	return take;
}
