/* /api/continue-watching and /api/history. */
#include <string.h>

#include "daemon/answer.h"
#include "daemon/api.h"
#include "daemon/app.h"
#include "daemon/fields.h"
#include "sync/query.h"

enum { EPISODE_MAX = 1000000, LIMIT_MAX = 100, LIMIT_DEFAULT = 20 };
static const double TIME_MAX = 10000000;
/* Older than any time there is: a clock that is off by decades is still never refused. */
static const double AGE_MAX_MS = 9e18;

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

static void give(struct op *op, enum reg reg, size_t field, enum field_state state)
{
	if (state != FIELD_GOOD)
		return;
	op->present |= 1u << reg;
	op->partial[reg] |= 1u << field;
}

static void position_fields(struct request *r, struct op *op, struct faults *faults)
{
	static const char bad_episode[] = "Current episode must be at least 1";
	struct field *p = op->values[REG_POSITION].f;
	if (field_int(r, "currentEpisode", 1, EPISODE_MAX, bad_episode, faults, &p[POSITION_EPISODE].i) ==
		FIELD_ABSENT)
		fault_add(faults, "currentEpisode", bad_episode);
	give(op, REG_POSITION, POSITION_TIME,
		field_real(r, "currentTime", TIME_MAX, "Current time must be a positive number", faults,
			&p[POSITION_TIME].r));
	give(op, REG_POSITION, POSITION_DURATION,
		field_real(r, "duration", TIME_MAX, "Duration must be a positive number", faults,
			&p[POSITION_DURATION].r));
	op->present |= 1u << REG_POSITION | 1u << REG_OPENED;
	op->values[REG_OPENED].f[OPENED_EPISODE].i = p[POSITION_EPISODE].i;
}

static void opened_fields(struct request *r, struct op *op, struct faults *faults)
{
	struct field *o = op->values[REG_OPENED].f;
	give(op, REG_OPENED, OPENED_TITLE,
		field_text(r, "episodeTitle", 300, "Episode title must be a text of at most 300 characters",
			faults, &o[OPENED_TITLE].s));
	give(op, REG_OPENED, OPENED_ID,
		field_text(r, "episodeId", 300, "Episode ID must be a text of at most 300 characters", faults,
			&o[OPENED_ID].s));
	enum field_state dub =
		field_text(r, "dub", 3, "Dub must be either 'yes' or 'no'", faults, &o[OPENED_DUB].s);
	if (dub == FIELD_GOOD && !str_eq(o[OPENED_DUB].s, STR("yes")) && !str_eq(o[OPENED_DUB].s, STR("no")))
		fault_add(faults, "dub", "Dub must be either 'yes' or 'no'");
	give(op, REG_OPENED, OPENED_DUB, dub);
	give(op, REG_OPENED, OPENED_SERVER,
		field_text(r, "server", 300, "Server must be a string", faults, &o[OPENED_SERVER].s));
}

static void title_fields(struct request *r, struct op *op, struct faults *faults)
{
	struct str title = {NULL, 0};
	(void)field_anime_id(r, faults, &op->key);
	size_t after_id = faults->count;
	(void)field_text(
		r, "animeTitle", 300, "Anime title must be a text of at most 300 characters", faults, &title);
	if (faults->count == after_id && str_trim(title).len == 0)
		fault_add(faults, "animeTitle", "Anime title is required");
	op->values[REG_TITLE].f[0].s = title;
	op->present |= 1u << REG_TITLE;
	if (field_text(r, "animeImage", 2048, "Anime image must be a text of at most 2048 characters", faults,
		    &op->values[REG_IMAGE].f[0].s) == FIELD_GOOD)
		op->present |= 1u << REG_IMAGE;
}

/* What happened, and when: `event`, `session`, `age` in ms, `playing` in seconds (sync-protocol.md section
 * 4). */
static void event_fields(struct request *r, struct op *op, struct faults *faults)
{
	static const char bad_event[] = "Event must be one of open, heartbeat, pause, stop, seek, manual";
	static const char bad_session[] =
		"Session must be a text of at most 64 bytes without control characters";
	struct str event = {NULL, 0};
	double age = 0;
	double playing = 0;
	const struct field *p = op->values[REG_POSITION].f;
	unsigned given = op->partial[REG_POSITION];
	bool nowhere =
		!(given & 1u << POSITION_TIME) || (p[POSITION_TIME].r == 0 && p[POSITION_DURATION].r == 0);
	op->event = nowhere ? EVENT_OPEN : EVENT_MANUAL;
	if (field_text(r, "event", 16, bad_event, faults, &event) == FIELD_GOOD) {
		op->event = event_of(event);
		if (op->event == EVENT_NONE)
			fault_add(faults, "event", bad_event);
	}
	op->session = STR("");
	if (field_text(r, "session", SESSION_MAX, bad_session, faults, &op->session) == FIELD_GOOD &&
		(op->session.len > SESSION_MAX || str_has_control(op->session)))
		fault_add(faults, "session", bad_session);
	if (field_real(r, "age", AGE_MAX_MS, "Age must be a number of milliseconds", faults, &age) ==
		FIELD_GOOD)
		op->age_ms = (int64_t)age;
	if (field_real(r, "playing", TIME_MAX, "Playing must be a number of seconds", faults, &playing) ==
		FIELD_GOOD)
		op->playing_ms = (int64_t)(playing * 1000);
	if (op->event == EVENT_OPEN)
		op->present &= ~(1u << REG_POSITION);
}

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
	title_fields(r, op, &faults);
	position_fields(r, op, &faults);
	opened_fields(r, op, &faults);
	event_fields(r, op, &faults);
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
	if (field_int(r, "seq", 1, INT64_MAX, bad_seq, &faults, &seq) == FIELD_ABSENT)
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
