/* `sync` frames: the exchange of sync-protocol.md section 6. One at a time on a connection. */
#include <stdlib.h>

#include "daemon/live_conn.h"
#include "daemon/syncing.h"

struct live_syncing {
	struct syncing s;
	struct live *l;
	int64_t id;
	json_t *json; /* owned */
};

static void let_go(struct live_syncing *own)
{
	struct live *l = own->l;
	syncing_free(&own->s);
	json_decref(own->json);
	free(own);
	live_hold(l, HOLD_BUSY, false);
	live_end_work(l);
}

static void dropped(struct task *task)
{
	let_go((struct live_syncing *)task);
}

static void answer(struct live *l, const struct live_syncing *own)
{
	const struct syncing *s = &own->s;
	const struct exchange_job *x = s->x;
	struct buf *out = live_begin(l->lives, "synced");
	buf_text(out, ",\"id\":");
	buf_int(out, own->id);
	buf_char(out, ',');
	buf_add_str(out, buf_str(&s->data));
	live_queue(l);
	if (x->job.moved.to)
		live_told(l, x->job.moved, &x->head, x->told, x->told_count);
}

static void synced(struct syncing *s)
{
	struct live_syncing *own = s->context;
	struct live *l = own->l;
	switch (s->outcome) {
	case SYNCING_DONE:
		answer(l, own);
		break;
	case SYNCING_BAD_JSON:
		live_refuse(l, own->id, "invalid_json", s->wrong, NULL);
		break;
	case SYNCING_FAULT: {
		struct faults faults = {.count = 0};
		fault_add(&faults, s->fault.path, s->fault.message);
		live_refuse(l, own->id, s->fault.code ? s->fault.code : "validation_failed",
			"Validation failed", &faults);
		break;
	}
	case SYNCING_FORKED:
		live_refuse(l, own->id, "device_forked",
			"Another device uses this identity. Get a new one (POST /api/auth/refresh with "
			"newDevice) "
			"and push again",
			NULL);
		break;
	case SYNCING_FAILED:
		live_refuse_err(l, own->id, s->err);
		break;
	}
	let_go(own);
}

void live_sync(struct live *l, int64_t id, json_t *json)
{
	struct live_syncing *own = calloc(1, sizeof *own);
	if (!own) {
		live_refuse_err(l, id, ERR_NOMEM);
		json_decref(json);
		return;
	}
	own->l = l;
	own->id = id;
	own->json = json;
	own->s.app = l->lives->app;
	own->s.who = l->who;
	own->s.json = json;
	own->s.most_ops = LIMIT_LIVE_OPS;
	own->s.most_items = LIVE_PULL_LIMIT;
	own->s.most_bytes = LIVE_PULL_BYTES;
	own->s.done = synced;
	own->s.context = own;
	own->s.task.drop = dropped;
	live_hold(l, HOLD_BUSY, true);
	if (l->under_way)
		l->parked = own;
	else
		live_sync_begin(own);
}

void live_sync_begin(struct live_syncing *own)
{
	live_begin_work(own->l);
	syncing_start(&own->s);
}

void live_sync_forget(struct live_syncing *own)
{
	if (!own)
		return;
	json_decref(own->json);
	free(own);
}
