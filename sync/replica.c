/* Linking, asking, numbering anew; replica_take.c takes the answers. */
#include "sync/replica.h"

#include <stdlib.h>
#include <string.h>

#include "sync/giving.h"
#include "sync/reader.h"
#include "sync/work.h"

enum { ASK_ARENA = 64 * 1024 * 1024, ASK_OP_BYTES = 1024 };

/* --- asking --- */

static enum err key_of(struct tx *tx, const struct pending *p, struct arena *a, struct str *out)
{
	static const enum stmt_id ids[COLLECTION_COUNT] = {STMT_WATCHLIST_KEY, STMT_PROGRESS_KEY};
	struct query q = stmt_query(tx->s, ids[p->collection]);
	query_int(&q, p->item);
	bool found = query_row(&q);
	if (found)
		*out = query_get_copy(&q, 0, a);
	enum err err = query_end(&q);
	return err ? err : found ? ERR_OK : ERR_CORRUPT;
}

/* When it happened: by the monotonic clock while this start of the program runs, which no step of the wall
 * clock moves. */
static void write_time(const struct tx *tx, const struct pending *p, struct buf *out)
{
	bool same_start = memcmp(p->boot, tx->boot, BOOT_SIZE) == 0;
	int64_t age = tx->now.mono_ms - p->made_mono;
	buf_text(out, same_start ? ",\"age\":" : ",\"at\":");
	buf_int(out, !same_start ? p->made_ms : age > 0 ? age : 0);
}

static void write_op(const struct tx *tx, const struct pending *p, struct str key, struct buf *out)
{
	char origin[2 * DEVICE_SIZE + 1];
	str_to_hex(stamp_device(p->stamp).bytes, DEVICE_SIZE, origin);
	buf_text(out, "{\"n\":");
	buf_int(out, p->n);
	buf_text(out, ",\"collection\":\"");
	buf_text(out, collection_names[p->collection]);
	buf_char(out, '"');
	if (p->kind != OP_CLEAR) {
		buf_text(out, ",\"key\":");
		buf_json(out, key);
	}
	buf_text(out, p->kind == OP_CLEAR    ? ",\"clear\":true"
		      : p->kind == OP_DELETE ? ",\"delete\":true"
					     : ",\"set\":");
	if (p->kind == OP_SET)
		buf_add_str(out, p->registers);
	if (p->kind == OP_SET && p->session.len) {
		buf_text(out, ",\"session\":");
		buf_json(out, p->session);
	}
	buf_text(out, ",\"origin\":\"");
	buf_text(out, origin);
	buf_char(out, '"');
	if (p->offer) {
		char stamp[STAMP_TEXT_SIZE];
		stamp_text(p->stamp, stamp);
		buf_text(out, ",\"stamp\":\"");
		buf_text(out, stamp);
		buf_char(out, '"');
	} else {
		write_time(tx, p, out);
	}
	buf_char(out, '}');
}

struct pending_list {
	struct pending *list;
	size_t count;
};

static enum err read_waiting(
	struct tx *tx, const struct replica_ask *ask, struct arena *a, struct pending_list *out)
{
	out->count = 0;
	out->list = arena_alloc(a, (ask->most_ops + 1) * sizeof *out->list);
	if (!out->list)
		return ERR_NOMEM;
	struct query q = stmt_query(tx->s, STMT_OUTBOX_NEXT);
	query_int(&q, (int64_t)ask->job.user);
	query_int(&q, ask->most_ops);
	while (out->count < ask->most_ops && query_row(&q))
		pending_read(&q, a, &out->list[out->count++]);
	return query_end(&q);
}

static void write_cursors(const struct replica_ask *ask, const struct upstream *u, struct buf *out)
{
	if (ask->limit == 0)
		return;
	buf_text(out, ",\"cursor\":");
	if (u->cursor.text[0])
		buf_json(out, str_from(u->cursor.text));
	else
		buf_text(out, "null");
	if (u->head.text[0]) {
		buf_text(out, ",\"head\":");
		buf_json(out, str_from(u->head.text));
	}
	buf_text(out, ",\"limit\":");
	buf_int(out, ask->limit);
}

static enum err write_ops(struct tx *tx, struct replica_ask *ask, const struct pending_list *waiting,
	struct buf *out, int64_t *last)
{
	struct arena *a = &ask->job.arena;
	enum err err = ERR_OK;
	buf_text(out, ",\"ops\":[");
	for (size_t i = 0; i < waiting->count && !err; i++) {
		const struct pending *p = &waiting->list[i];
		struct str key = STR("");
		if (p->kind != OP_CLEAR)
			err = key_of(tx, p, a, &key);
		/* A key's bytes may become six each in JSON. */
		size_t most = p->registers.len + 6 * (key.len + p->session.len) + ASK_OP_BYTES;
		if (i && out->len + most > ask->most_bytes)
			break;
		if (i)
			buf_char(out, ',');
		write_op(tx, p, key, out);
		*last = p->n;
		ask->ops++;
	}
	buf_text(out, "]}");
	return err;
}

static enum err mark_sent(struct tx *tx, uint64_t user, int64_t last)
{
	if (last == 0)
		return ERR_OK;
	struct query q = stmt_query(tx->s, STMT_OUTBOX_SENT);
	query_int(&q, (int64_t)user);
	query_int(&q, last);
	return query_run(&q);
}

