/* /api/watchlist. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/answer.h"
#include "daemon/api.h"
#include "daemon/app.h"
#include "daemon/fields.h"
#include "sync/query.h"
#include "sync/view.h"

enum { COUNT_MAX = 1000000, PAGE_MAX = 1000000000, LIMIT_MAX = 100, LIMIT_DEFAULT = 20 };

#define NOT_FOUND "Watchlist item not found"

/* --- list --- */

struct listing {
	struct task task;
	struct request *r;
	struct watchlist_page page;
	struct buf body;
	enum err err;
};

static void listing_read(struct listing *l, struct reader *reader)
{
	l->body = answer_begin();
	l->err = query_watchlist(reader, l->r->who.user, l->r->who.oid, &l->page, &l->body);
}

static void listing_reply(struct listing *l)
{
	const struct watchlist_page *p = &l->page;
	if (l->err) {
		buf_free(&l->body);
		if (l->err == ERR_NOT_FOUND)
			reply_error(l->r, 401, "User not found", NULL);
		else
			reply_err(l->r, l->err);
		return;
	}
	/* The whole list is page 1 of 1. */
	int64_t limit = p->limit ? p->limit : p->total ? p->total : 1;
	int64_t pages = (p->total + limit - 1) / limit;
	buf_fmt(&l->body, ",\"pagination\":{\"page\":%lld,\"limit\":%lld,\"total\":%lld,\"pages\":%lld}",
		(long long)p->page, (long long)limit, (long long)p->total, (long long)pages);
	answer_end(l->r, 200, &l->body);
}

static void listing_run(struct task *task)
{
	struct listing *l = (struct listing *)task;
	listing_read(l, l->r->app->big_reader);
}

static void listing_done(struct task *task)
{
	listing_reply((struct listing *)task);
}

void api_watchlist(struct request *r)
{
	struct faults faults = {.count = 0};
	struct listing *l = arena_alloc(&r->arena, sizeof *l);
	if (!l) {
		reply_err(r, ERR_NOMEM);
		return;
	}
	l->r = r;
	l->page = (struct watchlist_page){.status = -1, .page = 1, .limit = LIMIT_DEFAULT};
	bool paged = query_int_clamped(r, "page", 1, PAGE_MAX, &faults, &l->page.page);
	bool limited = query_int_clamped(r, "limit", 1, LIMIT_MAX, &faults, &l->page.limit);
	/* Without both, the operator's default: 0 is the whole list, for clients that never page. */
	if (!limited && (!paged || r->app->config.watchlist_page_default))
		l->page.limit = r->app->config.watchlist_page_default;
	const struct query_param *status = request_query(r, "status");
	if (status) {
		l->page.status = status_index(status->value);
		if (l->page.status < 0)
			fault_add(&faults, "status", "Invalid status");
	}
	if (faults.count) {
		reply_faults(r, &faults);
		return;
	}
	if (l->page.limit && l->page.page * l->page.limit <= LIMIT_READ_ROWS) {
		listing_read(l, r->app->reader);
		listing_reply(l);
		return;
	}
	l->task.run = listing_run;
	l->task.done = listing_done;
	if (!workers_submit(r->app->workers, LANE_READ, &l->task))
		reply_err(r, ERR_BUSY);
}

/* --- stats, check --- */

/* "8.4": two decimals at most, trailing zeros dropped; "0" when nothing is rated (design.md section 5). */
static void average_text(const struct watchlist_stats *s, char out[32])
{
	if (s->rated == 0) {
		memcpy(out, "0", 2);
		return;
	}
	int64_t hundredths = (200 * s->rating_sum + s->rated) / (2 * s->rated);
	(void)snprintf(out, 32, "%lld.%02lld", (long long)(hundredths / 100), (long long)(hundredths % 100));
	size_t len = strlen(out);
	while (out[len - 1] == '0')
		out[--len] = '\0';
	if (out[len - 1] == '.')
		out[len - 1] = '\0';
}

void api_watchlist_stats(struct request *r)
{
	struct watchlist_stats s;
	char average[32];
	enum err err = query_watchlist_stats(r->app->reader, r->who.user, &s);
	if (err) {
		reply_err(r, err);
		return;
	}
	average_text(&s, average);
	struct buf b = answer_begin();
	buf_fmt(&b, "{\"total\":%lld", (long long)s.total);
	for (int i = 0; i < STATUS_COUNT; i++)
		buf_fmt(&b, ",\"%s\":%lld", status_names[i], (long long)s.statuses[i]);
	buf_fmt(&b, ",\"averageRating\":\"%s\"}", average);
	answer_end(r, 200, &b);
}

void api_watchlist_check(struct request *r)
{
	struct buf item = buf_make(LIMIT_RESPONSE);
	enum err err = key_valid(r->param[0]) ? query_item(r->app->reader, r->who.user, r->who.oid,
							COLLECTION_WATCHLIST, r->param[0], &item)
					      : ERR_NOT_FOUND;
	if (err && err != ERR_NOT_FOUND) {
		buf_free(&item);
		reply_err(r, err);
		return;
	}
	struct buf b = answer_begin();
	buf_text(&b, err ? "{\"inWatchlist\":false,\"item\":null" : "{\"inWatchlist\":true,\"item\":");
	if (!err)
		buf_add_str(&b, buf_str(&item));
	if (!buf_ok(&item))
		b.failed = true;
	buf_char(&b, '}');
	buf_free(&item);
	answer_end(r, 200, &b);
}

