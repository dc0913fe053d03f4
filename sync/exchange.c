/* The push: ops taken exactly once, and what is told of each. */
#include "sync/exchange.h"

#include <string.h>

#include "sync/epoch.h"
#include "sync/receipt.h"
#include "sync/tell.h"
#include "sync/work.h"

enum { EXCHANGE_ARENA = 96 * 1024 * 1024, RESULTS_BYTES = 48 * 1024 * 1024, SKEW_MS = 2000 };

/* One push being taken. */
struct taking {
	struct tx *tx;
	struct exchange_job *x;
	struct work work;
	struct sender sender;
	struct receipt *receipts; /* of the numbers taken now */
	size_t receipt_count;
	struct buf results;
	/* The newest numbered stamp of the origin that the last op had. */
	struct device_id origin;
	struct stamp after;
	bool after_known;
	bool after_dirty;
	bool forwards; /* an op of another device was taken */
};

/* --- telling what became of an op --- */

static void tell_begin(struct taking *t, int64_t n)
{
	struct buf *out = &t->results;
	buf_text(out, out->len > 1 ? ",{\"n\":" : "{\"n\":");
	if (n)
		buf_int(out, n);
	else
		buf_text(out, "null");
	buf_char(out, ',');
}

static void tell_rejected(struct taking *t, int64_t n, enum reject reject)
{
	tell_begin(t, n);
	buf_text(&t->results, "\"outcome\":\"");
	buf_text(&t->results, outcome_names[OUTCOME_REFUSED]);
	buf_text(&t->results, "\",\"code\":");
	buf_json(&t->results, str_from(reject_code(reject)));
	buf_text(&t->results, ",\"message\":");
	buf_json(&t->results, str_from(reject_message(reject)));
	buf_char(&t->results, '}');
}

/* retried: it was taken in an earlier push, and this is what holds now. */
static void tell(struct taking *t, const struct push_op *p, const struct op_result *r, bool retried)
{
	tell_begin(t, p->n);
	enum telling telling = !retried			? TELLING_FIRST
			       : t->work.upstream.known ? TELLING_AGAIN_BELOW
							: TELLING_AGAIN;
	tell_result(t->tx->s, t->work.account.user, &p->op, r, telling, &t->results);
	buf_char(&t->results, '}');
}

/* --- one op --- */

static enum err flush_after(struct taking *t)
{
	if (!t->after_dirty)
		return ERR_OK;
	t->after_dirty = false;
	t->forwards |= !device_eq(t->origin, t->sender.device);
	return sender_stamp_save(t->tx, &t->sender, t->origin, t->after);
}

/* What this origin's op before this one was stamped. */
static enum err load_after(struct taking *t, struct device_id origin)
{
	if (t->after_known && device_eq(t->origin, origin))
		return ERR_OK;
	enum err err = flush_after(t);
	if (!err)
		err = sender_stamp_load(t->tx, &t->sender, origin, &t->after);
	t->origin = origin;
	t->after_known = !err;
	return err;
}

/* Skew is corrected at the door (sync-protocol.md section 3). */
static void correct_skew(const struct taking *t, struct push_op *p)
{
	if (!p->sent_at)
		return;
	int64_t skew = t->work.received - t->x->in.now_ms;
	if (skew > -SKEW_MS && skew < SKEW_MS)
		skew = 0;
	p->op.has_at = true;
	p->op.at_ms = p->sender_at_ms + skew;
}

static void note_receipt(
	struct taking *t, const struct push_op *p, const struct op_result *r, enum reject reject)
{
	struct receipt *receipt = &t->receipts[t->receipt_count++];
	*receipt = (struct receipt){.n = p->n, .outcome = OUTCOME_REFUSED, .code = reject};
	memcpy(receipt->digest, p->digest, DIGEST_SIZE);
	if (reject)
		return;
	receipt->outcome = r->outcome;
	receipt->rule = r->rule;
	receipt->stamp = r->stamp;
}

static enum err take_op(struct taking *t, struct push_op *p)
{
	static const struct device_id sender;
	struct op_result r;
	if (device_eq(p->op.device, sender))
		p->op.device = t->sender.device;
	enum err err = load_after(t, p->op.device);
	if (err)
		return err;
	correct_skew(t, p);
	p->op.after = t->after;
	err = work_op(t->tx, &t->work, &p->op, &r);
	if (err)
		return err;
	if (r.refusal != REFUSED_NOT) {
		note_receipt(t, p, NULL, REJECT_TOO_MANY);
		tell_rejected(t, p->n, REJECT_TOO_MANY);
		return ERR_OK;
	}
	if (!stamp_set(p->op.offer)) {
		t->after = r.stamp;
		t->after_dirty = true;
	}
	note_receipt(t, p, &r, REJECT_NOT);
	if (p->op.kind != OP_CLEAR)
		told_add(t->x->told, &t->x->told_count, told_of(&r));
	tell(t, p, &r, false);
	return ERR_OK;
}

