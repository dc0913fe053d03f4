#include "sync/below.h"

#include <string.h>

#include "sync/registers.h"

enum { SETTLED_TEXT = 64 * 1024 };

/* --- the upstream --- */

static void get_text(const struct query *q, int column, char *out, size_t size)
{
	struct str text = query_get_str(q, column);
	memset(out, 0, size);
	if (text.len < size)
		memcpy(out, text.ptr, text.len);
}

enum err upstream_load(struct statements *s, uint64_t user, struct upstream *out)
{
	struct upstream u = {.known = false};
	struct query q = stmt_query(s, STMT_UPSTREAM_GET);
	query_int(&q, (int64_t)user);
	if (query_row(&q)) {
		u.known = true;
		get_text(&q, 0, u.server, sizeof u.server);
		get_text(&q, 1, u.cursor.text, sizeof u.cursor.text);
		get_text(&q, 2, u.head.text, sizeof u.head.text);
		u.next_n = query_get_int(&q, 3);
		u.round = query_get_int(&q, 4);
		u.ahead = query_get_int(&q, 5);
		for (int c = 0; c < COLLECTION_COUNT; c++)
			u.cleared[c] = query_get_stamp(&q, 6 + c);
	}
	enum err err = query_end(&q);
	if (!err)
		*out = u;
	return err;
}

enum err upstream_save(struct statements *s, uint64_t user, const struct upstream *u)
{
	struct query q = stmt_query(s, STMT_UPSTREAM_PUT);
	query_int(&q, (int64_t)user);
	query_text(&q, str_from(u->server));
	query_text(&q, str_from(u->cursor.text));
	query_text(&q, str_from(u->head.text));
	query_int(&q, u->next_n);
	query_int(&q, u->round);
	query_int(&q, u->ahead);
	for (int c = 0; c < COLLECTION_COUNT; c++)
		query_stamp(&q, u->cleared[c]);
	return query_run(&q);
}

/* --- pending ops --- */

void pending_read(struct query *q, struct arena *a, struct pending *out)
{
	*out = (struct pending){
		.n = query_get_int(q, 0),
		.collection = (enum collection)query_get_int(q, 1),
		.item = query_get_int(q, 2),
		.row = query_get_int(q, 3),
		.kind = (enum op_kind)query_get_int(q, 4),
		.stamp = query_get_stamp(q, 5),
		.offer = query_get_int(q, 6) != 0,
		.session = query_get_copy(q, 7, a),
		.registers = query_get_copy(q, 8, a),
		.won = (unsigned)query_get_int(q, 9),
		.made_ms = query_get_int(q, 10),
		.made_mono = query_get_int(q, 11),
		.state = (enum pending_state)query_get_int(q, 13),
		.code = query_get_copy(q, 14, a),
		.message = query_get_copy(q, 15, a),
	};
	query_get_bytes(q, 12, out->boot, BOOT_SIZE);
	if ((unsigned)out->collection >= COLLECTION_COUNT)
		q->err = ERR_CORRUPT;
}

enum err pending_insert(struct statements *s, uint64_t user, const struct pending *p)
{
	struct query q = stmt_query(s, STMT_OUTBOX_PUT);
	query_int(&q, p->n);
	query_int(&q, p->collection);
	query_int(&q, p->item);
	query_int(&q, p->row);
	query_int(&q, p->kind);
	query_stamp(&q, p->stamp);
	query_int(&q, p->offer);
	query_text(&q, p->session);
	query_text(&q, p->registers);
	query_int(&q, p->won);
	query_int(&q, p->made_ms);
	query_int(&q, p->made_mono);
	query_blob(&q, p->boot, BOOT_SIZE);
	query_int(&q, p->state);
	query_text(&q, p->code);
	query_text(&q, p->message);
	query_int(&q, (int64_t)user);
	return query_run(&q);
}

enum err pending_rewrite(struct statements *s, uint64_t user, const struct pending *p)
{
	struct query q = stmt_query(s, STMT_OUTBOX_REWRITE);
	query_stamp(&q, p->stamp);
	query_text(&q, p->registers);
	query_int(&q, p->won);
	query_int(&q, p->made_ms);
	query_int(&q, p->made_mono);
	query_blob(&q, p->boot, BOOT_SIZE);
	query_int(&q, (int64_t)user);
	query_int(&q, p->n);
	return query_run(&q);
}

