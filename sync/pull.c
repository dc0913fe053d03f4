/* The delta since a cursor: items of both collections and those outside the indexes, merged by seq, cut
 * between two pushes. */
#include <stdlib.h>
#include <string.h>

#include "sync/below.h"
#include "sync/epoch.h"
#include "sync/exchange.h"
#include "sync/reader.h"
#include "sync/tx.h"

/* A few more than there are, should an older version have left them. */
enum { OUTSIDE_READ = OUTSIDE_MOST + 8, ROW_ARENA = 1024 * 1024, SOURCES = 3 };

/* One of the streams that are merged: its next item, if it has one. */
struct source {
	enum collection collection;
	struct query q;
	struct arena arena;
	struct item item;
	bool has;
};

struct outside_items {
	struct item *items[OUTSIDE_READ];
	size_t count;
	size_t next;
};

/* Where an item's text begins in the answer. */
struct mark {
	size_t offset;
	int64_t seq;
	int64_t push;
};

struct reading {
	struct account account;
	struct upstream upstream;
	struct pull *pull;
	struct source sources[COLLECTION_COUNT];
	struct outside_items *outside;
	struct arena arena;
	struct mark *marks;
	size_t count;
	bool more;
};

static void advance(struct source *s)
{
	arena_reset(&s->arena);
	s->has = query_row(&s->q);
	if (s->has)
		item_read(&s->q, s->collection, &s->arena, &s->item);
}

static int by_seq(const void *a, const void *b)
{
	const struct item *left = *(struct item *const *)a;
	const struct item *right = *(struct item *const *)b;
	return left->seq < right->seq ? -1 : left->seq > right->seq;
}

static enum err read_outside(struct reader *reader, struct reading *r, int64_t since)
{
	struct query q = stmt_query(&reader->statements, STMT_PROGRESS_OUTSIDE);
	query_int(&q, (int64_t)r->account.user);
	query_int(&q, since);
	while (r->outside->count < OUTSIDE_READ && query_row(&q)) {
		struct item *it = arena_alloc(&r->arena, sizeof *it);
		if (!it) {
			q.err = ERR_NOMEM;
			break;
		}
		item_read(&q, COLLECTION_PROGRESS, &r->arena, it);
		r->outside->items[r->outside->count++] = it;
	}
	qsort(r->outside->items, r->outside->count, sizeof(struct item *), by_seq);
	return query_end(&q);
}

static const struct item *outside_next(const struct reading *r)
{
	return r->outside->next < r->outside->count ? r->outside->items[r->outside->next] : NULL;
}

/* The item with the smallest seq; NULL at the end. */
static const struct item *smallest(const struct reading *r)
{
	const struct item *best = outside_next(r);
	for (int c = 0; c < COLLECTION_COUNT; c++)
		if (r->sources[c].has && (!best || r->sources[c].item.seq < best->seq))
			best = &r->sources[c].item;
	return best;
}

static void drop(struct reading *r, const struct item *it)
{
	if (it == outside_next(r)) {
		r->outside->next++;
		return;
	}
	for (int c = 0; c < COLLECTION_COUNT; c++)
		if (it == &r->sources[c].item)
			advance(&r->sources[c]);
}

