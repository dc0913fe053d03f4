#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/base/check.h"

void client_init(struct client *c, int index, int user, int parent, bool pulls, struct rng *rng)
{
	memset(c, 0, sizeof *c);
	c->index = index;
	c->used = true;
	c->user = user;
	c->parent = parent;
	c->pulls = pulls;
	c->next_n = 1;
	c->boot = 1;
	c->ops = calloc(CLIENT_OPS, sizeof *c->ops);
	c->items = json_object();
	c->cleared = json_object();
	CHECK(c->ops && c->items && c->cleared);
	rng_bytes(rng, c->device.bytes, DEVICE_SIZE);
}

void client_free(struct client *c)
{
	for (size_t i = 0; i < c->count; i++)
		json_decref(c->ops[i].body);
	free(c->ops);
	json_decref(c->items);
	json_decref(c->cleared);
	memset(c, 0, sizeof *c);
}

void client_copy(struct client *to, const struct client *from)
{
	*to = *from;
	to->ops = calloc(CLIENT_OPS, sizeof *to->ops);
	CHECK(to->ops);
	for (size_t i = 0; i < from->count; i++) {
		to->ops[i] = from->ops[i];
		json_incref(to->ops[i].body);
	}
	to->items = json_deep_copy(from->items);
	to->cleared = json_deep_copy(from->cleared);
	to->waiting = false;
}

static void queue(struct client *c, struct client_op op)
{
	CHECK(c->count < CLIENT_OPS);
	op.n = c->next_n++;
	c->ops[c->count++] = op;
}

void client_queue(struct client *c, json_t *body, int act, int64_t true_ms)
{
	queue(c, (struct client_op){.body = body,
			 .act = act,
			 .made_true_ms = true_ms,
			 .made_wall_ms = true_ms + c->wall_off,
			 .made_off = c->wall_off,
			 .boot = c->boot});
}

void client_ask(struct client *c, int64_t true_ms, bool no_skew, size_t most_ops, int limit, struct buf *out)
{
	json_t *body = json_object();
	json_t *ops = json_array();
	(void)json_object_set_new(body, "now", json_integer(true_ms + (no_skew ? 0 : c->wall_off)));
	if (c->pulls) {
		(void)json_object_set_new(
			body, "cursor", c->cursor[0] ? json_string(c->cursor) : json_null());
		(void)json_object_set_new(body, "limit", json_integer(limit));
	}
	if (c->head[0])
		(void)json_object_set_new(body, "head", json_string(c->head));
	for (size_t i = 0; i < c->count && i < most_ops; i++) {
		const struct client_op *op = &c->ops[i];
		json_t *copy = json_copy(op->body);
		(void)json_object_set_new(copy, "n", json_integer(op->n));
		if (json_object_get(op->body, "stamp"))
			;
		else if (op->boot == c->boot)
			(void)json_object_set_new(copy, "age", json_integer(true_ms - op->made_true_ms));
		else
			(void)json_object_set_new(copy, "at", json_integer(op->made_wall_ms));
		(void)json_array_append_new(ops, copy);
	}
	(void)json_object_set_new(body, "ops", ops);
	char *text = json_dumps(body, JSON_COMPACT);
	buf_text(out, text);
	free(text);
	json_decref(body);
}

void client_renumber(struct client *c, struct rng *rng)
{
	rng_bytes(rng, c->device.bytes, DEVICE_SIZE);
	c->next_n = 1;
	for (size_t i = 0; i < c->count; i++)
		c->ops[i].n = c->next_n++;
}

/* --- what it holds --- */

static json_t *item_of(struct client *c, const char *collection, const char *key)
{
	char name[256];
	(void)snprintf(name, sizeof name, "%s/%s", collection, key);
	json_t *item = json_object_get(c->items, name);
	if (item)
		return item;
	item = json_pack("{s:s, s:s, s:{}}", "collection", collection, "key", key, "registers");
	CHECK(item);
	(void)json_object_set_new(c->items, name, item);
	return item;
}

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : "";
}

/* Stamps are texts in their order; the greater of delete and barrier voids. */
static const char *void_stamp(const struct client *c, const json_t *item)
{
	const char *deleted = text_of(item, "deletedStamp");
	const char *cleared = text_of(c->cleared, text_of(item, "collection"));
	return strcmp(deleted, cleared) > 0 ? deleted : cleared;
}

