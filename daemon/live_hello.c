/* Hello: who it is, and where its stream goes on. Or, on a stream that runs, a new token. */
#include <stdlib.h>
#include <string.h>

#include "daemon/auth.h"
#include "daemon/live_conn.h"
#include "sync/exchange.h"

static void refuse_fault(struct live *l, const struct wire_fault *fault)
{
	struct faults faults = {.count = 0};
	fault_add(&faults, fault->path, fault->message);
	live_refuse(l, -1, fault->code ? fault->code : "validation_failed", "Validation failed", &faults);
}

/* --- the stream begins --- */

static void write_welcome(struct live *l, int64_t now_ms, const struct cursor *head, bool offer)
{
	char device[2 * DEVICE_SIZE + 1];
	struct buf *out = live_begin(l->lives, "welcome");
	str_to_hex(l->who.device.bytes, DEVICE_SIZE, device);
	buf_fmt(out, ",\"now\":%lld,\"device\":\"%s\",\"cursor\":", (long long)now_ms, device);
	cursor_json(out, &l->cursor);
	buf_text(out, ",\"head\":");
	cursor_json(out, head);
	buf_fmt(out, ",\"heartbeat\":%d,\"server\":", LIMIT_LIVE_PING_MS / 1000);
	buf_json(out, str_from(store_identity(l->lives->app->store)));
	buf_text(out, offer ? ",\"offer\":true" : ",\"offer\":false");
	live_queue(l);
}

/* Where its stream begins: at the cursor, at zero, or now. */
static void begin(
	struct live *l, const struct exchange_in *in, bool offer, int64_t now_ms, const struct cursor *head)
{
	l->state = LIVE_OPEN;
	l->cursor = *head;
	if (offer || in->kind == CURSOR_NULL)
		l->cursor.seq = 0;
	else if (in->kind == CURSOR_GIVEN)
		l->cursor = in->cursor;
	if (l->upto < head->seq)
		l->upto = head->seq;
	write_welcome(l, now_ms, head, offer);
}

/* Nothing has to be written for this hello. */
static enum err begin_by_reading(struct live *l, const struct exchange_in *in, bool offer)
{
	struct pull pull = {.nothing = true};
	struct buf none = buf_make(LIMIT_RESPONSE);
	enum err err = exchange_pull(l->lives->app->reader, l->who.user, loop_now(), &pull, &none);
	buf_free(&none);
	if (err)
		return err;
	begin(l, in, offer, pull.now_ms, &pull.head);
	memcpy(l->cleared, pull.cleared, sizeof l->cleared);
	/* A barrier may be all that it has missed. */
	l->catch_up = l->cursor.seq < l->upto;
	return ERR_OK;
}

/* An epoch has begun for it (sync-protocol.md section 6). */
static void begun(struct job *job)
{
	struct exchange_job *x = (struct exchange_job *)job;
	struct live *l = job->context;
	live_hold(l, HOLD_BUSY, false);
	if (l->wsi && l->state == LIVE_HELLO) {
		if (job->err) {
			hub_leave(l->lives->hub, &l->place);
			live_refuse_err(l, -1, job->err);
		} else {
			begin(l, &x->in, x->offer, x->now_ms, &x->head);
			l->catch_up = true;
		}
	}
	job_free(job);
	live_end_work(l);
}

static void start(struct live *l, struct exchange_job *x)
{
	struct app *app = l->lives->app;
	struct pull pull;
	bool reads = false;
	enum err err = exchange_reads(app->reader, x, &pull, &reads);
	if (!err && !hub_join(l->lives->hub, l->who.user, &l->place))
		err = ERR_NOMEM;
	if (!err && reads)
		err = begin_by_reading(l, &x->in, x->offer);
	if (!err && !reads) {
		exchange_job_weigh(x);
		x->job.context = l;
		x->job.done = begun;
		if (writer_submit(app->writer, &x->job)) {
			live_begin_work(l);
			live_hold(l, HOLD_BUSY, true);
			return;
		}
		err = ERR_BUSY;
	}
	job_free(&x->job);
	if (err) {
		hub_leave(l->lives->hub, &l->place);
		live_refuse_err(l, -1, err);
	}
}

/* --- who --- */

/* As auth_check() of the frame's token. */
static enum err check_token(struct live *l, const json_t *token, struct principal *who)
{
	static const char scheme[] = "Bearer ";
	char text[sizeof scheme + LIMIT_TOKEN];
	size_t len = json_string_length(token);
	if (len > LIMIT_TOKEN - sizeof scheme)
		return ERR_DENIED;
	memcpy(text, scheme, sizeof scheme - 1);
	memcpy(text + sizeof scheme - 1, json_string_value(token), len);
	return auth_check(l->lives->app, (struct str){text, sizeof scheme - 1 + len}, who);
}

/* The token of the upgrade was good then. */
static enum err check_header(struct live *l)
{
	if (!l->by_header)
		return ERR_DENIED;
	return loop_now().wall_ms >= l->who.expires_ms ? ERR_EXPIRED : auth_still(l->lives->app, &l->who);
}

/* A new token of the same device before the old one expires. */
static void renew(struct live *l, const struct principal *who)
{
	struct pull pull = {.nothing = true};
	struct buf none = buf_make(LIMIT_RESPONSE);
	if (who->user != l->who.user || !device_eq(who->device, l->who.device)) {
		live_refuse(l, -1, "other_device",
			"This connection belongs to another device. Open a new one", NULL);
		return;
	}
	enum err err = exchange_pull(l->lives->app->reader, who->user, loop_now(), &pull, &none);
	buf_free(&none);
	if (err) {
		live_refuse_err(l, -1, err);
		return;
	}
	l->who = *who;
	/* Acks of what is behind upto are still to come. */
	if (pull.head.seq > l->upto)
		pull.head.seq = l->upto > l->cursor.seq ? l->upto : l->cursor.seq;
	write_welcome(l, pull.now_ms, &pull.head, false);
}

static void deny(struct live *l, enum err err)
{
	if (err != ERR_DENIED && err != ERR_EXPIRED && err != ERR_NOT_FOUND)
		live_refuse_err(l, -1, err);
	else if (l->state == LIVE_OPEN)
		live_refuse(l, -1, err == ERR_EXPIRED ? "token_expired" : "not_authorized",
			"The new token is not good. The old one works until it expires", NULL);
	else
		live_end(l, err == ERR_DENIED	 ? END_NOT_AUTHORIZED
			    : err == ERR_EXPIRED ? END_EXPIRED
						 : END_NO_USER);
}

void live_hello(struct live *l, const json_t *json)
{
	const json_t *token = json_object_get(json, "token");
	struct wire_fault fault = {"token", "Token must be a text", NULL};
	struct principal who = l->who;
	bool given = token && !json_is_null(token);
	enum err err = ERR_OK;
	if (given ? !json_is_string(token) : l->state == LIVE_OPEN) {
		refuse_fault(l, &fault);
		return;
	}
	if (given)
		err = check_token(l, token, &who);
	else
		err = check_header(l);
	if (err) {
		deny(l, err);
		return;
	}
	if (l->state == LIVE_OPEN) {
		renew(l, &who);
		return;
	}
	struct exchange_job *x = exchange_job_make(who.user, who.device);
	err = x ? wire_exchange(json, 0, &x->job.arena, &x->in, &fault) : ERR_NOMEM;
	if (!err) {
		l->who = who;
		start(l, x);
		return;
	}
	if (x)
		job_free(&x->job);
	if (err == ERR_INVALID)
		refuse_fault(l, &fault);
	else
		live_refuse_err(l, -1, err);
}