/* Its own push's results have told everything, and nothing has happened since. */
static bool was_told(const struct pull *p, const struct item *it)
{
	size_t low = 0;
	size_t high = p->told_count;
	while (low < high) {
		size_t mid = (low + high) / 2;
		const struct told *t = &p->told[mid];
		if (t->collection == it->collection && t->item == it->id)
			return !p->from_zero && t->before <= p->since && t->after == it->seq;
		if (t->collection < it->collection || (t->collection == it->collection && t->item < it->id))
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

/* Takes back what belongs to a push that the page does not hold whole, unless it holds nothing else. */
static int64_t cut(struct reading *r, int64_t next_push, struct buf *out)
{
	size_t keep = r->count;
	while (keep > 0 && r->marks[keep - 1].push == next_push)
		keep--;
	if (keep == 0)
		return r->marks[r->count - 1].seq;
	if (keep < r->count) {
		out->len = r->marks[keep].offset;
		out->ptr[out->len] = '\0';
		r->count = keep;
	}
	return r->marks[keep - 1].push;
}

/* Writes the page; returns the seq that it covers. */
static int64_t write_page(struct reading *r, struct buf *out)
{
	const struct pull *p = r->pull;
	size_t begin = out->len;
	const struct item *it = NULL;
	while (buf_ok(out) && (it = smallest(r)) && it->seq <= p->head.seq) {
		if (was_told(p, it)) {
			drop(r, it);
			continue;
		}
		if (r->count == p->limit) {
			r->more = true;
			return cut(r, it->push, out);
		}
		struct mark mark = {out->len, it->seq, it->push};
		if (r->count)
			buf_char(out, ',');
		wire_item(out, it, r->account.cleared[it->collection], r->upstream.known);
		if (buf_ok(out) && r->count && out->len - begin > p->bytes) {
			out->len = mark.offset;
			out->ptr[out->len] = '\0';
			r->more = true;
			return cut(r, it->push, out);
		}
		r->marks[r->count++] = mark;
		drop(r, it);
	}
	return p->head.seq;
}

static enum err open_sources(struct reader *reader, struct reading *r)
{
	static const enum stmt_id ids[COLLECTION_COUNT] = {STMT_WATCHLIST_SINCE, STMT_PROGRESS_SINCE};
	const struct pull *p = r->pull;
	int64_t since = p->from_zero ? -1 : p->since;
	for (int c = 0; c < COLLECTION_COUNT; c++) {
		struct source *s = &r->sources[c];
		s->collection = (enum collection)c;
		s->arena = arena_make(ROW_ARENA);
		s->q = stmt_query(&reader->statements, ids[c]);
		query_int(&s->q, (int64_t)r->account.user);
		query_int(&s->q, since);
		/* One more than the page holds, to see whether a push goes on. */
		query_int(&s->q, (int64_t)p->limit + (int64_t)p->told_count + 1);
		advance(s);
	}
	r->arena = arena_make(OUTSIDE_READ * (size_t)ROW_ARENA);
	r->outside = arena_alloc(&r->arena, sizeof *r->outside);
	r->marks = arena_alloc(&r->arena, (p->limit + 1) * sizeof *r->marks);
	if (!r->outside || !r->marks)
		return ERR_NOMEM;
	return read_outside(reader, r, since);
}

static enum err read_page(struct reader *reader, struct reading *r, struct buf *out)
{
	buf_text(out, "\"items\":[");
	r->pull->cursor = r->pull->head;
	enum err err = ERR_OK;
	if (!r->pull->nothing) {
		err = open_sources(reader, r);
		if (!err)
			r->pull->cursor.seq = write_page(r, out);
		for (int c = 0; c < COLLECTION_COUNT; c++) {
			enum err end = query_end(&r->sources[c].q);
			err = err ? err : end;
			arena_free(&r->sources[c].arena);
		}
		arena_free(&r->arena);
	}
	buf_text(out, "],\"cleared\":");
	wire_cleared(out, r->account.cleared);
	r->pull->more = r->more;
	r->pull->items = r->count;
	return err;
}

/* The user's stamp clock, as the store would read it. */
static int64_t reader_time(struct reader *reader, const struct account *a, struct now now)
{
	struct stamp_clock clock = a->clock;
	(void)wall_look(&reader->wall, now);
	return stamp_clock_now(&clock, &reader->wall, now, memcmp(a->boot, reader->boot, BOOT_SIZE) == 0);
}

enum err exchange_pull(
	struct reader *reader, uint64_t user, struct now now, struct pull *pull, struct buf *out)
{
	struct reading r = {.pull = pull};
	enum err err = snapshot_begin(reader);
	if (err)
		return err;
	err = account_load(&reader->statements, user, &r.account);
	if (!err) {
		pull->now_ms = reader_time(reader, &r.account, now);
		memcpy(pull->head.epoch, r.account.epoch, sizeof pull->head.epoch);
		pull->head.seq = pull->upto && pull->upto < r.account.head ? pull->upto : r.account.head;
		memcpy(pull->cleared, r.account.cleared, sizeof pull->cleared);
		err = upstream_load(&reader->statements, user, &r.upstream);
		if (!err)
			err = read_page(reader, &r, out);
	}
	err = snapshot_end(reader, err);
	return !err && !buf_ok(out) ? ERR_NOMEM : err;
}

static struct pull pull_of(const struct exchange_in *in, int64_t head)
{
	struct pull pull = {.nothing = in->kind == CURSOR_ABSENT,
		.from_zero = in->kind == CURSOR_NULL,
		.since = in->kind == CURSOR_GIVEN ? in->cursor.seq : 0,
		.limit = in->limit,
		.bytes = PULL_BYTES};
	pull.backlog = pull.nothing ? 0 : head - pull.since;
	return pull;
}

static void ask_from_zero(struct pull *pull, int64_t head)
{
	pull->from_zero = true;
	pull->nothing = false;
	pull->backlog = head;
}

struct pull exchange_pull_after(const struct exchange_job *x)
{
	struct pull pull = pull_of(&x->in, x->head.seq);
	pull.told = x->told;
	pull.told_count = x->told_count;
	if (x->offer)
		ask_from_zero(&pull, x->head.seq);
	return pull;
}

static enum err judge(
	struct reader *reader, const struct account *a, const struct cursor *c, bool *offer, bool *reads)
{
	enum epoch_verdict verdict = EPOCH_GOOD;
	enum err err = epoch_judge(&reader->statements, a, c, &verdict);
	*offer |= verdict != EPOCH_GOOD;
	*reads &= verdict != EPOCH_LOST_NEW;
	return err;
}

static enum err read_ack(struct reader *reader, struct exchange_job *x)
{
	struct query q = stmt_query(&reader->statements, STMT_SENDER_GET);
	query_int(&q, (int64_t)x->job.user);
	query_device(&q, x->device);
	x->ack = query_row(&q) ? query_get_int(&q, 0) : 0;
	return query_end(&q);
}

enum err exchange_reads(struct reader *reader, struct exchange_job *x, struct pull *pull, bool *reads)
{
	struct account a;
	const struct exchange_in *in = &x->in;
	x->offer = false;
	*reads = in->count == 0;
	if (!*reads)
		return ERR_OK;
	enum err err = snapshot_begin(reader);
	if (err)
		return err;
	err = account_load(&reader->statements, x->job.user, &a);
	if (!err && in->kind == CURSOR_GIVEN)
		err = judge(reader, &a, &in->cursor, &x->offer, reads);
	if (!err && in->has_head)
		err = judge(reader, &a, &in->head, &x->offer, reads);
	if (!err)
		err = read_ack(reader, x);
	err = snapshot_end(reader, err);
	if (err)
		return err;
	*pull = pull_of(in, a.head);
	if (x->offer)
		ask_from_zero(pull, a.head);
	return ERR_OK;
}
