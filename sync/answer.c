#include "sync/answer.h"

#include <string.h>

#include "sync/base/time.h"
#include "sync/wire.h"

/* An upstream that keeps to the protocol never tells more. */
enum { RESULTS_MOST = OPS_MAX, ITEMS_MOST = PULL_LIMIT_MAX };

static struct str text_of(const json_t *json)
{
	return (struct str){json_string_value(json), json_string_length(json)};
}

static bool read_stamp(const json_t *json, struct stamp *out)
{
	return json_is_string(json) && stamp_parse(text_of(json), out) && stamp_set(*out);
}

static enum err read_text(const json_t *json, struct arena *a, struct str *out)
{
	*out = STR("");
	if (!json)
		return ERR_OK;
	if (!json_is_string(json))
		return ERR_INVALID;
	return arena_str(a, text_of(json), out) ? ERR_OK : ERR_NOMEM;
}

static enum err read_cursor(const json_t *json, struct cursor_text *out)
{
	struct cursor c;
	struct str text = text_of(json);
	if (!json_is_string(json) || !cursor_parse(text, &c) || text.len >= CURSOR_TEXT_SIZE)
		return ERR_INVALID;
	memset(out, 0, sizeof *out);
	memcpy(out->text, text.ptr, text.len);
	return ERR_OK;
}

/* {"value":...,"stamp":"..."}; a value of null where that is none: a void register, of which only the stamp
 * is told, or nothing at all when the upstream holds it no longer. */
static enum err read_cell(const json_t *json, enum reg reg, struct arena *a, struct cell *out)
{
	const json_t *value = json_object_get(json, "value");
	unsigned given = 0;
	struct cell cell = {.row = 0};
	const json_t *stamp = json_object_get(json, "stamp");
	bool gone = json_is_null(value) && !stamp;
	if (!value || (!gone && !read_stamp(stamp, &cell.stamp)))
		return ERR_INVALID;
	if (json_is_null(value)) {
		cell.value = value_default(reg);
	} else {
		enum err err = wire_value(value, reg, a, &cell.value, &given);
		if (err || given != (1u << register_defs[reg].fields) - 1)
			return err ? err : ERR_INVALID;
	}
	*out = cell;
	return ERR_OK;
}

/* Registers of any collection when it is not known: a result names none. */
static enum err read_registers(
	const json_t *json, int collection, struct arena *a, unsigned *told, struct cell cells[REG_COUNT])
{
	*told = 0;
	if (!json)
		return ERR_OK;
	if (!json_is_object(json))
		return ERR_INVALID;
	for (void *at = json_object_iter((json_t *)(uintptr_t)json); at;
		at = json_object_iter_next((json_t *)(uintptr_t)json, at)) {
		const char *name = json_object_iter_key(at);
		int reg = -1;
		for (int c = 0; c < COLLECTION_COUNT && reg < 0; c++)
			if (collection < 0 || c == collection)
				reg = wire_register_named(name, (enum collection)c);
		/* A newer upstream may have registers that this version does not know. */
		if (reg < 0)
			continue;
		enum err err = read_cell(json_object_iter_value(at), (enum reg)reg, a, &cells[reg]);
		if (err)
			return err;
		*told |= 1u << reg;
	}
	return ERR_OK;
}

static bool read_outcome(const json_t *json, enum outcome *out)
{
	for (int o = 0; o < OUTCOME_COUNT; o++) {
		if (json_is_string(json) && str_eq(text_of(json), str_from(outcome_names[o]))) {
			*out = (enum outcome)o;
			return true;
		}
	}
	return false;
}

