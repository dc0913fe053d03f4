#include "sync/decide_step.h"

#include <string.h>

#include "sync/base/check.h"
#include "sync/merge.h"
#include "sync/registers.h"

struct work_item *work_find(struct work *w, enum collection collection, struct str key)
{
	for (size_t i = 0; i < w->item_count; i++)
		if (w->items[i]->item.collection == collection && str_eq(w->items[i]->item.key, key))
			return w->items[i];
	return NULL;
}

struct work_session *work_session(
	struct work *w, const struct work_item *of, struct device_id device, struct str session)
{
	for (size_t i = 0; i < w->session_count; i++) {
		struct work_session *s = &w->sessions[i];
		if (s->of == of && device_eq(s->device, device) && str_eq(s->session, session))
			return s;
	}
	return NULL;
}

void decide_count(struct account *a, const struct item *it, int sign)
{
	if (it->collection != COLLECTION_WATCHLIST || !item_shown(it, a->cleared[COLLECTION_WATCHLIST]))
		return;
	struct stamp cleared = a->cleared[COLLECTION_WATCHLIST];
	struct value status = it->cells[REG_STATUS].value;
	if (!item_holds(it, REG_STATUS, cleared))
		status = value_default(REG_STATUS);
	int index = status_index(status.f[0].s);
	if (index >= 0)
		a->statuses[index] += sign;
	const struct field *rating = &it->cells[REG_RATING].value.f[0];
	if (item_holds(it, REG_RATING, cleared) && !rating->null) {
		a->rated += sign;
		a->rating_sum += sign * rating->i;
	}
}

static enum refusal refuse(const struct work *w, const struct op *op, const struct item *it)
{
	bool shown = item_shown(it, w->account.cleared[it->collection]);
	if (op->need == NEED_ABSENT && shown)
		return REFUSED_EXISTS;
	if (op->need == NEED_PRESENT && !shown)
		return REFUSED_MISSING;
	if (it->fresh && it->id == 0 && w->account.keys[it->collection] >= (int64_t)w->max_items)
		return REFUSED_TOO_MANY;
	return REFUSED_NOT;
}

static void touch(struct work *w, struct work_item *wi)
{
	struct item *it = &wi->item;
	if (it->id == 0) {
		it->id = w->next_id[it->collection]++;
		w->account.keys[it->collection]++;
		item_oid(w->account.id_key, it->collection, it->key, it->oid);
	}
	if (!wi->dirty)
		wi->tick = true; /* until something else is changed */
	wi->dirty = true;
}

/* What readers of changes see: before its journal row takes that seq. */
static void changed(const struct work *w, struct item *it)
{
	it->seq = w->account.head + 1;
}

/* The session's state as it is kept while another holds the place. */
static enum err keep_session(struct work *w, struct work_item *wi, struct device_id device,
	struct str session, const struct playback *state)
{
	struct work_session *s = work_session(w, wi, device, session);
	if (!s) {
		s = &w->sessions[w->session_count++];
		*s = (struct work_session){.of = wi, .device = device};
		if (!arena_str(w->arena, session, &s->session))
			return ERR_NOMEM;
	}
	int64_t candidate_row = s->state.candidate_row;
	s->state = *state;
	s->state.candidate_row = candidate_row;
	s->dirty = true;
	return ERR_OK;
}

/* Whether the op, as it stands, will write the position. */
static bool takes_place(const struct step *st)
{
	const struct item *it = &st->wi->item;
	struct cell held = it->cells[REG_POSITION];
	return st->present & 1u << REG_POSITION && !st->candidate &&
	       stamp_cmp(st->stamp, item_void(it, st->cleared)) > 0 &&
	       merge_register(&held, REG_POSITION, &st->values[REG_POSITION], st->stamp, 0) == MERGE_WON;
}

/* The place goes to the op's session; the one that held it is remembered, so that its next tick is judged
 * rightly. */
static enum err take_place(struct step *st, int64_t began)
{
	struct item *it = &st->wi->item;
	enum err err = ERR_OK;
	if (item_holds(it, REG_POSITION, st->cleared) && !admit_holder(it, st->cleared, st->op)) {
		struct playback displaced = admit_holder_state(it);
		err = keep_session(st->w, st->wi, stamp_device(it->cells[REG_POSITION].stamp),
			it->place_session, &displaced);
	}
	if (!err && !arena_str(st->w->arena, st->op->session, &it->place_session))
		err = ERR_NOMEM;
	it->place_began = began;
	return err;
}

static enum err admit_op(struct step *st)
{
	struct admission *a = &st->admission;
	static const struct playback unknown;
	const struct op *op = st->op;
	bool holder = admit_holder(&st->wi->item, st->cleared, op);
	const struct work_session *known = work_session(st->w, st->wi, op->device, op->session);

	admit(&st->wi->item, st->cleared, op, st->stamp, known ? &known->state : &unknown, a);
	st->present = a->present;
	st->values = a->values;
	st->candidate = a->candidate;
	st->rule = a->rule;
	if (takes_place(st))
		return take_place(st, a->session.began);
	return holder ? ERR_OK : keep_session(st->w, st->wi, op->device, op->session, &a->session);
}

