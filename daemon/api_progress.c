/* /api/continue-watching and /api/history. */
#include <string.h>

#include "daemon/answer.h"
#include "daemon/api.h"
#include "daemon/app.h"
#include "daemon/fields.h"
#include "daemon/progress_fields.h"
#include "sync/query.h"

enum { LIMIT_MAX = 100, LIMIT_DEFAULT = 20 };

#define NOT_FOUND "Progress not found"

/* --- reads --- */

void api_progress_list(struct request *r)
{
	struct faults faults = {.count = 0};
	int64_t limit = LIMIT_DEFAULT;
	int64_t count = 0;
	(void)query_int_clamped(r, "limit", 1, LIMIT_MAX, &faults, &limit);
	if (faults.count) {
		reply_faults(r, &faults);
		return;
	}
	struct buf b = answer_begin();
	enum err err = query_progress(r->app->reader, r->who.user, r->who.oid, limit, &b, &count);
	if (err) {
		buf_free(&b);
		reply_err(r, err);
		return;
	}
	buf_fmt(&b, ",\"count\":%lld", (long long)count);
	answer_end(r, 200, &b);
}

void api_progress_get(struct request *r)
{
	struct buf b = answer_begin();
	enum err err = key_valid(r->param[0]) ? query_item(r->app->reader, r->who.user, r->who.oid,
							COLLECTION_PROGRESS, r->param[0], &b)
					      : ERR_NOT_FOUND;
	if (!err) {
		answer_end(r, 200, &b);
		return;
	}
	buf_free(&b);
	if (err == ERR_NOT_FOUND)
		reply_error(r, 404, "No progress found for this anime", NULL);
	else
		reply_err(r, err);
}

/* --- update --- */

static void progress_changed(struct job *job)
{
	struct request *r = job->context;
	if (answer_failed(r, job))
		return;
	answer_item(r, (struct apply *)job, 200, NOT_FOUND);
}

void api_progress_update(struct request *r)
{
	struct faults faults = {.count = 0};
	struct op *op = NULL;
	struct apply *a = answer_apply(r, OP_SET, COLLECTION_PROGRESS, STR(""), &op);
	if (!a)
		return;
	progress_fields(r->json, &r->arena, op, &faults);
	if (faults.count) {
		job_free(&a->job);
		reply_faults(r, &faults);
		return;
	}
	(void)answer_submit(r, &a->job, progress_changed);
}

/* --- delete, clear --- */

static void progress_deleted(struct job *job)
{
	struct request *r = job->context;
	struct apply *a = (struct apply *)job;
	if (answer_failed(r, job))
		return;
	if (a->results[0].refusal == REFUSED_NOT) {
		job_free(job);
		reply_message(r, "Progress deleted successfully");
		return;
	}
	answer_item(r, a, 200, NOT_FOUND);
}

void api_progress_delete(struct request *r)
{
	struct op *op = NULL;
	if (!key_valid(r->param[0])) {
		reply_error(r, 404, NOT_FOUND, NULL);
		return;
	}
	struct apply *a = answer_apply(r, OP_DELETE, COLLECTION_PROGRESS, r->param[0], &op);
	if (!a)
		return;
	op->need = NEED_PRESENT;
	(void)answer_submit(r, &a->job, progress_deleted);
}

static void progress_cleared(struct job *job)
{
	struct request *r = job->context;
	if (answer_failed(r, job))
		return;
	job_free(job);
	reply_message(r, "All watch history cleared");
}

void api_progress_clear(struct request *r)
{
	struct op *op = NULL;
	struct apply *a = answer_apply(r, OP_CLEAR, COLLECTION_PROGRESS, STR(""), &op);
	if (a)
		(void)answer_submit(r, &a->job, progress_cleared);
}

/* --- history --- */

static bool collection_of(struct str name, enum collection *out)
{
	for (int c = 0; c < COLLECTION_COUNT; c++) {
		if (str_eq_fold(name, str_from(collection_names[c]))) {
			*out = (enum collection)c;
			return true;
		}
	}
	return false;
}

void api_history(struct request *r)
{
	enum collection collection = COLLECTION_WATCHLIST;
	if (!collection_of(r->param[0], &collection)) {
		reply_error(r, 404, "Unknown collection: use watchlist or progress", NULL);
		return;
	}
	struct buf b = answer_begin();
	enum err err = ERR_OK;
	if (key_valid(r->param[1]))
		err = query_history(r->app->reader, r->who.user, collection, r->param[1], &b);
	else
		buf_text(&b, "[]");
	if (err) {
		buf_free(&b);
		reply_err(r, err);
		return;
	}
	answer_end(r, 200, &b);
}

static void restored(struct job *job)
{
	struct request *r = job->context;
	if (answer_failed(r, job))
		return;
	answer_item(r, (struct apply *)job, 200, "No such history entry");
}

void api_history_restore(struct request *r)
{
	struct faults faults = {.count = 0};
	enum collection collection = COLLECTION_WATCHLIST;
	struct op *op = NULL;
	int64_t seq = 0;
	if (!collection_of(r->param[0], &collection)) {
		reply_error(r, 404, "Unknown collection: use watchlist or progress", NULL);
		return;
	}
	static const char bad_seq[] = "Seq must be the number of a history entry";
	if (field_int(r->json, "seq", 1, INT64_MAX, bad_seq, &faults, &seq) == FIELD_ABSENT)
		fault_add(&faults, "seq", bad_seq);
	if (faults.count) {
		reply_faults(r, &faults);
		return;
	}
	if (!key_valid(r->param[1])) {
		reply_error(r, 404, "No such history entry", NULL);
		return;
	}
	struct apply *a = answer_apply(r, OP_SET, collection, r->param[1], &op);
	if (!a)
		return;
	op->restore_seq = seq;
	(void)answer_submit(r, &a->job, restored);
}