enum err pending_load(struct statements *s, uint64_t user, int64_t n, struct arena *a, struct pending *out)
{
	struct query q = stmt_query(s, STMT_OUTBOX_GET);
	query_int(&q, (int64_t)user);
	query_int(&q, n);
	bool found = query_row(&q);
	if (found)
		pending_read(&q, a, out);
	enum err err = query_end(&q);
	return err ? err : found ? ERR_OK : ERR_NOT_FOUND;
}

enum err pending_delete(struct statements *s, uint64_t user, int64_t n)
{
	struct query q = stmt_query(s, STMT_OUTBOX_DELETE);
	query_int(&q, (int64_t)user);
	query_int(&q, n);
	return query_run(&q);
}

enum err pending_reject(struct statements *s, uint64_t user, int64_t n, struct str code, struct str message)
{
	struct query q = stmt_query(s, STMT_OUTBOX_REJECT);
	query_text(&q, code);
	query_text(&q, message);
	query_int(&q, (int64_t)user);
	query_int(&q, n);
	return query_run(&q);
}

struct query pending_of(struct statements *s, uint64_t user, enum collection collection, int64_t item)
{
	struct query q = stmt_query(s, STMT_OUTBOX_OF_ITEM);
	query_int(&q, (int64_t)user);
	query_int(&q, collection);
	query_int(&q, item);
	return q;
}

/* --- what the upstream holds --- */

enum err settled_load(struct statements *s, uint64_t user, struct arena *a, struct item *out)
{
	struct item it = *out;
	unsigned present = 0;
	struct value values[REG_COUNT];
	unsigned char stamps[REG_COUNT * STAMP_SIZE];
	struct query q = stmt_query(s, STMT_SETTLED_GET);
	query_int(&q, (int64_t)user);
	query_int(&q, it.collection);
	query_int(&q, it.id);
	bool found = query_row(&q);
	struct str text = STR("{}");
	if (found) {
		it.deleted = query_get_stamp(&q, 0);
		it.deleted_row = 0;
		it.created = query_get_int(&q, 1);
		text = query_get_copy(&q, 2, a);
		query_get_bytes(&q, 3, stamps, sizeof stamps);
	}
	enum err err = query_end(&q);
	if (err || !found)
		return err ? err : ERR_NOT_FOUND;
	err = registers_parse(text, it.collection, a, &present, values);
	if (err)
		return err;
	for (int reg = 0; reg < REG_COUNT; reg++) {
		struct cell *cell = &it.cells[reg];
		cell->value = present & 1u << reg ? values[reg] : value_default((enum reg)reg);
		memcpy(cell->stamp.bytes, stamps + (size_t)reg * STAMP_SIZE, STAMP_SIZE);
		cell->row = 0;
	}
	*out = it;
	return ERR_OK;
}

enum err settled_save(struct statements *s, uint64_t user, const struct item *it, struct arena *a)
{
	unsigned char stamps[REG_COUNT * STAMP_SIZE];
	struct value values[REG_COUNT];
	unsigned present = 0;
	for (int reg = 0; reg < REG_COUNT; reg++) {
		const struct cell *cell = &it->cells[reg];
		values[reg] = cell->value;
		memcpy(stamps + (size_t)reg * STAMP_SIZE, cell->stamp.bytes, STAMP_SIZE);
		/* A value that was erased is none: only its stamp is kept. */
		if (register_of((enum reg)reg, it->collection) && stamp_set(cell->stamp) &&
			value_valid((enum reg)reg, &cell->value))
			present |= 1u << reg;
	}
	struct str text;
	struct buf json = buf_make(SETTLED_TEXT);
	registers_json(present, values, &json);
	bool ok = buf_ok(&json) && arena_str(a, buf_str(&json), &text);
	buf_free(&json);
	if (!ok)
		return ERR_NOMEM;
	struct query q = stmt_query(s, STMT_SETTLED_PUT);
	query_int(&q, (int64_t)user);
	query_int(&q, it->collection);
	query_int(&q, it->id);
	query_stamp(&q, it->deleted);
	query_int(&q, it->created);
	query_text(&q, text);
	query_blob(&q, stamps, sizeof stamps);
	return query_run(&q);
}

enum err settled_delete(struct statements *s, uint64_t user, const struct item *it)
{
	struct query q = stmt_query(s, STMT_SETTLED_DELETE);
	query_int(&q, (int64_t)user);
	query_int(&q, it->collection);
	query_int(&q, it->id);
	return query_run(&q);
}