static enum rule void_rule(const struct step *st)
{
	const struct item *it = &st->wi->item;
	return stamp_cmp(st->cleared, it->deleted) >= 0 ? RULE_CLEARED_LATER : RULE_DELETED_LATER;
}

static void merge_registers(struct step *st)
{
	struct item *it = &st->wi->item;
	unsigned count = 0;
	unsigned won = 0;
	bool is_void = stamp_cmp(st->stamp, item_void(it, st->cleared)) <= 0;
	for (int reg = 0; reg < REG_COUNT; reg++) {
		if (!(st->present & 1u << reg))
			continue;
		count++;
		enum merge merge =
			merge_register(&it->cells[reg], (enum reg)reg, &st->values[reg], st->stamp, st->row);
		if (merge == MERGE_LOST)
			continue;
		if (merge == MERGE_WON)
			st->won |= 1u << reg;
		if (!is_void || register_defs[reg].flags & DESCRIPTIVE)
			won++;
	}
	st->out->outcome = won == count ? OUTCOME_APPLIED : won ? OUTCOME_MERGED : OUTCOME_SUPERSEDED;
	st->out->rule = won == count ? RULE_NEWEST : is_void ? void_rule(st) : RULE_LATER_STAMP;
}

/* A tick that goes on: same device, session and episode, later, not backwards, position alone (section 5). */
static bool ticks_on(const struct step *st, struct stamp stamp, int64_t episode, double time)
{
	const struct value *position = &st->values[REG_POSITION];
	return st->present == 1u << REG_POSITION && stamp_cmp(st->stamp, stamp) > 0 &&
	       position->f[POSITION_EPISODE].i == episode && position->f[POSITION_TIME].r >= time;
}

static enum err decide_candidate(struct step *st)
{
	struct work *w = st->w;
	struct work_session *s = work_session(w, st->wi, st->op->device, st->op->session);
	/* Admission has kept it, as of every session that does not hold the place. */
	CHECK(s);
	st->out->outcome = OUTCOME_CANDIDATE;
	st->out->rule = st->rule;
	if (s->state.candidate_row) {
		unsigned present = 0;
		struct value values[REG_COUNT];
		memset(values, 0, sizeof values);
		enum err err = registers_parse(
			s->candidate.registers, COLLECTION_PROGRESS, w->arena, &present, values);
		if (err == ERR_NOMEM)
			return err;
		const struct field *f = values[REG_POSITION].f;
		if (!err && present == 1u << REG_POSITION &&
			ticks_on(st, s->candidate.stamp, f[POSITION_EPISODE].i, f[POSITION_TIME].r)) {
			err = decide_rewrite_row(st, s->state.candidate_row);
			const struct work_row *on = decide_row_of_job(w, s->state.candidate_row);
			if (!err && on)
				s->candidate = on->row;
			return err;
		}
	}
	/* No register changed: the item keeps its seq, only its count of rows is saved. */
	st->wi->dirty = true;
	st->wi->tick = false;
	st->row = w->next_row++;
	enum err err = decide_insert_row(st);
	if (!err) {
		s->state.candidate_row = st->row;
		s->candidate = w->rows[w->row_count - 1].row;
	}
	return err;
}

/* Whether the holder's heartbeat rewrites the row that holds the place; asked before the merge. */
static bool coalesces(const struct step *st)
{
	const struct item *it = &st->wi->item;
	const struct cell *position = &it->cells[REG_POSITION];
	return (it->running == RUNNING_NOW || it->running == RUNNING_WAITS) && position->row != 0 &&
	       ticks_on(st, position->stamp, position->value.f[POSITION_EPISODE].i,
		       position->value.f[POSITION_TIME].r);
}

static void set_running(struct step *st)
{
	struct item *it = &st->wi->item;
	if (!(st->won & 1u << REG_POSITION))
		return;
	bool alone = st->op->event == EVENT_HEARTBEAT && st->present == 1u << REG_POSITION;
	enum running next = alone ? RUNNING_NOW : RUNNING_RECENT;
	if (!running_outside(it->running))
		st->wi->goes_outside = true;
	if (it->running != next || !st->coalesced)
		st->wi->tick = false;
	it->running = next;
}

static enum err decide_set(struct step *st)
{
	struct work *w = st->w;
	struct item *it = &st->wi->item;
	/* Asked of the state before: admission moves the place to the op's session. */
	st->present = st->op->present;
	st->values = st->op->values;
	if (st->op->event != EVENT_NONE && !st->op->restore_seq) {
		bool held = st->op->event == EVENT_HEARTBEAT && admit_holder(it, st->cleared, st->op);
		enum err err = admit_op(st);
		if (err)
			return err;
		st->coalesced = held && !st->candidate && coalesces(st);
	} else if (takes_place(st)) {
		enum err err = take_place(st, stamp_ms(st->stamp));
		if (err)
			return err;
	}
	if (st->candidate)
		return decide_candidate(st);
	touch(w, st->wi);
	st->row = st->coalesced ? it->cells[REG_POSITION].row : w->next_row++;
	merge_registers(st);
	if (st->won)
		changed(w, it);
	set_running(st);
	if (st->coalesced)
		return decide_rewrite_row(st, st->row);
	st->wi->tick = false;
	return decide_insert_row(st);
}

