/* Frames that came: what each asks for, and acks of progress. A bad one is refused by itself. */
#include <stdlib.h>
#include <string.h>

#include "daemon/live_conn.h"
#include "daemon/progress_fields.h"
#include "daemon/router_json.h"
#include "sync/tick.h"
#include "sync/wire.h"

/* The largest whole number that every JSON reader keeps. */
static const json_int_t ID_MAX = 9007199254740991;

/* --- refusing --- */

void live_refuse(
	struct live *l, int64_t id, const char *code, const char *message, const struct faults *errors)
{
	struct buf *out = live_begin(l->lives, "error");
	l->lives->stats.errors++;
	if (id >= 0) {
		buf_text(out, ",\"id\":");
		buf_int(out, id);
	}
	buf_text(out, ",\"code\":");
	buf_json(out, str_from(code));
	buf_text(out, ",\"message\":");
	buf_json(out, str_from(message));
	if (errors) {
		buf_char(out, ',');
		faults_json(errors, out);
	}
	live_queue(l);
}

void live_refuse_err(struct live *l, int64_t id, enum err err)
{
	switch (err) {
	case ERR_BUSY:
		live_refuse(l, id, "busy", "The server is busy. Please try again in a moment", NULL);
		break;
	case ERR_DISK_FULL:
		live_refuse(l, id, "disk_full", "The server's disk is full. Nothing was saved", NULL);
		break;
	case ERR_NOT_FOUND: /* deleted while the frame was under way */
		live_end(l, END_DELETED);
		break;
	default:
		live_refuse(l, id, "failed", "Internal server error", NULL);
		break;
	}
}

/* --- progress --- */

struct ticking {
	struct live *l;
	int64_t id;
	json_t *json; /* owned: the op's strings live in it */
};

static void acknowledge(struct live *l, int64_t id, const struct tick *t)
{
	struct told told = told_of(&t->result);
	struct buf *out = live_begin(l->lives, "ack");
	l->lives->stats.acks++;
	buf_text(out, ",\"id\":");
	buf_int(out, id);
	buf_char(out, ',');
	buf_add_str(out, t->text);
	buf_text(out, ",\"head\":");
	cursor_json(out, &t->head);
	live_queue(l);
	live_told(l, t->job.moved, &t->head, &told, 1);
}

static void ticked(struct job *job)
{
	struct tick *t = (struct tick *)job;
	const struct ticking *own = job->context;
	struct live *l = own->l;
	if (job->err)
		live_refuse_err(l, own->id, job->err);
	else if (t->result.refusal != REFUSED_NOT)
		live_refuse(l, own->id, "too_many_items", reject_message(REJECT_TOO_MANY), NULL);
	else
		acknowledge(l, own->id, t);
	json_decref(own->json);
	job_free(job);
	live_end_work(l);
}

/* Takes json over when it returns true; else the frame was refused. */
static bool progress(struct live *l, int64_t id, json_t *json)
{
	struct faults faults = {.count = 0};
	struct tick *t = tick_make(l->who.user);
	struct ticking *own = t ? arena_alloc(&t->job.arena, sizeof *own) : NULL;
	if (!own) {
		if (t)
			job_free(&t->job);
		live_refuse_err(l, id, ERR_NOMEM);
		return false;
	}
	t->op = op_make(OP_SET, COLLECTION_PROGRESS, STR(""), l->who.device);
	progress_fields(json, &t->job.arena, &t->op, &faults);
	*own = (struct ticking){l, id, json};
	t->job.context = own;
	t->job.done = ticked;
	if (faults.count) {
		live_refuse(l, id, "validation_failed", "Validation failed", &faults);
	} else if (!writer_submit(l->lives->app->writer, &t->job)) {
		live_refuse_err(l, id, ERR_BUSY);
	} else {
		live_begin_work(l);
		return true;
	}
	job_free(&t->job);
	return false;
}

/* --- any frame --- */

static int64_t id_of(const json_t *json)
{
	const json_t *id = json_object_get(json, "id");
	json_int_t value = json_is_integer(id) ? json_integer_value(id) : -1;
	return value > ID_MAX || value < 0 ? -1 : value;
}

/* Takes json over. */
static void take_object(struct live *l, json_t *json)
{
	const char *type = json_string_value(json_object_get(json, "type"));
	int64_t id = id_of(json);
	bool is_progress = type && strcmp(type, "progress") == 0;
	bool is_sync = type && strcmp(type, "sync") == 0;
	if (type && strcmp(type, "hello") == 0)
		live_hello(l, json);
	else if (!is_progress && !is_sync)
		live_refuse(l, id, "unknown_type", "type must be hello, progress or sync", NULL);
	else if (l->state != LIVE_OPEN)
		live_refuse(l, id, "hello_first", "Send hello before anything else", NULL);
	else if (id < 0)
		live_refuse(
			l, id, "invalid_id", "id must be a whole number from 0 to 9007199254740991", NULL);
	else if (is_sync) {
		live_sync(l, id, json);
		return;
	} else if (progress(l, id, json))
		return;
	json_decref(json);
}

static void take_parsed(struct live *l, json_t *json, const char *wrong)
{
	if (json)
		take_object(l, json);
	else
		live_refuse(l, -1, "invalid_json", wrong, NULL);
}

/* A large one is parsed elsewhere, and what follows it waits. */
struct parsing {
	struct task task;
	struct live *l;
	struct buf text;
	json_t *json;
	const char *wrong;
};

static void parse_run(struct task *task)
{
	struct parsing *p = (struct parsing *)task;
	p->json = router_json(buf_str(&p->text), &p->wrong);
}

static void parse_free(struct parsing *p)
{
	buf_free(&p->text);
	free(p);
}

static void parse_done(struct task *task)
{
	struct parsing *p = (struct parsing *)task;
	struct live *l = p->l;
	live_hold(l, HOLD_BUSY, false);
	if (l->wsi && l->state != LIVE_ENDING)
		take_parsed(l, p->json, p->wrong);
	else
		json_decref(p->json);
	parse_free(p);
	live_end_work(l);
}

static void parse_drop(struct task *task)
{
	struct parsing *p = (struct parsing *)task;
	struct live *l = p->l;
	parse_free(p);
	live_end_work(l);
}

static void parse_elsewhere(struct live *l, struct str text)
{
	struct parsing *p = calloc(1, sizeof *p);
	if (!p) {
		live_refuse_err(l, -1, ERR_NOMEM);
		return;
	}
	p->task = (struct task){.run = parse_run, .done = parse_done, .drop = parse_drop};
	p->l = l;
	p->text = buf_make(text.len);
	buf_add_str(&p->text, text);
	if (buf_ok(&p->text) && workers_submit(l->lives->app->workers, LANE_READ, &p->task)) {
		live_begin_work(l);
		live_hold(l, HOLD_BUSY, true);
		return;
	}
	live_refuse_err(l, -1, buf_ok(&p->text) ? ERR_BUSY : ERR_NOMEM);
	parse_free(p);
}

void live_frame(struct live *l, struct str text)
{
	const char *wrong = NULL;
	if (text.len > LIMIT_BODY) {
		parse_elsewhere(l, text);
		return;
	}
	json_t *json = router_json(text, &wrong);
	take_parsed(l, json, wrong);
}
