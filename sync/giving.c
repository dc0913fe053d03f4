#include "sync/giving.h"

#include <stdlib.h>
#include <string.h>

#include "sync/registers.h"

enum { REGISTERS_TEXT = 64 * 1024, PAGE_ARENA = 16 * 1024 * 1024 };

/* --- pages of items --- */

struct giving_page giving_first(uint64_t user, enum collection collection)
{
	return (struct giving_page){.user = user, .collection = collection, .arena = arena_make(PAGE_ARENA)};
}

enum err giving_next(struct tx *tx, struct giving_page *page)
{
	static const enum stmt_id ids[COLLECTION_COUNT] = {STMT_WATCHLIST_AFTER_KEY, STMT_PROGRESS_AFTER_KEY};
	arena_free(&page->arena);
	page->count = 0;
	page->items = arena_alloc(&page->arena, GIVING_PAGE * sizeof *page->items);
	if (!page->items)
		return ERR_NOMEM;
	struct query q = stmt_query(tx->s, ids[page->collection]);
	query_int(&q, (int64_t)page->user);
	query_text(&q, (struct str){page->last_key, page->last_len});
	query_int(&q, GIVING_PAGE);
	while (page->count < GIVING_PAGE && query_row(&q))
		item_read(&q, page->collection, &page->arena, &page->items[page->count++]);
	enum err err = query_end(&q);
	if (err || page->count == 0)
		return err;
	struct str last = page->items[page->count - 1].key;
	page->last_len = last.len <= KEY_MAX ? last.len : KEY_MAX;
	memcpy(page->last_key, last.ptr, page->last_len);
	return ERR_OK;
}

void giving_end(struct giving_page *page)
{
	arena_free(&page->arena);
}

/* --- an item's settled registers as ops, one for each stamp --- */

struct op_list {
	struct pending *list;
	size_t count;
	size_t room;
	struct arena *arena;
};

static struct pending *list_add(struct op_list *l)
{
	if (l->count == l->room) {
		size_t room = l->room ? 2 * l->room : 64;
		struct pending *list = arena_alloc(l->arena, room * sizeof *list);
		if (!list)
			return NULL;
		if (l->count)
			memcpy(list, l->list, l->count * sizeof *list);
		l->list = list;
		l->room = room;
	}
	return &l->list[l->count++];
}

/* Registers whose value is there: one that was erased when it became void, by the settled barrier or a
 * delete, cannot be given. */
static unsigned givable(const struct item *it, struct stamp barrier)
{
	unsigned mask = 0;
	for (int reg = 0; reg < REG_COUNT; reg++)
		if (register_of((enum reg)reg, it->collection) && stamp_set(it->cells[reg].stamp) &&
			value_valid((enum reg)reg, &it->cells[reg].value) &&
			(register_defs[reg].flags & DESCRIPTIVE || item_holds(it, (enum reg)reg, barrier)))
			mask |= 1u << reg;
	return mask;
}

static enum err add_set(struct op_list *l, const struct item *it, unsigned mask, struct stamp stamp)
{
	struct value values[REG_COUNT];
	struct pending *p = list_add(l);
	int64_t row = 0;
	if (!p)
		return ERR_NOMEM;
	for (int reg = 0; reg < REG_COUNT; reg++) {
		values[reg] = it->cells[reg].value;
		if (mask & 1u << reg && it->cells[reg].row)
			row = it->cells[reg].row;
	}
	*p = (struct pending){.collection = it->collection,
		.item = it->id,
		.row = row,
		.kind = OP_SET,
		.stamp = stamp,
		.won = mask};
	struct buf text = buf_make(REGISTERS_TEXT);
	registers_json(mask, values, &text);
	bool ok = buf_ok(&text) && arena_str(l->arena, buf_str(&text), &p->registers);
	buf_free(&text);
	if (ok && mask & 1u << REG_POSITION)
		ok = arena_str(l->arena, it->place_session, &p->session);
	return ok ? ERR_OK : ERR_NOMEM;
}

static enum err add_item(struct op_list *l, const struct item *it, struct stamp barrier)
{
	unsigned left = givable(it, barrier);
	enum err err = ERR_OK;
	if (stamp_set(it->deleted)) {
		struct pending *p = list_add(l);
		if (!p)
			return ERR_NOMEM;
		*p = (struct pending){.collection = it->collection,
			.item = it->id,
			.row = it->deleted_row,
			.kind = OP_DELETE,
			.stamp = it->deleted,
			.won = 1};
	}
	for (int first = 0; first < REG_COUNT && !err; first++) {
		if (!(left & 1u << first))
			continue;
		struct stamp stamp = it->cells[first].stamp;
		unsigned mask = 0;
		for (int reg = first; reg < REG_COUNT; reg++)
			if (left & 1u << reg && stamp_cmp(it->cells[reg].stamp, stamp) == 0)
				mask |= 1u << reg;
		left &= ~mask;
		err = add_set(l, it, mask, stamp);
	}
	return err;
}

static enum err add_barrier(struct op_list *l, enum collection c, struct stamp stamp)
{
	if (!stamp_set(stamp))
		return ERR_OK;
	struct pending *p = list_add(l);
	if (!p)
		return ERR_NOMEM;
	*p = (struct pending){.collection = c, .kind = OP_CLEAR, .stamp = stamp, .won = 1};
	return ERR_OK;
}

/* From now on the upstream holds nothing of it that we know of: everything is pending. */
static enum err unsettle(struct tx *tx, struct work *w, const struct item *it, struct arena *a)
{
	struct item nothing;
	item_init(&nothing, it->collection, it->key);
	nothing.id = it->id;
	return settled_save(tx->s, w->account.user, &nothing, a);
}