static enum err decide_delete(struct step *st)
{
	struct item *it = &st->wi->item;
	touch(st->w, st->wi);
	st->wi->tick = false;
	st->row = st->w->next_row++;
	bool newer = merge_stamp(&it->deleted, st->stamp);
	st->won = newer;
	if (newer) {
		it->deleted_row = st->row;
		changed(st->w, it);
	}
	bool gone = !item_exists(it, st->cleared);
	st->out->outcome = !newer ? OUTCOME_SUPERSEDED : gone ? OUTCOME_APPLIED : OUTCOME_MERGED;
	st->out->rule = newer && gone ? RULE_NEWEST : RULE_LATER_STAMP;
	return decide_insert_row(st);
}

static enum err decide_clear(struct step *st)
{
	struct work *w = st->w;
	enum collection c = st->op->collection;
	bool newer = merge_stamp(&w->account.cleared[c], st->stamp);
	st->won = newer;
	st->row = w->next_row++;
	st->out->outcome = newer ? OUTCOME_APPLIED : OUTCOME_SUPERSEDED;
	st->out->rule = newer ? RULE_NEWEST : RULE_LATER_STAMP;
	if (newer) {
		/* Below an upstream a barrier erases nothing before it is settled (rule 5 of section 4). */
		if (w->upstream.known)
			w->keep_void[c] = true;
		else
			w->account.purge |= 1u << c;
		w->recount |= c == COLLECTION_WATCHLIST;
	}
	return decide_insert_row(st);
}

/* An offer of what is held already: nothing to journal. */
static bool is_held(const struct step *st)
{
	const struct op *op = st->op;
	if (!stamp_set(op->offer))
		return false;
	if (op->kind == OP_CLEAR)
		return stamp_cmp(st->cleared, st->stamp) == 0;
	const struct item *it = &st->wi->item;
	if (op->kind == OP_DELETE)
		return stamp_cmp(it->deleted, st->stamp) == 0;
	for (int reg = 0; reg < REG_COUNT; reg++) {
		const struct cell *cell = &it->cells[reg];
		if (!(op->present & 1u << reg))
			continue;
		if (stamp_cmp(cell->stamp, st->stamp) != 0)
			return false;
		/* What is void was erased, and is not wanted back. */
		bool erased = !(register_defs[reg].flags & DESCRIPTIVE) &&
			      !item_holds(it, (enum reg)reg, st->cleared);
		if (!erased && !value_eq((enum reg)reg, &cell->value, &op->values[reg]))
			return false;
	}
	return true;
}

static enum err decide_kind(struct step *st)
{
	if (is_held(st)) {
		st->present = st->op->present;
		st->out->outcome = OUTCOME_APPLIED;
		st->out->rule = RULE_NEWEST;
		return ERR_OK;
	}
	switch (st->op->kind) {
	case OP_CLEAR:
		return decide_clear(st);
	case OP_DELETE:
		return decide_delete(st);
	default:
		return decide_set(st);
	}
}

enum err decide_op(struct work *w, const struct op *op, struct work_item *wi, struct op_result *out)
{
	struct step st = {
		.w = w, .op = op, .wi = wi, .cleared = w->account.cleared[op->collection], .out = out};
	memset(out, 0, sizeof *out);
	if (op->kind == OP_CLEAR) {
		st.stamp = out->stamp = decide_stamp(w, op);
		enum err err = decide_kind(&st);
		out->cleared = w->account.cleared[op->collection];
		return err;
	}
	struct item *it = &wi->item;
	out->refusal = refuse(w, op, it);
	if (out->refusal != REFUSED_NOT) {
		out->outcome = OUTCOME_REFUSED;
		return ERR_OK;
	}
	st.stamp = out->stamp = decide_stamp(w, op);
	bool existed = item_exists(it, st.cleared);
	out->seq_before = it->seq;
	decide_count(&w->account, it, -1);
	enum err err = decide_kind(&st);
	if (err)
		return err;
	out->admitted = st.present;
	out->seq_after = it->seq;
	if (!w->keep_void[op->collection])
		item_void_values(it, st.cleared);
	if (it->running != RUNNING_NOT && !item_holds(it, REG_POSITION, st.cleared))
		it->running = RUNNING_NOT;
	out->began = !existed && item_exists(it, st.cleared);
	if (out->began)
		it->created = stamp_ms(st.stamp);
	decide_count(&w->account, it, 1);
	out->shown = item_shown(it, st.cleared);
	out->cleared = st.cleared;
	out->item = *it;
	return ERR_OK;
}