static bool exists(const struct client *c, const json_t *item)
{
	const char *gone = void_stamp(c, item);
	const char *name;
	json_t *cell;
	json_object_foreach (json_object_get(item, "registers"), name, cell)
		if (strcmp(text_of(cell, "stamp"), gone) > 0)
			return true;
	return false;
}

/* The time in a stamp, as the wire writes times. */
static json_t *time_of(const char *stamp)
{
	char text[32];
	unsigned char bytes[6];
	int64_t ms = 0;
	CHECK(str_hex((struct str){stamp, 12}, bytes, sizeof bytes));
	for (size_t i = 0; i < sizeof bytes; i++)
		ms = ms << 8 | bytes[i];
	struct buf out = buf_make(64);
	buf_json_time(&out, ms);
	(void)snprintf(text, sizeof text, "%.*s", (int)out.len - 2, out.ptr + 1);
	buf_free(&out);
	return json_string(text);
}

/* --- taking --- */

/* Of a void register only the stamp is told, or nothing when the upstream holds it no longer; a value that
 * had the stamp is kept. */
static void take_register(json_t *registers, const char *name, json_t *told)
{
	const json_t *held = json_object_get(registers, name);
	const char *stamp = text_of(told, "stamp");
	if (!*stamp)
		(void)json_object_del(registers, name);
	else if (!json_is_null(json_object_get(told, "value")) || strcmp(name, "rating") == 0)
		(void)json_object_set(registers, name, told);
	else if (strcmp(text_of(held, "stamp"), stamp) != 0)
		(void)json_object_set_new(registers, name, json_pack("{s:s}", "stamp", stamp));
}

/* What an event left out was completed, and is told unless it is void: then the value is not known. */
static json_t *own_register(const struct client_op *op, const char *name, json_t *value, const char *stamp)
{
	if (json_object_get(op->body, "event") && strcmp(name, "opened") == 0)
		return json_pack("{s:s}", "stamp", stamp);
	return json_pack("{s:O, s:s}", "value", value, "stamp", stamp);
}

static void take_set(struct client *c, const struct client_op *op, const json_t *result)
{
	json_t *item = item_of(c, text_of(op->body, "collection"), text_of(op->body, "key"));
	json_t *registers = json_object_get(item, "registers");
	json_t *named = json_object_get(result, "registers");
	const char *stamp = text_of(result, "stamp");
	bool candidate = strcmp(text_of(result, "outcome"), "candidate") == 0;
	bool existed = exists(c, item);
	const char *name;
	json_t *value;
	json_object_foreach (json_object_get(op->body, "set"), name, value) {
		if (!candidate && !json_object_get(named, name))
			(void)json_object_set_new(registers, name, own_register(op, name, value, stamp));
	}
	json_object_foreach (named, name, value) {
		take_register(registers, name, value);
	}
	if (!existed && exists(c, item))
		(void)json_object_set_new(item, "created", time_of(stamp));
}

static void take_result(struct client *c, const struct client_op *op, const json_t *result)
{
	if (strcmp(text_of(result, "outcome"), "rejected") == 0)
		return;
	if (json_object_get(op->body, "set")) {
		take_set(c, op, result);
	} else if (json_object_get(op->body, "delete")) {
		json_t *item = item_of(c, text_of(op->body, "collection"), text_of(op->body, "key"));
		const char *stamp = text_of(result, "deletedStamp");
		(void)json_object_set_new(
			item, "deletedStamp", json_string(*stamp ? stamp : text_of(result, "stamp")));
	}
}

static void take_results(struct client *c, const json_t *results, client_told *told, void *context)
{
	size_t at;
	json_t *result;
	json_array_foreach (results, at, result) {
		int64_t n = json_integer_value(json_object_get(result, "n"));
		for (size_t i = 0; i < c->count; i++) {
			struct client_op op = c->ops[i];
			if (op.n != n)
				continue;
			if (c->pulls)
				take_result(c, &op, result);
			told(context, c, &op, result);
			json_decref(op.body);
			memmove(&c->ops[i], &c->ops[i + 1], (c->count - i - 1) * sizeof op);
			c->count--;
			break;
		}
	}
}

