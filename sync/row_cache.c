#include "sync/row_cache.h"

#include <stdlib.h>
#include <string.h>

/* Accounts have one place each: who comes later takes it. Items are chained, and at most so many. */
enum { ACCOUNTS = 4096, BUCKETS = 4096, ITEMS_MOST = 4096 };

struct cached_item {
	struct cached_item *next_by_key;
	struct cached_item *next_by_id;
	uint64_t user;
	struct item item; /* its strings lie in text */
	size_t text_len;
	char text[];
};

struct row_cache {
	struct account *accounts[ACCOUNTS];  /* owned, by user */
	struct cached_item *by_key[BUCKETS]; /* owned, by user and key */
	struct cached_item *by_id[BUCKETS];  /* the same, by id; each is in both */
	size_t items;
	size_t hand; /* the bucket that is emptied when there are too many */
};

/* --- accounts --- */

static struct account **account_place(struct row_cache *cache, uint64_t user)
{
	return &cache->accounts[user % ACCOUNTS]; /* a user's id is random */
}

const struct account *row_cache_account(struct row_cache *cache, uint64_t user)
{
	const struct account *a = cache ? *account_place(cache, user) : NULL;
	return a && a->user == user ? a : NULL;
}

void row_cache_put_account(struct row_cache *cache, const struct account *account)
{
	if (!cache)
		return;
	struct account **place = account_place(cache, account->user);
	if (!*place)
		*place = malloc(sizeof **place);
	if (*place)
		**place = *account;
}

static void forget_account(struct row_cache *cache, uint64_t user)
{
	struct account **place = account_place(cache, user);
	if (*place && (*place)->user == user)
		(*place)->user = 0; /* nobody's id */
}

/* --- items --- */

static struct cached_item **id_bucket(struct row_cache *cache, int64_t id)
{
	return &cache->by_id[(uint64_t)id % BUCKETS];
}

/* FNV-1a: whoever aims at one bucket only makes his own items slower to find. */
static struct cached_item **key_bucket(struct row_cache *cache, uint64_t user, struct str key)
{
	uint64_t hash = 14695981039346656037u ^ user;
	for (size_t i = 0; i < key.len; i++)
		hash = (hash ^ (unsigned char)key.ptr[i]) * 1099511628211u;
	return &cache->by_key[(hash ^ hash >> 32) % BUCKETS];
}

static struct cached_item *find_key(
	struct row_cache *cache, uint64_t user, enum collection collection, struct str key)
{
	struct cached_item *c = *key_bucket(cache, user, key);
	while (c && (c->user != user || c->item.collection != collection || !str_eq(c->item.key, key)))
		c = c->next_by_key;
	return c;
}

static struct cached_item *find_id(struct row_cache *cache, int64_t id)
{
	struct cached_item *c = *id_bucket(cache, id);
	while (c && c->item.id != id)
		c = c->next_by_id;
	return c;
}

static void take_out(struct row_cache *cache, struct cached_item *c)
{
	struct cached_item **at = key_bucket(cache, c->user, c->item.key);
	while (*at != c)
		at = &(*at)->next_by_key;
	*at = c->next_by_key;
	at = id_bucket(cache, c->item.id);
	while (*at != c)
		at = &(*at)->next_by_id;
	*at = c->next_by_id;
	cache->items--;
}

static void drop(struct row_cache *cache, struct cached_item *c)
{
	if (!c)
		return;
	take_out(cache, c);
	free(c);
}

static void put_in(struct row_cache *cache, struct cached_item *c)
{
	drop(cache, find_id(cache, c->item.id));
	while (cache->items >= ITEMS_MOST) {
		while (cache->by_key[cache->hand])
			drop(cache, cache->by_key[cache->hand]);
		cache->hand = (cache->hand + 1) % BUCKETS;
	}
	struct cached_item **at = key_bucket(cache, c->user, c->item.key);
	c->next_by_key = *at;
	*at = c;
	at = id_bucket(cache, c->item.id);
	c->next_by_id = *at;
	*at = c;
	cache->items++;
}

