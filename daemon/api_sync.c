/* POST /api/sync. */
#include "daemon/answer.h"
#include "daemon/api.h"
#include "daemon/app.h"
#include "daemon/syncing.h"

static void answer_fault(struct request *r, const struct wire_fault *fault)
{
	struct faults faults = {.code = fault->code};
	fault_add(&faults, fault->path, fault->message);
	reply_faults(r, &faults);
}

static void answer_data(struct request *r, struct syncing *s)
{
	struct buf b = answer_begin();
	buf_char(&b, '{');
	buf_add_str(&b, buf_str(&s->data));
	buf_char(&b, '}');
	answer_end(r, 200, &b);
}

static void synced(struct syncing *s)
{
	struct request *r = s->context;
	struct syncing was = *s; /* it goes with the request */
	switch (was.outcome) {
	case SYNCING_DONE:
		answer_data(r, &was);
		break;
	case SYNCING_BAD_JSON:
		reply_error(r, 400, was.wrong, NULL);
		break;
	case SYNCING_FAULT:
		answer_fault(r, &was.fault);
		break;
	case SYNCING_FORKED:
		reply_error(r, 409,
			"Another device uses this identity. Get a new one (POST /api/auth/refresh with "
			"newDevice) and push "
			"again",
			"device_forked");
		break;
	case SYNCING_FAILED:
		if (was.err == ERR_NOT_FOUND) /* deleted while the request was under way */
			reply_error(r, 401, "User not found", NULL);
		else
			reply_err(r, was.err);
		break;
	}
	syncing_free(&was);
}

void api_sync(struct request *r)
{
	struct syncing *s = arena_alloc(&r->arena, sizeof *s);
	if (!s) {
		reply_err(r, ERR_NOMEM);
		return;
	}
	s->app = r->app;
	s->who = r->who;
	s->body = r->body.len ? r->body : STR("{}");
	s->most_ops = OPS_MAX;
	s->most_items = PULL_LIMIT_MAX;
	s->most_bytes = PULL_BYTES;
	s->done = synced;
	s->context = r;
	syncing_start(s);
}