/* A number that was taken before: its first outcome and stamp, and what holds now. */
static enum err answer_again(struct taking *t, struct push_op *p)
{
	struct receipt receipt;
	struct op_result r;
	enum err err = receipt_find(t->tx, &t->sender, p->n, &t->x->job.arena, &receipt);
	if (err)
		return err;
	if (receipt.outcome == OUTCOME_REFUSED) {
		tell_rejected(t, p->n, receipt.code < REJECT_COUNT ? (enum reject)receipt.code : REJECT_OP);
		return ERR_OK;
	}
	memset(&r, 0, sizeof r);
	r.outcome = receipt.outcome;
	r.rule = receipt.rule;
	r.stamp = receipt.stamp;
	r.cleared = t->work.account.cleared[p->op.collection];
	if (p->op.kind != OP_CLEAR) {
		err = work_look(t->tx, &t->work, &p->op, &r.item);
		if (err)
			return err;
		/* Admission may have written this one too. */
		if (p->op.event != EVENT_NONE)
			r.admitted = 1u << REG_OPENED;
	}
	tell(t, p, &r, true);
	return ERR_OK;
}

/* --- the whole push --- */

/* Content that differs from the receipt's, or no receipt: this device was cloned or restored. */
static enum err check_twins(struct taking *t)
{
	struct exchange_job *x = t->x;
	for (size_t i = 0; i < x->in.count && !x->forked; i++) {
		const struct push_op *p = &x->in.ops[i];
		struct receipt receipt;
		if (p->n == 0 || p->n > t->sender.taken)
			continue;
		enum err err = receipt_find(t->tx, &t->sender, p->n, &x->job.arena, &receipt);
		if (err && err != ERR_NOT_FOUND)
			return err;
		x->forked = err == ERR_NOT_FOUND || memcmp(receipt.digest, p->digest, DIGEST_SIZE) != 0;
	}
	return ERR_OK;
}

/* A cursor or head that proves a loss begins an epoch for this user. */
static enum err check_loss(struct taking *t, const struct cursor *c)
{
	enum epoch_verdict verdict = EPOCH_GOOD;
	enum err err = epoch_judge(t->tx->s, &t->work.account, c, &verdict);
	if (err || verdict == EPOCH_GOOD)
		return err;
	t->x->offer = true;
	if (verdict == EPOCH_LOST_NEW) {
		work_new_epoch(&t->work);
		t->work.force = true;
	}
	return ERR_OK;
}

static enum err mark_lost(struct taking *t)
{
	const struct exchange_in *in = &t->x->in;
	enum err err = ERR_OK;
	if (!t->work.force)
		return ERR_OK;
	if (in->kind == CURSOR_GIVEN)
		err = epoch_lose(t->tx, &t->work.account, &in->cursor);
	if (!err && in->has_head)
		err = epoch_lose(t->tx, &t->work.account, &in->head);
	return err;
}

static enum err take_ops(struct taking *t)
{
	struct exchange_job *x = t->x;
	enum err err = ERR_OK;
	buf_char(&t->results, '[');
	for (size_t i = 0; i < x->in.count && !err; i++) {
		struct push_op *p = &x->in.ops[i];
		if (p->n && p->n <= t->sender.taken) {
			err = answer_again(t, p);
		} else if (p->reject) {
			if (p->n)
				note_receipt(t, p, NULL, p->reject);
			tell_rejected(t, p->n, p->reject);
		} else {
			err = take_op(t, p);
		}
	}
	buf_char(&t->results, ']');
	if (!err)
		err = flush_after(t);
	return err;
}

static enum err finish(struct taking *t)
{
	struct exchange_job *x = t->x;
	enum err err = work_end(t->tx, &t->work);
	if (!err)
		err = mark_lost(t);
	if (!err && t->forwards)
		err = sender_stamps_prune(t->tx, &t->sender);
	if (!err && t->receipt_count)
		err = receipts_keep(t->tx, &t->sender, t->receipts, t->receipt_count, &x->job.arena);
	if (!err && !(buf_ok(&t->results) && arena_str(&x->job.arena, buf_str(&t->results), &x->results)))
		err = ERR_NOMEM;
	x->ack = t->sender.taken;
	x->head.seq = t->work.account.head;
	memcpy(x->head.epoch, t->work.account.epoch, sizeof x->head.epoch);
	return err;
}

static enum err exchange_run(struct tx *tx, struct job *job)
{
	struct exchange_job *x = (struct exchange_job *)job;
	struct taking t = {.tx = tx, .x = x, .results = buf_make(RESULTS_BYTES)};
	size_t count = x->in.count;
	x->forked = false;
	x->offer = false;
	x->told_count = 0;
	enum err err = work_begin(tx, job->user, &job->arena, count, &t.work);
	if (!err)
		err = sender_load(tx, job->user, x->device, &t.sender);
	x->told = arena_alloc(&job->arena, (count + 1) * sizeof *x->told);
	t.receipts = arena_alloc(&job->arena, (count + 1) * sizeof *t.receipts);
	if (!err && (!x->told || !t.receipts))
		err = ERR_NOMEM;
	x->now_ms = err ? 0 : t.work.received;
	if (!err)
		err = check_twins(&t);
	if (!err && !x->forked) {
		if (x->in.kind == CURSOR_GIVEN)
			err = check_loss(&t, &x->in.cursor);
		if (!err && x->in.has_head)
			err = check_loss(&t, &x->in.head);
		if (!err)
			err = take_ops(&t);
		if (!err)
			err = finish(&t);
		if (!err)
			told_sort(x->told, x->told_count);
	}
	buf_free(&t.results);
	return err;
}

struct exchange_job *exchange_job_make(uint64_t user, struct device_id device)
{
	struct exchange_job *x = job_make(sizeof *x, exchange_run, EXCHANGE_ARENA);
	if (!x)
		return NULL;
	x->job.user = user;
	x->device = device;
	return x;
}

void exchange_job_weigh(struct exchange_job *x)
{
	x->job.ops = x->in.count ? (unsigned)x->in.count : 1;
}
