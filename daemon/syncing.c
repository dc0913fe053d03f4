#include "daemon/syncing.h"

#include "daemon/app.h"
#include "daemon/limits.h"
#include "daemon/router_json.h"

static void end(struct syncing *s, enum syncing_outcome outcome, enum err err)
{
	s->outcome = outcome;
	s->err = err;
	s->done(s);
}

/* --- the delta --- */

static void read_delta(struct syncing *s, struct reader *reader)
{
	const struct exchange_job *x = s->x;
	struct buf *out = &s->data;
	struct buf items = buf_make(LIMIT_RESPONSE);
	s->err = exchange_pull(reader, s->who.user, loop_now(), &s->pull, &items);
	*out = buf_make(LIMIT_RESPONSE);
	buf_text(out, "\"now\":");
	buf_int(out, s->reads ? s->pull.now_ms : x->now_ms);
	buf_text(out, ",\"ack\":");
	buf_int(out, x->ack);
	buf_text(out, ",\"results\":");
	buf_add_str(out, s->reads ? STR("[]") : x->results);
	buf_char(out, ',');
	buf_add_str(out, buf_str(&items));
	buf_text(out, ",\"cursor\":");
	cursor_json(out, &s->pull.cursor);
	buf_text(out, ",\"head\":");
	cursor_json(out, &s->pull.head);
	buf_text(out, ",\"server\":");
	buf_json(out, str_from(store_identity(s->app->store)));
	buf_text(out, s->pull.more ? ",\"more\":true" : ",\"more\":false");
	if (x->offer)
		buf_text(out, ",\"offer\":true");
	buf_free(&items);
	if (!s->err && !buf_ok(out))
		s->err = ERR_NOMEM;
}

static void delta_done(struct task *task)
{
	struct syncing *s = (struct syncing *)task;
	end(s, s->err ? SYNCING_FAILED : SYNCING_DONE, s->err);
}

static void delta_run(struct task *task)
{
	struct syncing *s = (struct syncing *)task;
	read_delta(s, s->app->big_reader);
}

static void delta(struct syncing *s)
{
	if (s->pull.limit > s->most_items)
		s->pull.limit = s->most_items;
	if (s->pull.bytes > s->most_bytes)
		s->pull.bytes = s->most_bytes;
	if (s->pull.backlog <= LIMIT_DELTA_ROWS) {
		read_delta(s, s->app->reader);
		delta_done(&s->task);
		return;
	}
	s->task.run = delta_run;
	s->task.done = delta_done;
	if (!workers_submit(s->app->workers, LANE_READ, &s->task))
		end(s, SYNCING_FAILED, ERR_BUSY);
}

/* --- the push --- */

static void pushed(struct job *job)
{
	struct syncing *s = job->context;
	if (job->err) {
		end(s, SYNCING_FAILED, job->err);
	} else if (s->x->forked) {
		end(s, SYNCING_FORKED, ERR_OK);
	} else {
		s->pull = exchange_pull_after(s->x);
		delta(s);
	}
}

static void go_on(struct syncing *s)
{
	struct exchange_job *x = s->x;
	enum err err = exchange_reads(s->app->reader, x, &s->pull, &s->reads);
	if (err) {
		end(s, SYNCING_FAILED, err);
	} else if (s->reads) {
		delta(s);
	} else {
		exchange_job_weigh(x);
		x->job.context = s;
		x->job.done = pushed;
		if (!writer_submit(s->app->writer, &x->job))
			end(s, SYNCING_FAILED, ERR_BUSY);
	}
}

/* --- reading what came --- */

static void read_push(struct syncing *s, const json_t *json)
{
	s->err = wire_exchange(json, s->most_ops, &s->x->job.arena, &s->x->in, &s->fault);
	s->outcome = s->err == ERR_INVALID ? SYNCING_FAULT : s->err ? SYNCING_FAILED : SYNCING_DONE;
}

static void parse(struct syncing *s)
{
	json_t *json = router_json(s->body, &s->wrong);
	if (!json) {
		s->outcome = SYNCING_BAD_JSON;
		return;
	}
	read_push(s, json);
	json_decref(json);
}

static void parsed(struct task *task)
{
	struct syncing *s = (struct syncing *)task;
	if (s->outcome == SYNCING_DONE)
		go_on(s);
	else
		s->done(s);
}

static void parse_run(struct task *task)
{
	parse((struct syncing *)task);
}

void syncing_start(struct syncing *s)
{
	s->x = exchange_job_make(s->who.user, s->who.device);
	if (!s->x) {
		end(s, SYNCING_FAILED, ERR_NOMEM);
	} else if (s->json) {
		read_push(s, s->json);
		parsed(&s->task);
	} else if (s->body.len <= LIMIT_BODY) {
		parse(s);
		parsed(&s->task);
	} else {
		s->task.run = parse_run;
		s->task.done = parsed;
		if (!workers_submit(s->app->workers, LANE_READ, &s->task))
			end(s, SYNCING_FAILED, ERR_BUSY);
	}
}

void syncing_free(struct syncing *s)
{
	if (s->x)
		job_free(&s->x->job);
	s->x = NULL;
	buf_free(&s->data);
}