static enum err ask_run(struct tx *tx, struct job *job)
{
	struct replica_ask *ask = (struct replica_ask *)job;
	struct arena *a = &job->arena;
	struct pending_list waiting;
	struct work w;
	int64_t last = 0;
	ask->ops = 0;
	enum err err = work_begin(tx, job->user, a, 0, &w);
	if (!err && !w.upstream.known)
		err = ERR_NOT_FOUND;
	if (!err)
		err = read_waiting(tx, ask, a, &waiting);
	if (err)
		return err;
	struct buf body = buf_make(ask->most_bytes + ASK_ARENA / 2);
	buf_text(&body, "{\"now\":");
	buf_int(&body, w.received);
	write_cursors(ask, &w.upstream, &body);
	err = write_ops(tx, ask, &waiting, &body, &last);
	if (!err && !(buf_ok(&body) && arena_str(a, buf_str(&body), &ask->body)))
		err = ERR_NOMEM;
	buf_free(&body);
	if (!err)
		err = mark_sent(tx, job->user, last);
	w.upstream.round++;
	ask->asked = (struct replica_round){
		.cursor = w.upstream.cursor, .number = w.upstream.round, .pushes_only = ask->limit == 0};
	ask->last_n = w.upstream.next_n - 1;
	return err ? err : upstream_save(tx->s, job->user, &w.upstream);
}

struct replica_ask *replica_ask_make(uint64_t user)
{
	struct replica_ask *ask = job_make(sizeof *ask, ask_run, ASK_ARENA);
	if (ask)
		ask->job.user = user;
	return ask;
}

/* --- linking --- */

/* Ids of items are a hash under the account's key, which is the upstream's from now on. */
static enum err rekey(struct tx *tx, struct work *w, const unsigned char id_key[ID_KEY_SIZE])
{
	static const enum stmt_id ids[COLLECTION_COUNT] = {STMT_WATCHLIST_OID, STMT_PROGRESS_OID};
	enum err err = ERR_OK;
	if (memcmp(w->account.id_key, id_key, ID_KEY_SIZE) == 0)
		return ERR_OK;
	memcpy(w->account.id_key, id_key, ID_KEY_SIZE);
	for (int c = 0; c < COLLECTION_COUNT && !err; c++) {
		struct giving_page page = giving_first(w->account.user, (enum collection)c);
		while (!(err = giving_next(tx, &page)) && page.count) {
			for (size_t i = 0; i < page.count && !err; i++) {
				const struct item *it = &page.items[i];
				unsigned char oid[OID_SIZE];
				item_oid(id_key, it->collection, it->key, oid);
				struct query q = stmt_query(tx->s, ids[c]);
				query_blob(&q, oid, OID_SIZE);
				query_int(&q, it->id);
				err = query_run(&q);
			}
			if (err)
				break;
		}
		giving_end(&page);
	}
	return err;
}

static enum err link_run(struct tx *tx, struct job *job)
{
	struct replica_link *link = (struct replica_link *)job;
	struct work w;
	enum err err = work_begin(tx, job->user, &job->arena, 0, &w);
	if (!err)
		err = rekey(tx, &w, link->id_key);
	if (!err)
		err = giving_all(tx, &w);
	if (err)
		return err;
	memcpy(w.upstream.server, link->server, sizeof w.upstream.server);
	w.upstream.server[sizeof w.upstream.server - 1] = '\0';
	w.force = true;
	tx->linked = true;
	return work_end(tx, &w);
}

struct replica_link *replica_link_make(uint64_t user)
{
	struct replica_link *link = job_make(sizeof *link, link_run, GIVING_ARENA);
	if (link)
		link->job.user = user;
	return link;
}

static enum err rekey_run(struct tx *tx, struct job *job)
{
	struct work w;
	enum err err = work_begin(tx, job->user, &job->arena, 0, &w);
	if (err || memcmp(w.account.id_key, ((struct replica_rekey *)job)->id_key, ID_KEY_SIZE) == 0)
		return err;
	err = rekey(tx, &w, ((struct replica_rekey *)job)->id_key);
	w.force = true;
	return err ? err : work_end(tx, &w);
}

struct replica_rekey *replica_rekey_make(uint64_t user)
{
	struct replica_rekey *r = job_make(sizeof *r, rekey_run, ASK_ARENA);
	if (r)
		r->job.user = user;
	return r;
}

/* --- numbering anew --- */

static enum err renumber_run(struct tx *tx, struct job *job)
{
	struct upstream u;
	enum err err = upstream_load(tx->s, job->user, &u);
	if (err || !u.known)
		return err ? err : ERR_NOT_FOUND;
	u.next_n = 1;
	u.round++;
	err = giving_again(tx, job->user, &job->arena, &u);
	return err ? err : upstream_save(tx->s, job->user, &u);
}

struct replica_renumber *replica_renumber_make(uint64_t user)
{
	struct replica_renumber *r = job_make(sizeof *r, renumber_run, GIVING_ARENA);
	if (r)
		r->job.user = user;
	return r;
}

/* --- state --- */

enum err replica_state(struct reader *reader, uint64_t user, struct replica_state *out)
{
	struct upstream u;
	struct replica_state state = {.waiting = 0};
	enum err err = upstream_load(&reader->statements, user, &u);
	if (err || !u.known)
		return err ? err : ERR_NOT_FOUND;
	memcpy(state.server, u.server, sizeof state.server);
	state.cursor = u.cursor;
	struct query q = stmt_query(&reader->statements, STMT_OUTBOX_COUNT);
	query_int(&q, (int64_t)user);
	if (query_row(&q)) {
		state.rejected = query_get_int(&q, 1);
		state.waiting = query_get_int(&q, 0) - state.rejected;
	}
	err = query_end(&q);
	if (!err)
		*out = state;
	return err;
}
