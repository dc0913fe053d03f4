#include "sync/held.h"

#include <string.h>

#include "sync/merge.h"
#include "sync/registers.h"

/* FNV-1a; nobody gains by collisions in a table that is filled by one answer. */
static size_t hash(const void *bytes, size_t len, size_t seed)
{
	const unsigned char *at = bytes;
	size_t h = 2166136261u + seed;
	for (size_t i = 0; i < len; i++)
		h = (h ^ at[i]) * 16777619u;
	return h % HELD_SLOTS;
}

static struct held **slot_of_key(struct held_items *t, enum collection collection, struct str key)
{
	size_t at = hash(key.ptr, key.len, collection);
	while (t->by_key[at] &&
		(t->by_key[at]->item.collection != collection || !str_eq(t->by_key[at]->item.key, key)))
		at = (at + 1) % HELD_SLOTS;
	return &t->by_key[at];
}

static struct held **slot_of_id(struct held_items *t, enum collection collection, int64_t id)
{
	size_t at = hash(&id, sizeof id, collection);
	while (t->by_id[at] && (t->by_id[at]->item.collection != collection || t->by_id[at]->item.id != id))
		at = (at + 1) % HELD_SLOTS;
	return &t->by_id[at];
}

struct held_items *held_make(struct tx *tx, struct work *w)
{
	struct held_items *t = arena_alloc(w->arena, sizeof *t);
	if (!t)
		return NULL;
	t->tx = tx;
	t->w = w;
	return t;
}

static enum err load_waiting(struct held_items *t, struct held *h)
{
	struct query q = pending_of(t->tx->s, t->w->account.user, h->item.collection, h->item.id);
	size_t room = 0;
	while (query_row(&q)) {
		if (h->count == room) {
			room = room ? 2 * room : 4;
			struct pending *list = arena_alloc(t->w->arena, room * sizeof *list);
			if (!list) {
				q.err = ERR_NOMEM;
				break;
			}
			if (h->count)
				memcpy(list, h->list, h->count * sizeof *list);
			h->list = list;
		}
		pending_read(&q, t->w->arena, &h->list[h->count++]);
	}
	return query_end(&q);
}

static enum err add(struct held_items *t, const struct item *it, struct held **out)
{
	struct held *h = arena_alloc(t->w->arena, sizeof *h);
	if (!h)
		return ERR_NOMEM;
	if (t->count == HELD_MOST)
		return ERR_LIMIT;
	h->item = *it;
	h->settled = *it;
	enum err err = ERR_OK;
	if (!it->fresh) {
		err = settled_load(t->tx->s, t->w->account.user, t->w->arena, &h->settled);
		h->kept = !err;
		if (err == ERR_NOT_FOUND)
			err = ERR_OK;
		if (!err && h->kept)
			err = load_waiting(t, h);
		if (!err)
			*slot_of_id(t, it->collection, it->id) = h;
	}
	if (err)
		return err;
	*slot_of_key(t, it->collection, it->key) = h;
	t->list[t->count++] = h;
	*out = h;
	return ERR_OK;
}

enum err held_key(struct held_items *t, enum collection collection, struct str key, struct held **out)
{
	struct item it;
	struct held *known = *slot_of_key(t, collection, key);
	if (known) {
		*out = known;
		return ERR_OK;
	}
	enum err err = item_load(t->tx->s, t->w->account.user, collection, key, t->w->arena, &it);
	if (err == ERR_NOT_FOUND) {
		item_init(&it, collection, key);
		err = ERR_OK;
	}
	return err ? err : add(t, &it, out);
}

enum err held_id(struct held_items *t, enum collection collection, int64_t id, struct held **out)
{
	static const enum stmt_id ids[COLLECTION_COUNT] = {
		STMT_SWEEP_WATCHLIST_ITEM, STMT_SWEEP_PROGRESS_ITEM};
	struct item it;
	struct held *known = *slot_of_id(t, collection, id);
	if (known) {
		*out = known;
		return ERR_OK;
	}
	struct query q = stmt_query(t->tx->s, ids[collection]);
	query_int(&q, id);
	bool found = query_row(&q);
	if (found)
		item_read(&q, collection, t->w->arena, &it);
	enum err err = query_end(&q);
	if (!err && !found)
		err = ERR_NOT_FOUND;
	return err ? err : add(t, &it, out);
}

void held_drop(struct held *h, int64_t n)
{
	for (size_t i = 0; i < h->count; i++) {
		if (h->list[i].n != n)
			continue;
		memmove(&h->list[i], &h->list[i + 1], (h->count - i - 1) * sizeof h->list[0]);
		h->count--;
		return;
	}
}

/* What a cell that did not change holds is in the journal already. */
static void keep_rows(const struct held *h, struct item *top)
{
	for (int reg = 0; reg < REG_COUNT; reg++) {
		const struct cell *was = &h->item.cells[reg];
		struct cell *is = &top->cells[reg];
		if (stamp_cmp(was->stamp, is->stamp) == 0 && value_eq((enum reg)reg, &was->value, &is->value))
			is->row = was->row;
	}
	if (stamp_cmp(h->item.deleted, top->deleted) == 0)
		top->deleted_row = h->item.deleted_row;
}

static enum err lay(struct held_items *t, const struct held *h, const struct pending *p, struct item *top)
{
	unsigned present = 0;
	struct value values[REG_COUNT];
	if (p->kind == OP_DELETE) {
		if (p->won && merge_stamp(&top->deleted, p->stamp))
			top->deleted_row = p->row;
		return ERR_OK;
	}
	enum err err = registers_parse(p->registers, h->item.collection, t->w->arena, &present, values);
	if (err)
		return err;
	for (int reg = 0; reg < REG_COUNT; reg++)
		if (present & p->won & 1u << reg)
			top->cells[reg] =
				(struct cell){.value = values[reg], .stamp = p->stamp, .row = p->row};
	if (present & p->won & 1u << REG_POSITION) {
		top->place_session = p->session;
		top->place_began = stamp_ms(p->stamp);
	}
	return ERR_OK;
}

enum err held_top(struct held_items *t, const struct held *h, struct item *out)
{
	const struct account *a = &t->w->account;
	struct item top = h->item;
	struct stamp cleared = a->cleared[top.collection];
	memcpy(top.cells, h->settled.cells, sizeof top.cells);
	top.deleted = h->settled.deleted;
	top.deleted_row = h->settled.deleted_row;
	top.created = h->settled.created;
	top.place_session = h->settled.place_session;
	top.place_began = h->settled.place_began;
	enum err err = ERR_OK;
	/* Offers are what was settled once: everything else that waits lies on top of them. */
	for (size_t i = 0; i < h->count && !err; i++)
		if (h->list[i].offer)
			err = lay(t, h, &h->list[i], &top);
	for (size_t i = 0; i < h->count && !err; i++)
		if (!h->list[i].offer)
			err = lay(t, h, &h->list[i], &top);
	if (err)
		return err;
	if (!item_exists(&h->settled, t->w->upstream.cleared[top.collection]) && h->item.created)
		top.created = h->item.created;
	if (!t->w->keep_void[top.collection])
		item_void_values(&top, cleared);
	keep_rows(h, &top);
	*out = top;
	return ERR_OK;
}