/* What is void by the settled barrier is not given, so it must not be found again should that barrier move
 * back. */
static enum err erase_void(struct tx *tx, const struct work *w, struct item *it, struct stamp barrier)
{
	bool any = false;
	for (int reg = 0; reg < REG_COUNT; reg++)
		any |= register_of((enum reg)reg, it->collection) &&
		       !(register_defs[reg].flags & DESCRIPTIVE) && it->cells[reg].row &&
		       !item_holds(it, (enum reg)reg, barrier);
	if (!any)
		return ERR_OK;
	item_void_values(it, barrier);
	if (!item_holds(it, REG_POSITION, barrier))
		it->running = RUNNING_NOT;
	return item_save(tx->s, w->account.user, it, w->account.cleared[it->collection]);
}

static enum err add_collection(
	struct tx *tx, struct work *w, enum collection c, struct stamp barrier, struct op_list *l)
{
	struct giving_page page = giving_first(w->account.user, c);
	enum err err = ERR_OK;
	while (!(err = giving_next(tx, &page)) && page.count) {
		for (size_t i = 0; i < page.count && !err; i++) {
			struct item *it = &page.items[i];
			struct item settled = *it;
			if (w->upstream.known)
				err = settled_load(tx->s, w->account.user, &page.arena, &settled);
			if (err == ERR_NOT_FOUND)
				err = ERR_OK;
			if (!err)
				err = add_item(l, &settled, barrier);
			if (!err)
				err = unsettle(tx, w, it, &page.arena);
			if (!err)
				err = erase_void(tx, w, it, barrier);
		}
		if (err)
			break;
	}
	giving_end(&page);
	return err;
}

/* What is settled here, and at a home server everything is. */
static enum err add_settled(struct tx *tx, struct work *w, struct op_list *l)
{
	enum err err = ERR_OK;
	for (int c = 0; c < COLLECTION_COUNT && !err; c++) {
		struct stamp barrier = w->upstream.known ? w->upstream.cleared[c] : w->account.cleared[c];
		err = add_barrier(l, (enum collection)c, barrier);
		if (!err)
			err = add_collection(tx, w, (enum collection)c, barrier, l);
		w->upstream.cleared[c] = (struct stamp){{0}};
	}
	return err;
}

/* --- what waits --- */

static enum err read_all(struct tx *tx, uint64_t user, struct op_list *l)
{
	struct query q = stmt_query(tx->s, STMT_OUTBOX_ALL);
	query_int(&q, (int64_t)user);
	while (query_row(&q)) {
		struct pending *p = list_add(l);
		if (p)
			pending_read(&q, l->arena, p);
		else
			q.err = ERR_NOMEM;
	}
	return query_end(&q);
}

static enum err write_all(struct tx *tx, uint64_t user, const struct op_list *l, struct upstream *u)
{
	enum err err = ERR_OK;
	for (size_t i = 0; i < l->count && !err; i++) {
		struct pending p = l->list[i];
		p.n = u->next_n++;
		if (p.state == PENDING_SENT)
			p.state = PENDING_NEW;
		err = pending_insert(tx->s, user, &p);
	}
	return err;
}

static enum err forget_all(struct tx *tx, uint64_t user)
{
	struct query q = stmt_query(tx->s, STMT_OUTBOX_PURGE);
	query_int(&q, (int64_t)user);
	return query_run(&q);
}

enum err giving_again(struct tx *tx, uint64_t user, struct arena *a, struct upstream *u)
{
	struct op_list waiting = {.arena = a};
	enum err err = read_all(tx, user, &waiting);
	if (!err)
		err = forget_all(tx, user);
	return err ? err : write_all(tx, user, &waiting, u);
}

static int oldest_first(const void *a, const void *b)
{
	const struct pending *left = a;
	const struct pending *right = b;
	return stamp_cmp(left->stamp, right->stamp);
}

/* When an op of the old upstream's time was made, by our clocks. */
static void set_times(const struct tx *tx, const struct work *w, struct pending *p)
{
	p->made_ms = stamp_ms(p->stamp) - w->upstream.ahead;
	p->made_mono = tx->now.mono_ms - (w->received - p->made_ms);
	memcpy(p->boot, tx->boot, BOOT_SIZE);
}

enum err giving_all(struct tx *tx, struct work *w)
{
	struct op_list held = {.arena = w->arena};
	struct op_list waiting = {.arena = w->arena};
	enum err err = read_all(tx, w->account.user, &waiting);
	if (!err)
		err = forget_all(tx, w->account.user);
	if (!err)
		err = add_settled(tx, w, &held);
	if (err)
		return err;
	if (held.count)
		qsort(held.list, held.count, sizeof *held.list, oldest_first);
	for (size_t i = 0; i < held.count; i++)
		set_times(tx, w, &held.list[i]);
	/* What was offered to the old one is an ordinary op to this one. */
	for (size_t i = 0; i < waiting.count; i++) {
		if (!waiting.list[i].offer)
			continue;
		waiting.list[i].offer = false;
		set_times(tx, w, &waiting.list[i]);
	}
	int64_t round = w->upstream.round + 1;
	w->upstream = (struct upstream){.known = true, .next_n = 1, .round = round};
	err = write_all(tx, w->account.user, &held, &w->upstream);
	return err ? err : write_all(tx, w->account.user, &waiting, &w->upstream);
}

enum err giving_offers(struct tx *tx, struct work *w)
{
	struct op_list held = {.arena = w->arena};
	enum err err = add_settled(tx, w, &held);
	for (size_t i = 0; i < held.count && !err; i++)
		held.list[i].offer = true;
	return err ? err : write_all(tx, w->account.user, &held, &w->upstream);
}
