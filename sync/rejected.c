#include "sync/rejected.h"

#include "sync/below.h"
#include "sync/reader.h"

enum { REJECTED_ARENA = 16 * 1024 * 1024 };

static enum err key_json(struct statements *s, const struct pending *p, struct buf *out)
{
	static const enum stmt_id ids[COLLECTION_COUNT] = {STMT_WATCHLIST_KEY, STMT_PROGRESS_KEY};
	if (p->kind == OP_CLEAR) {
		buf_text(out, "null");
		return ERR_OK;
	}
	struct query q = stmt_query(s, ids[p->collection]);
	query_int(&q, p->item);
	bool found = query_row(&q);
	if (found)
		buf_json(out, query_get_str(&q, 0));
	enum err err = query_end(&q);
	return err ? err : found ? ERR_OK : ERR_CORRUPT;
}

static enum err op_json(struct statements *s, const struct pending *p, struct buf *out)
{
	buf_fmt(out, "{\"collection\":\"%s\",\"key\":", collection_names[p->collection]);
	enum err err = key_json(s, p, out);
	buf_text(out, ",\"at\":");
	buf_json_time(out, p->made_ms);
	buf_text(out, ",\"code\":");
	buf_json(out, p->code);
	buf_text(out, ",\"message\":");
	buf_json(out, p->message);
	if (p->kind == OP_SET) {
		buf_text(out, ",\"set\":");
		buf_add_str(out, p->registers);
	} else {
		buf_text(out, p->kind == OP_DELETE ? ",\"delete\":true" : ",\"clear\":true");
	}
	buf_char(out, '}');
	return err;
}

enum err rejected_json(struct reader *reader, uint64_t user, struct buf *out)
{
	struct arena arena = arena_make(REJECTED_ARENA);
	bool first = true;
	enum err err = snapshot_begin(reader);
	if (err)
		return err;
	buf_char(out, '[');
	struct query q = stmt_query(&reader->statements, STMT_OUTBOX_REJECTED);
	query_int(&q, (int64_t)user);
	query_int(&q, REJECTED_MOST);
	while (!err && query_row(&q)) {
		struct pending p;
		arena_reset(&arena);
		pending_read(&q, &arena, &p);
		if (q.err)
			break;
		if (!first)
			buf_char(out, ',');
		first = false;
		err = op_json(&reader->statements, &p, out);
	}
	enum err end = query_end(&q);
	buf_char(out, ']');
	arena_free(&arena);
	return snapshot_end(reader, err ? err : end);
}