/* --- writes --- */

static void item_changed(struct job *job)
{
	struct request *r = job->context;
	if (answer_failed(r, job))
		return;
	answer_item(r, (struct apply *)job, r->method == METHOD_POST ? 201 : 200, NOT_FOUND);
}

static void item_removed(struct job *job)
{
	struct request *r = job->context;
	struct apply *a = (struct apply *)job;
	if (answer_failed(r, job))
		return;
	if (a->results[0].refusal == REFUSED_NOT) {
		job_free(job);
		reply_message(r, "Removed from watchlist");
		return;
	}
	answer_item(r, a, 200, NOT_FOUND);
}

static void set_present(struct op *op, enum reg reg, enum field_state state)
{
	if (state == FIELD_GOOD)
		op->present |= 1u << reg;
}

/* status, rating, episodesWatched and notes: what both routes take. */
static void edit_fields(struct request *r, struct op *op, struct faults *faults)
{
	static const char bad_rating[] = "Rating must be between 1 and 10";
	struct value *v = op->values;
	if (field_text(r->json, "status", 32, "Invalid status", faults, &v[REG_STATUS].f[0].s) ==
		FIELD_GOOD) {
		if (status_index(v[REG_STATUS].f[0].s) < 0)
			fault_add(faults, "status", "Invalid status");
		op->present |= 1u << REG_STATUS;
	}
	set_present(op, REG_RATING,
		field_int(r->json, "rating", 1, 10, bad_rating, faults, &v[REG_RATING].f[0].i));
	set_present(op, REG_WATCHED,
		field_int(r->json, "episodesWatched", 0, COUNT_MAX,
			"Episodes watched must be a positive number", faults, &v[REG_WATCHED].f[0].i));
	set_present(op, REG_NOTES,
		field_text(r->json, "notes", 500, "Notes must be a text of at most 500 characters", faults,
			&v[REG_NOTES].f[0].s));
	if (!field_is_null(r->json, "rating"))
		return;
	if (r->method == METHOD_POST) {
		fault_add(faults, "rating", bad_rating);
	} else {
		v[REG_RATING].f[0].null = true;
		op->present |= 1u << REG_RATING;
	}
}

static void finish(
	struct request *r, struct apply *a, const struct faults *faults, void (*done)(struct job *))
{
	if (faults->count) {
		job_free(&a->job);
		reply_faults(r, faults);
		return;
	}
	(void)answer_submit(r, &a->job, done);
}

void api_watchlist_add(struct request *r)
{
	struct faults faults = {.count = 0};
	struct op *op = NULL;
	struct apply *a = answer_apply(r, OP_SET, COLLECTION_WATCHLIST, STR(""), &op);
	if (!a)
		return;
	/* Adding writes every register, defaults included (sync-protocol.md section 4, rule 4). */
	for (int reg = 0; reg < REG_COUNT; reg++) {
		if (!register_of((enum reg)reg, COLLECTION_WATCHLIST))
			continue;
		op->values[reg] = value_default((enum reg)reg);
		op->present |= 1u << reg;
	}
	(void)field_anime_id(r->json, &r->arena, &faults, &op->key);
	struct str *title = &op->values[REG_TITLE].f[0].s;
	size_t before = faults.count;
	(void)field_text(r->json, "animeTitle", 300, "Anime title must be a text of at most 300 characters",
		&faults, title);
	if (faults.count == before && str_trim(*title).len == 0)
		fault_add(&faults, "animeTitle", "Anime title is required");
	(void)field_text(r->json, "animeImage", 2048, "Anime image must be a text of at most 2048 characters",
		&faults, &op->values[REG_IMAGE].f[0].s);
	(void)field_int(r->json, "totalEpisodes", 0, COUNT_MAX, "Total episodes must be a positive number",
		&faults, &op->values[REG_TOTAL].f[0].i);
	edit_fields(r, op, &faults);
	if (json_object_get(r->json, "rating"))
		op->values[REG_RATING].f[0].null = false;
	op->need = NEED_ABSENT;
	finish(r, a, &faults, item_changed);
}

/* The op on the item that the path names by its _id; NULL after 404 (or 500) was answered. */
static struct apply *by_id(struct request *r, enum op_kind kind, struct op **op)
{
	unsigned char oid[OID_SIZE];
	if (!str_hex(r->param[0], oid, sizeof oid)) {
		reply_error(r, 404, NOT_FOUND, NULL);
		return NULL;
	}
	struct apply *a = answer_apply(r, kind, COLLECTION_WATCHLIST, STR(""), op);
	if (!a)
		return NULL;
	(*op)->by_oid = true;
	memcpy((*op)->oid, oid, sizeof oid);
	(*op)->need = NEED_PRESENT;
	return a;
}

void api_watchlist_update(struct request *r)
{
	struct faults faults = {.count = 0};
	struct op *op = NULL;
	struct apply *a = by_id(r, OP_SET, &op);
	if (!a)
		return;
	edit_fields(r, op, &faults);
	finish(r, a, &faults, item_changed);
}

void api_watchlist_delete(struct request *r)
{
	struct op *op = NULL;
	struct apply *a = by_id(r, OP_DELETE, &op);
	if (a)
		(void)answer_submit(r, &a->job, item_removed);
}
