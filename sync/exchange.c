/* The push: ops taken exactly once, and what is told of each. */
#include "sync/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "sync/epoch.h"
#include "sync/receipt.h"
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
};

/* --- telling what became of an op --- */

static void tell_device(struct taking *t, struct stamp stamp)
{
	struct device_id device = stamp_device(stamp);
	char id[2 * DEVICE_SIZE + 1];
	bool named = false;
	struct query q = stmt_query(t->tx->s, STMT_DEVICE_GET);
	query_int(&q, (int64_t)t->work.account.user);
	query_device(&q, device);
	if (query_row(&q) && query_get_str(&q, 0).len) {
		buf_json(&t->results, query_get_str(&q, 0));
		named = true;
	}
	(void)query_end(&q);
	str_to_hex(device.bytes, DEVICE_SIZE, id);
	if (!named)
		buf_json(&t->results, str_from(id));
}

static void tell_winner(struct taking *t, struct stamp winner)
{
	if (!stamp_set(winner))
		return;
	buf_text(&t->results, ",\"winner\":{\"stamp\":");
	wire_stamp(&t->results, winner);
	buf_text(&t->results, ",\"device\":");
	tell_device(t, winner);
	buf_char(&t->results, '}');
}

/* What beat the op, if anything did. */
static struct stamp winner_of(const struct op *op, const struct op_result *r, unsigned differing)
{
	struct stamp winner = {{0}};
	switch (r->rule) {
	case RULE_NEWEST:
		return winner;
	case RULE_DELETED_LATER:
		return r->item.deleted;
	case RULE_CLEARED_LATER:
		return r->cleared;
	case RULE_PAUSED_PLAYER:
	case RULE_EARLY_REWIND:
		return r->item.cells[REG_POSITION].stamp;
	default:
		break;
	}
	if (op->kind == OP_CLEAR)
		return r->cleared;
	if (op->kind == OP_DELETE)
		return r->outcome == OUTCOME_MERGED ? item_newest(&r->item) : r->item.deleted;
	for (int reg = 0; reg < REG_COUNT; reg++)
		if (differing & 1u << reg && stamp_cmp(r->item.cells[reg].stamp, r->stamp) > 0)
			winner = stamp_max(winner, r->item.cells[reg].stamp);
	return winner;
}

/* The op's registers that now hold another value or stamp than the op's; void ones aside. */
static unsigned differing(const struct op *op, const struct op_result *r)
{
	unsigned mask = wire_told(&r->item, r->cleared) & (op->present | r->admitted);
	for (int reg = 0; reg < REG_COUNT; reg++) {
		const struct cell *cell = &r->item.cells[reg];
		bool given = op->present & 1u << reg &&
			     (op->event == EVENT_NONE ||
				     op->partial[reg] == (1u << register_defs[reg].fields) - 1);
		if (given && stamp_cmp(cell->stamp, r->stamp) == 0 &&
			value_eq((enum reg)reg, &cell->value, &op->values[reg]))
			mask &= ~(1u << reg);
	}
	return mask;
}

/* Below an upstream the first stamp may have been moved back since, and the register be void by that. */
static unsigned moved_void(const struct taking *t, const struct push_op *p, const struct op_result *r)
{
	unsigned told = wire_told(&r->item, r->cleared);
	unsigned mask = 0;
	if (!t->work.upstream.known || p->op.kind != OP_SET)
		return 0;
	for (int reg = 0; reg < REG_COUNT; reg++) {
		struct stamp stamp = r->item.cells[reg].stamp;
		if ((p->op.present | r->admitted) & ~told & 1u << reg && stamp_set(stamp) &&
			stamp_cmp(stamp, r->stamp) != 0)
			mask |= 1u << reg;
	}
	return mask;
}