static void take_items(struct client *c, const json_t *items)
{
	size_t at;
	json_t *told;
	json_array_foreach (items, at, told) {
		json_t *item = item_of(c, text_of(told, "collection"), text_of(told, "key"));
		const char *name;
		json_t *cell;
		json_object_foreach (json_object_get(told, "registers"), name, cell)
			take_register(json_object_get(item, "registers"), name, cell);
		(void)json_object_set(item, "created", json_object_get(told, "created"));
		if (json_object_get(told, "deletedStamp"))
			(void)json_object_set(item, "deletedStamp", json_object_get(told, "deletedStamp"));
		else
			(void)json_object_del(item, "deletedStamp");
	}
}

/* --- an upstream that has lost its history --- */

static void offer(struct client *c, const char *stamp, json_t *body)
{
	(void)json_object_set_new(body, "stamp", json_string(stamp));
	(void)json_object_set_new(body, "origin", json_string(stamp + 17));
	queue(c, (struct client_op){.body = body, .act = -1});
}

static void offer_item(struct client *c, const json_t *item)
{
	json_t *by_stamp = json_object();
	const char *name;
	json_t *cell;
	const char *collection = text_of(item, "collection");
	json_object_foreach (json_object_get(item, "registers"), name, cell) {
		if (!json_object_get(cell, "value"))
			continue;
		json_t *set = json_object_get(by_stamp, text_of(cell, "stamp"));
		if (!set) {
			set = json_object();
			(void)json_object_set_new(by_stamp, text_of(cell, "stamp"), set);
		}
		(void)json_object_set(set, name, json_object_get(cell, "value"));
	}
	json_object_foreach (by_stamp, name, cell)
		offer(c, name,
			json_pack("{s:s, s:s, s:O}", "collection", collection, "key", text_of(item, "key"),
				"set", cell));
	if (*text_of(item, "deletedStamp"))
		offer(c, text_of(item, "deletedStamp"),
			json_pack("{s:s, s:s, s:b}", "collection", collection, "key", text_of(item, "key"),
				"delete", 1));
	json_decref(by_stamp);
}

static void offer_all(struct client *c)
{
	const char *name;
	json_t *value;
	json_object_foreach (c->cleared, name, value)
		offer(c, json_string_value(value), json_pack("{s:s, s:b}", "collection", name, "clear", 1));
	json_object_foreach (c->items, name, value)
		offer_item(c, value);
	/* Nothing is settled any more. */
	(void)json_object_clear(c->items);
	(void)json_object_clear(c->cleared);
}

enum client_took client_take(
	struct client *c, const json_t *answer, const char *asked, client_told *told, void *context)
{
	if (json_integer_value(json_object_get(answer, "ack")) >= c->next_n)
		return CLIENT_RESTORED;
	if (strcmp(asked, c->cursor) != 0)
		return CLIENT_STALE;
	if (c->pulls && json_is_true(json_object_get(answer, "offer")))
		offer_all(c);
	take_results(c, json_object_get(answer, "results"), told, context);
	(void)snprintf(c->head, sizeof c->head, "%s", text_of(answer, "head"));
	if (!c->pulls)
		return CLIENT_TOOK;
	take_items(c, json_object_get(answer, "items"));
	json_decref(c->cleared);
	c->cleared = json_deep_copy(json_object_get(answer, "cleared"));
	(void)snprintf(c->cursor, sizeof c->cursor, "%s", text_of(answer, "cursor"));
	return CLIENT_TOOK;
}

/* --- showing --- */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

json_t *client_view(const struct client *c)
{
	size_t count = 0;
	const char **names = calloc(json_object_size(c->items) + 1, sizeof *names);
	json_t *list = json_array();
	const char *name;
	json_t *item;
	CHECK(names && list);
	json_object_foreach (c->items, name, item)
		names[count++] = name;
	qsort(names, count, sizeof *names, by_name);
	for (size_t i = 0; i < count; i++) {
		item = json_deep_copy(json_object_get(c->items, names[i]));
		(void)json_object_set_new(item, "deleted", json_boolean(!exists(c, item)));
		(void)json_array_append_new(list, item);
	}
	free(names);
	return json_pack("{s:o, s:O}", "items", list, "cleared", c->cleared);
}