static enum err read_result(const json_t *json, struct arena *a, struct answer_result *r)
{
	const json_t *deleted = json_object_get(json, "deletedStamp");
	if (!read_outcome(json_object_get(json, "outcome"), &r->outcome))
		return ERR_INVALID;
	/* One without a number was no op of ours. */
	if (!wire_integer(json_object_get(json, "n"), &r->n))
		r->n = 0;
	if (r->outcome != OUTCOME_REFUSED && !read_stamp(json_object_get(json, "stamp"), &r->stamp))
		return ERR_INVALID;
	if (deleted && !read_stamp(deleted, &r->deleted))
		return ERR_INVALID;
	r->has_deleted = deleted != NULL;
	enum err err = read_registers(json_object_get(json, "registers"), -1, a, &r->told, r->cells);
	if (!err)
		err = read_text(json_object_get(json, "code"), a, &r->code);
	if (!err)
		err = read_text(json_object_get(json, "message"), a, &r->message);
	return err;
}

static enum err read_item(const json_t *json, struct arena *a, struct answer_item *it)
{
	int collection = wire_collection_named(json_object_get(json, "collection"));
	const json_t *key = json_object_get(json, "key");
	const json_t *deleted = json_object_get(json, "deletedStamp");
	if (collection < 0 || !json_is_string(key) || !key_valid(text_of(key)) ||
		!json_is_string(json_object_get(json, "created")) ||
		!time_parse(text_of(json_object_get(json, "created")), &it->created) ||
		(deleted && !read_stamp(deleted, &it->deleted)))
		return ERR_INVALID;
	it->collection = (enum collection)collection;
	if (!arena_str(a, text_of(key), &it->key))
		return ERR_NOMEM;
	return read_registers(json_object_get(json, "registers"), collection, a, &it->told, it->cells);
}

static enum err read_results(const json_t *json, struct arena *a, struct answer *out)
{
	size_t count = json_array_size(json);
	if ((json && !json_is_array(json)) || count > RESULTS_MOST)
		return ERR_INVALID;
	out->results = arena_alloc(a, (count + 1) * sizeof *out->results);
	if (!out->results)
		return ERR_NOMEM;
	enum err err = ERR_OK;
	for (; out->result_count < count && !err; out->result_count++)
		err = read_result(
			json_array_get(json, out->result_count), a, &out->results[out->result_count]);
	return err;
}

static enum err read_items(const json_t *json, struct arena *a, struct answer *out)
{
	size_t count = json_array_size(json);
	if ((json && !json_is_array(json)) || count > ITEMS_MOST)
		return ERR_INVALID;
	out->items = arena_alloc(a, (count + 1) * sizeof *out->items);
	if (!out->items)
		return ERR_NOMEM;
	enum err err = ERR_OK;
	for (; out->item_count < count && !err; out->item_count++)
		err = read_item(json_array_get(json, out->item_count), a, &out->items[out->item_count]);
	return err;
}

static enum err read_cleared(const json_t *json, struct answer *out)
{
	for (int c = 0; c < COLLECTION_COUNT; c++) {
		const json_t *stamp = json_object_get(json, collection_names[c]);
		if (stamp && !read_stamp(stamp, &out->cleared[c]))
			return ERR_INVALID;
	}
	return json_is_object(json) ? ERR_OK : ERR_INVALID;
}

enum err answer_read(const json_t *data, struct arena *a, struct answer **out)
{
	struct answer *answer = arena_alloc(a, sizeof *answer);
	struct str server = text_of(json_object_get(data, "server"));
	if (!answer)
		return ERR_NOMEM;
	if (!wire_integer(json_object_get(data, "now"), &answer->now_ms) || server.len == 0 ||
		server.len >= SERVER_TEXT_SIZE)
		return ERR_INVALID;
	memcpy(answer->server, server.ptr, server.len);
	if (!wire_integer(json_object_get(data, "ack"), &answer->ack))
		answer->ack = 0;
	answer->more = json_is_true(json_object_get(data, "more"));
	answer->offer = json_is_true(json_object_get(data, "offer"));
	enum err err = read_cursor(json_object_get(data, "cursor"), &answer->cursor);
	if (!err)
		err = read_cursor(json_object_get(data, "head"), &answer->head);
	if (!err)
		err = read_cleared(json_object_get(data, "cleared"), answer);
	if (!err)
		err = read_results(json_object_get(data, "results"), a, answer);
	if (!err)
		err = read_items(json_object_get(data, "items"), a, answer);
	if (!err)
		*out = answer;
	return err;
}