static void tell_begin(struct taking *t, int64_t n, enum outcome outcome)
{
	struct buf *out = &t->results;
	buf_text(out, out->len > 1 ? ",{\"n\":" : "{\"n\":");
	if (n)
		buf_int(out, n);
	else
		buf_text(out, "null");
	buf_text(out, ",\"outcome\":\"");
	buf_text(out, outcome_names[outcome]);
	buf_char(out, '"');
}

static void tell_rejected(struct taking *t, int64_t n, enum reject reject)
{
	tell_begin(t, n, OUTCOME_REFUSED);
	buf_text(&t->results, ",\"code\":");
	buf_json(&t->results, str_from(reject_code(reject)));
	buf_text(&t->results, ",\"message\":");
	buf_json(&t->results, str_from(reject_message(reject)));
	buf_char(&t->results, '}');
}

/* retried: it was taken in an earlier push, and this is what holds now. */
static void tell(struct taking *t, const struct push_op *p, const struct op_result *r, bool retried)
{
	struct buf *out = &t->results;
	tell_begin(t, p->n, r->outcome);
	if (r->outcome != OUTCOME_APPLIED) {
		buf_text(out, ",\"rule\":\"");
		buf_text(out, rule_names[r->rule]);
		buf_char(out, '"');
	}
	buf_text(out, ",\"stamp\":");
	wire_stamp(out, r->stamp);
	unsigned mask = p->op.kind == OP_SET ? differing(&p->op, r) : 0;
	if (r->outcome != OUTCOME_APPLIED)
		tell_winner(t, winner_of(&p->op, r, mask));
	unsigned moved = retried ? moved_void(t, p, r) : 0;
	if (mask | moved) {
		buf_text(out, ",\"registers\":");
		wire_registers(out, mask, moved, &r->item);
	}
	if (p->op.kind == OP_DELETE && stamp_set(r->item.deleted) &&
		(retried || stamp_cmp(r->item.deleted, r->stamp) != 0)) {
		buf_text(out, ",\"deletedStamp\":");
		wire_stamp(out, r->item.deleted);
	}
	buf_char(out, '}');
}

/* --- one op --- */

static enum err flush_after(struct taking *t)
{
	if (!t->after_dirty)
		return ERR_OK;
	t->after_dirty = false;
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

static void note_told(struct taking *t, const struct op_result *r)
{
	struct exchange_job *x = t->x;
	for (size_t i = x->told_count; i-- > 0;) {
		struct told *told = &x->told[i];
		if (told->collection != r->item.collection || told->item != r->item.id)
			continue;
		if (told->after == r->seq_before)
			told->after = r->seq_after;
		return;
	}
	x->told[x->told_count++] = (struct told){.collection = r->item.collection,
		.item = r->item.id,
		.before = r->seq_before,
		.after = r->seq_after};
}

/* What had lived before and lives again: since when, only `items` tells. */
static bool revived(const struct op_result *r)
{
	return (!r->item.fresh || r->seq_before) && item_exists(&r->item, r->cleared) && r->item.created == stamp_ms(r->stamp);
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
	if (p->op.kind != OP_CLEAR && !revived(&r))
		note_told(t, &r);
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
	if (!err && t->receipt_count)
		err = receipts_keep(t->tx, &t->sender, t->receipts, t->receipt_count, &x->job.arena);
	if (!err && !(buf_ok(&t->results) && arena_str(&x->job.arena, buf_str(&t->results), &x->results)))
		err = ERR_NOMEM;
	x->ack = t->sender.taken;
	x->head.seq = t->work.account.head;
	memcpy(x->head.epoch, t->work.account.epoch, sizeof x->head.epoch);
	return err;
}

static int by_item(const void *a, const void *b)
{
	const struct told *left = a;
	const struct told *right = b;
	if (left->collection != right->collection)
		return left->collection < right->collection ? -1 : 1;
	return left->item < right->item ? -1 : left->item > right->item;
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
			qsort(x->told, x->told_count, sizeof *x->told, by_item);
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
