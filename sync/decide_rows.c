#include "sync/decide_step.h"
#include "sync/registers.h"

enum { REGISTERS_CAP = 64 * 1024 };

static unsigned descriptive(void)
{
	unsigned mask = 0;
	for (int reg = 0; reg < REG_COUNT; reg++)
		if (register_defs[reg].flags & DESCRIPTIVE)
			mask |= 1u << reg;
	return mask;
}

static enum err registers_text(struct step *st, struct str *out)
{
	/* What a clear had already made void is journalled without its values, but for those that survive it.
	 */
	unsigned mask = st->present;
	if (stamp_cmp(st->stamp, st->cleared) <= 0 && !st->w->keep_void[st->op->collection])
		mask &= descriptive();
	if (!mask) {
		*out = STR("");
		return ERR_OK;
	}
	struct buf text = buf_make(REGISTERS_CAP);
	registers_json(mask, st->values, &text);
	bool ok = buf_ok(&text) && arena_str(st->w->arena, buf_str(&text), out);
	buf_free(&text);
	return ok ? ERR_OK : ERR_NOMEM;
}

static struct work_row *push_row(struct step *st, int64_t row, bool rewrite)
{
	struct work *w = st->w;
	struct work_row *wr = &w->rows[w->row_count++];
	*wr = (struct work_row){.of = st->wi, .rewrite = rewrite};
	wr->row = (struct journal_row){.row = row,
		.collection = st->op->collection,
		.item = st->wi ? st->wi->item.id : 0,
		.seq = ++w->account.head,
		.stamp = st->stamp,
		.received = w->received,
		.kind = st->op->kind,
		.event = st->op->restore_seq ? EVENT_MANUAL : st->op->event,
		.session = st->op->session,
		.outcome = st->out->outcome,
		.rule = st->out->rule,
		.registers = STR("")};
	wr->row.first_seq = wr->row.seq;
	wr->won = st->won;
	w->account.head_row = row;
	return wr;
}

/* The row of this job that has that number, so that a second tick in one push rewrites what the first one
 * made. */
struct work_row *decide_row_of_job(struct work *w, int64_t row)
{
	for (size_t i = w->row_count; i-- > 0;)
		if (w->rows[i].row.row == row)
			return &w->rows[i];
	return NULL;
}

enum err decide_rewrite_row(struct step *st, int64_t row)
{
	struct work_row *wr = decide_row_of_job(st->w, row);
	struct str registers;
	enum err err = registers_text(st, &registers);
	if (err)
		return err;
	if (!wr) {
		wr = push_row(st, row, true);
	} else {
		wr->row.seq = ++st->w->account.head;
		wr->row.stamp = st->stamp;
		wr->row.received = st->w->received;
		wr->won |= st->won;
		st->w->account.head_row = row;
	}
	wr->row.registers = registers;
	return ERR_OK;
}

enum err decide_insert_row(struct step *st)
{
	struct str registers;
	enum err err = registers_text(st, &registers);
	if (err)
		return err;
	push_row(st, st->row, false)->row.registers = registers;
	if (st->wi)
		st->wi->item.rows++;
	return ERR_OK;
}
