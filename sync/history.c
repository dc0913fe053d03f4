#include <string.h>

#include "sync/query.h"
#include "sync/reader.h"
#include "sync/rows.h"

enum { HISTORY_DEVICES = 64, NAME_MAX_BYTES = 404 };

/* Names of the devices that made an item's rows, each looked up once. */
struct names {
	struct {
		struct device_id device;
		struct str name;
	} list[HISTORY_DEVICES];
	size_t count;
	struct arena arena;
};

static struct str device_name(
	struct reader *reader, uint64_t user, struct names *names, struct device_id device)
{
	for (size_t i = 0; i < names->count; i++)
		if (device_eq(names->list[i].device, device))
			return names->list[i].name;
	struct str name = STR("");
	struct query q = stmt_query(&reader->statements, STMT_DEVICE_GET);
	query_int(&q, (int64_t)user);
	query_device(&q, device);
	if (query_row(&q))
		name = query_get_copy(&q, 0, &names->arena);
	if (query_end(&q))
		return STR("");
	if (names->count < HISTORY_DEVICES) {
		names->list[names->count].device = device;
		names->list[names->count++].name = name;
	}
	return name;
}

static void row_json(struct buf *out, const struct journal_row *row, struct str name, bool current)
{
	char stamp[STAMP_TEXT_SIZE];
	char device[2 * DEVICE_SIZE + 1];
	stamp_text(row->stamp, stamp);
	str_to_hex(stamp_device(row->stamp).bytes, DEVICE_SIZE, device);
	buf_text(out, "{\"seq\":");
	buf_int(out, row->first_seq);
	buf_text(out, ",\"at\":");
	buf_json_time(out, stamp_ms(row->stamp));
	buf_text(out, ",\"received\":");
	buf_json_time(out, row->received);
	buf_fmt(out, ",\"stamp\":\"%s\",\"device\":{\"id\":\"%s\",\"name\":", stamp, device);
	buf_json(out, name);
	buf_text(out, "},\"event\":");
	if (row->event == EVENT_NONE)
		buf_text(out, "null");
	else
		buf_json(out, str_from(event_names[row->event]));
	buf_text(out, ",\"session\":");
	buf_json(out, row->session);
	buf_fmt(out, ",\"outcome\":\"%s\",\"rule\":\"%s\",\"current\":%s,", outcome_names[row->outcome],
		rule_names[row->rule], current ? "true" : "false");
	if (row->kind == OP_DELETE) {
		buf_text(out, "\"delete\":true}");
		return;
	}
	buf_text(out, "\"registers\":");
	buf_add_str(out, row->registers.len ? row->registers : STR("{}"));
	buf_char(out, '}');
}

/* Whether any register, or the item's deletion, is still what this row made it. */
static bool is_current(const struct item *it, const struct journal_row *row, struct stamp cleared)
{
	if (row->kind == OP_DELETE)
		return it->deleted_row == row->row;
	for (int reg = 0; reg < REG_COUNT; reg++)
		if (register_of((enum reg)reg, it->collection) && it->cells[reg].row == row->row &&
			(register_defs[reg].flags & DESCRIPTIVE || item_holds(it, (enum reg)reg, cleared)))
			return true;
	return false;
}

static enum err history_rows(
	struct reader *reader, const struct account *a, const struct item *it, struct buf *out)
{
	struct names names = {.count = 0, .arena = arena_make((size_t)HISTORY_DEVICES * NAME_MAX_BYTES)};
	struct arena arena = arena_make((size_t)1 << 20);
	struct stamp cleared = a->cleared[it->collection];
	bool first = true;
	struct query q = stmt_query(&reader->statements, STMT_JOURNAL_HISTORY);
	query_int(&q, (int64_t)a->user);
	query_int(&q, it->collection);
	query_int(&q, it->id);
	while (buf_ok(out) && query_row(&q)) {
		struct journal_row row;
		arena_reset(&arena);
		journal_read(&q, &arena, &row);
		/* Rows that a clear voided are gone for every route, also before the slices get to them. */
		if (q.err || stamp_cmp(row.stamp, cleared) <= 0)
			continue;
		if (!first)
			buf_char(out, ',');
		first = false;
		row_json(out, &row, device_name(reader, a->user, &names, stamp_device(row.stamp)),
			is_current(it, &row, cleared));
	}
	enum err err = query_end(&q);
	arena_free(&arena);
	arena_free(&names.arena);
	return err;
}

static enum err read_history(struct reader *reader, uint64_t user, enum collection collection, struct str key,
	struct arena *arena, struct buf *out)
{
	struct account a;
	struct item it;
	enum err err = account_load(&reader->statements, user, &a);
	if (!err)
		err = item_load(&reader->statements, user, collection, key, arena, &it);
	buf_char(out, '[');
	if (!err)
		err = history_rows(reader, &a, &it, out);
	buf_char(out, ']');
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

enum err query_history(
	struct reader *reader, uint64_t user, enum collection collection, struct str key, struct buf *out)
{
	struct arena arena = arena_make((size_t)1 << 20);
	enum err err = snapshot_begin(reader);
	if (!err)
		err = snapshot_end(reader, read_history(reader, user, collection, key, &arena, out));
	arena_free(&arena);
	return !err && !buf_ok(out) ? ERR_NOMEM : err;
}