/* Calls visit for each string of a progress item. */
static void each_text(struct item *it, void (*visit)(struct str *text, void *context), void *context)
{
	visit(&it->key, context);
	visit(&it->place_session, context);
	for (int reg = 0; reg < REG_COUNT; reg++) {
		if (!register_of((enum reg)reg, it->collection))
			continue;
		for (size_t i = 0; i < register_defs[reg].fields; i++)
			if (field_is_text(register_defs[reg].field[i].type))
				visit(&it->cells[reg].value.f[i].s, context);
	}
}

static void add_length(struct str *text, void *context)
{
	*(size_t *)context += text->len + 1;
}

/* Copies the text to where *context points and moves that on. */
static void move_text(struct str *text, void *context)
{
	char **to = context;
	if (text->len)
		memcpy(*to, text->ptr, text->len);
	(*to)[text->len] = '\0';
	text->ptr = *to;
	*to += text->len + 1;
}

enum err row_cache_item(struct row_cache *cache, uint64_t user, enum collection collection, struct str key,
	struct arena *a, struct item *out, bool *found)
{
	const struct cached_item *c = cache ? find_key(cache, user, collection, key) : NULL;
	*found = c != NULL;
	if (!c)
		return ERR_OK;
	char *text = arena_alloc(a, c->text_len);
	if (!text)
		return ERR_NOMEM;
	*out = c->item;
	each_text(out, move_text, &text);
	return ERR_OK;
}

void row_cache_put_item(struct row_cache *cache, uint64_t user, const struct item *it)
{
	size_t len = 0;
	if (!cache || it->collection != COLLECTION_PROGRESS || it->running != RUNNING_NOW)
		return;
	struct item copy = *it;
	each_text(&copy, add_length, &len);
	struct cached_item *c = malloc(sizeof *c + len);
	if (!c)
		return;
	char *text = c->text;
	each_text(&copy, move_text, &text);
	c->user = user;
	c->item = copy;
	c->text_len = len;
	put_in(cache, c);
}

struct cached_item *row_cache_take_tick(struct row_cache *cache, int64_t id)
{
	struct cached_item *c = cache ? find_id(cache, id) : NULL;
	if (c)
		take_out(cache, c);
	return c;
}

void row_cache_put_tick(struct row_cache *cache, struct cached_item *taken, const struct item *it)
{
	struct cell *position = &taken->item.cells[REG_POSITION];
	taken->item.seq = it->seq;
	taken->item.push = it->push;
	taken->item.place_began = it->place_began;
	position->value.f[POSITION_TIME].r = it->cells[REG_POSITION].value.f[POSITION_TIME].r;
	position->value.f[POSITION_DURATION].r = it->cells[REG_POSITION].value.f[POSITION_DURATION].r;
	position->stamp = it->cells[REG_POSITION].stamp;
	put_in(cache, taken);
}

/* --- what SQLite tells --- */

static void on_change(void *context, int op, const char *database, const char *table, sqlite3_int64 row)
{
	struct row_cache *cache = context;
	(void)op;
	(void)database;
	if (strcmp(table, "account") == 0) {
		forget_account(cache, (uint64_t)row);
	} else if (strcmp(table, "progress") == 0) {
		drop(cache, find_id(cache, row));
	}
}

static void forget_all(void *context)
{
	struct row_cache *cache = context;
	for (size_t i = 0; i < ACCOUNTS; i++)
		if (cache->accounts[i])
			cache->accounts[i]->user = 0;
	for (size_t i = 0; i < BUCKETS; i++)
		while (cache->by_key[i])
			drop(cache, cache->by_key[i]);
}

struct row_cache *row_cache_open(sqlite3 *db)
{
	struct row_cache *cache = calloc(1, sizeof *cache);
	if (!cache)
		return NULL;
	(void)sqlite3_update_hook(db, on_change, cache);
	(void)sqlite3_rollback_hook(db, forget_all, cache);
	return cache;
}

void row_cache_close(struct row_cache *cache, sqlite3 *db)
{
	if (!cache)
		return;
	(void)sqlite3_update_hook(db, NULL, NULL);
	(void)sqlite3_rollback_hook(db, NULL, NULL);
	forget_all(cache);
	for (size_t i = 0; i < ACCOUNTS; i++)
		free(cache->accounts[i]);
	free(cache);
}
