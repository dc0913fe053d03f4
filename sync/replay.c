#include "sync/replay.h"

#include <string.h>

#include "sync/base/check.h"
#include "sync/merge.h"
#include "sync/registers.h"

/* What JOURNAL_COLUMNS are stored as: I an integer, B a blob, T a text. */
static const char journal_types[] = "IIIIIBIIITIITII";
enum { JOURNAL_USER = sizeof journal_types - 1 };

static bool types_fit(const struct query *q)
{
	for (int i = 0; i < JOURNAL_USER; i++) {
		int type = sqlite3_column_type(q->stmt, i);
		int wanted = journal_types[i] == 'I'   ? SQLITE_INTEGER
			     : journal_types[i] == 'B' ? SQLITE_BLOB
						       : SQLITE_TEXT;
		if (type != wanted)
			return false;
	}
	return true;
}

static const char *form_fault(const struct journal_row *row)
{
	if ((unsigned)row->collection >= COLLECTION_COUNT || (unsigned)row->kind > OP_CLEAR)
		return "names no collection or no kind of op";
	if (!stamp_set(row->stamp))
		return "has no stamp";
	if (row->first_seq < 1 || row->first_seq > row->seq)
		return "has a first seq that is not between 1 and its seq";
	if ((row->kind == OP_CLEAR) != (row->item == 0) || row->item < 0)
		return "is about the wrong kind of thing";
	if (row->kind != OP_SET && row->registers.len && !str_eq(row->registers, STR("{}")))
		return "has registers although it sets none";
	return row->session.len > SESSION_MAX ? "has too long a session" : NULL;
}

enum err journal_judge(struct query *q, uint64_t user, struct arena *a, struct journal_row *row,
	const char **fault, unsigned *present, struct value values[REG_COUNT])
{
	*present = 0;
	*fault = NULL;
	if (!types_fit(q))
		*fault = "holds a value of the wrong type";
	journal_read(q, a, row);
	if (q->err == ERR_CORRUPT) {
		q->err = ERR_OK;
		*fault = "holds a value that cannot be";
	}
	if (q->err || *fault)
		return q->err;
	if ((uint64_t)query_get_int(q, JOURNAL_USER) != user)
		*fault = "belongs to another user than its index says";
	else if (row->fixed_sum && row->fixed_sum != journal_fixed_sum(row, user))
		*fault = "fails its checksum of what never changes";
	else if (row->sum && row->sum != journal_sum(row, user))
		*fault = "fails its checksum of what a tick rewrites";
	else
		*fault = form_fault(row);
	if (*fault || row->kind != OP_SET || row->registers.len == 0)
		return ERR_OK;
	enum err err = registers_parse(row->registers, row->collection, a, present, values);
	if (err == ERR_CORRUPT) {
		*present = 0;
		*fault = "holds registers that cannot be read";
		return ERR_OK;
	}
	return err;
}

/* --- one item --- */

struct replaying {
	const struct account *account;
	const struct item *it;
	struct arena *arena;
	struct replay *out;
};

static void doubt(const struct item *it, int64_t row, struct replay *out)
{
	for (int reg = 0; reg < REG_COUNT; reg++)
		if (register_of((enum reg)reg, it->collection) && row && it->cells[reg].row == row)
			out->doubtful |= 1u << reg;
	if (row && it->deleted_row == row)
		out->delete_doubtful = true;
}

static enum err keep_place(struct replaying *r, const struct journal_row *row, unsigned present)
{
	r->out->place = *row;
	r->out->place_alone = present == 1u << REG_POSITION;
	r->out->place.registers = STR("");
	return arena_str(r->arena, row->session, &r->out->place.session) ? ERR_OK : ERR_NOMEM;
}

static enum err replay_set(
	struct replaying *r, const struct journal_row *row, unsigned present, const struct value *values)
{
	struct replay *out = r->out;
	for (int reg = 0; reg < REG_COUNT; reg++) {
		struct cell *best = &out->best[reg];
		const struct cell *held = &r->it->cells[reg];
		bool won = false;
		if (!(present & 1u << reg))
			continue;
		if (merge_register(best, (enum reg)reg, &values[reg], row->stamp, row->row) == MERGE_WON) {
			won = true;
			out->best_seq[reg] = row->seq;
			if (!value_copy((enum reg)reg, r->arena, &best->value, &best->value))
				return ERR_NOMEM;
		}
		bool proves = held->row == row->row && stamp_cmp(held->stamp, row->stamp) == 0 &&
			      value_eq((enum reg)reg, &held->value, &values[reg]);
		if (proves) {
			out->proven |= 1u << reg;
			out->proven_seq[reg] = row->seq;
		}
		if (reg == REG_POSITION && (won || proves) && keep_place(r, row, present))
			return ERR_NOMEM;
	}
	return ERR_OK;
}

static enum err replay_row(struct replaying *r, const struct journal_row *row, const char *fault,
	unsigned present, const struct value *values)
{
	struct replay *out = r->out;
	out->rows++;
	out->old |= row->sum == 0;
	if (fault) {
		doubt(r->it, row->row, out);
		return ERR_OK;
	}
	if (stamp_cmp(row->stamp, r->account->cleared[r->it->collection]) <= 0)
		return ERR_OK;
	if (row->kind == OP_DELETE) {
		bool same = stamp_cmp(row->stamp, out->deleted) == 0 && row->row == r->it->deleted_row;
		if (merge_stamp(&out->deleted, row->stamp) || same) {
			out->deleted_row = row->row;
			out->deleted_seq = row->seq;
		}
		return ERR_OK;
	}
	if (row->outcome == OUTCOME_CANDIDATE)
		return ERR_OK;
	return replay_set(r, row, present, values);
}

/* Rows that the table names, but that do not stand with the item's: damaged, or not there. */
static enum err doubt_elsewhere(struct statements *s, const struct replaying *r, int64_t row)
{
	struct arena scratch = arena_make(REPLAY_SCRATCH);
	struct value values[REG_COUNT];
	struct journal_row found;
	unsigned present = 0;
	const char *fault = NULL;
	memset(values, 0, sizeof values);
	struct query q = stmt_query(s, STMT_VERIFY_JOURNAL_ROW);
	query_int(&q, row);
	enum err judged = ERR_OK;
	if (query_row(&q)) {
		judged = journal_judge(&q, r->account->user, &scratch, &found, &fault, &present, values);
		if (fault)
			doubt(r->it, row, r->out);
	}
	enum err err = query_end(&q);
	arena_free(&scratch);
	return judged ? judged : err;
}

static enum err doubt_missing(struct statements *s, const struct replaying *r)
{
	enum err err = ERR_OK;
	for (int reg = 0; reg < REG_COUNT && !err; reg++) {
		int64_t row = r->it->cells[reg].row;
		if (row && !((r->out->proven | r->out->doubtful) & 1u << reg))
			err = doubt_elsewhere(s, r, row);
	}
	if (!err && r->it->deleted_row && r->it->deleted_row != r->out->deleted_row)
		err = doubt_elsewhere(s, r, r->it->deleted_row);
	return err;
}

enum err replay_item(struct statements *s, const struct account *a, const struct item *it,
	struct arena *arena, struct replay *out)
{
	struct replaying r = {.account = a, .it = it, .arena = arena, .out = out};
	struct arena scratch = arena_make(REPLAY_SCRATCH);
	struct value values[REG_COUNT];
	enum err err = ERR_OK;
	memset(out, 0, sizeof *out);
	struct query q = stmt_query(s, STMT_VERIFY_ITEM_ROWS);
	query_int(&q, (int64_t)a->user);
	query_int(&q, it->collection);
	query_int(&q, it->id);
	while (!err && query_row(&q)) {
		struct journal_row row;
		unsigned present = 0;
		const char *fault = NULL;
		arena_reset(&scratch);
		memset(values, 0, sizeof values);
		err = journal_judge(&q, a->user, &scratch, &row, &fault, &present, values);
		if (!err)
			err = replay_row(&r, &row, fault, present, values);
	}
	enum err end = query_end(&q);
	arena_free(&scratch);
	err = err ? err : end;
	return err ? err : doubt_missing(s, &r);
}

/* --- what the row ought to be --- */

static void true_delete(const struct item *it, const struct replay *r, struct stamp cleared, struct item *t)
{
	if (stamp_cmp(r->deleted, cleared) <= 0 && stamp_cmp(it->deleted, cleared) <= 0)
		return; /* a clear took its row */
	if (r->delete_doubtful && stamp_cmp(it->deleted, r->deleted) > 0)
		return;
	t->deleted = r->deleted;
	t->deleted_row = r->deleted_row;
}

static void true_register(const struct replay *r, enum reg reg, struct stamp line, struct item *t)
{
	const struct cell *best = &r->best[reg];
	struct cell *cell = &t->cells[reg];
	bool valid = value_valid(reg, &cell->value);
	bool doubtful = valid && r->doubtful & 1u << reg;
	if (stamp_cmp(best->stamp, line) > 0) {
		bool proven = r->proven & 1u << reg && stamp_cmp(cell->stamp, best->stamp) == 0 &&
			      value_eq(reg, &cell->value, &best->value);
		if (!proven && !(doubtful && stamp_cmp(cell->stamp, best->stamp) > 0))
			*cell = *best;
	} else if (!stamp_set(cell->stamp) || (stamp_cmp(cell->stamp, line) > 0 && !doubtful)) {
		*cell = (struct cell){.value = value_default(reg)};
	} else if (!valid && stamp_cmp(cell->stamp, line) <= 0) {
		cell->value = value_default(reg);
	}
}

static bool register_eq(enum reg reg, const struct cell *a, const struct cell *b)
{
	return stamp_cmp(a->stamp, b->stamp) == 0 && value_eq(reg, &a->value, &b->value);
}

/* The seq of the item's newest change is that of a row that still holds something, unless what held it is
 * void. */
static void true_seq(const struct account *a, const struct replay *r, struct item *t)
{
	int64_t seq = 0;
	bool known = true;
	bool any = stamp_set(t->deleted);
	for (int reg = 0; reg < REG_COUNT; reg++) {
		const struct cell *cell = &t->cells[reg];
		if (!register_of((enum reg)reg, t->collection) || !stamp_set(cell->stamp))
			continue;
		bool known_value = register_eq((enum reg)reg, cell, &r->best[reg]);
		/* Of two rows that say the same at the same time, the table may name either. */
		int64_t of = !known_value		     ? 0
			     : cell->row == r->best[reg].row ? r->best_seq[reg]
							     : r->proven_seq[reg];
		any = true;
		known = known && of && cell->row;
		if (cell->row && of > seq)
			seq = of;
	}
	if (stamp_set(t->deleted)) {
		bool same = stamp_cmp(t->deleted, r->deleted) == 0;
		known = known && same;
		if (same && r->deleted_seq > seq)
			seq = r->deleted_seq;
	}
	/* Before there were checksums, an op that lost gave the item its seq too. */
	if ((any && known && !r->old) || t->seq < seq)
		t->seq = seq;
	if (t->seq > a->head)
		t->seq = a->head;
	if (t->push < t->seq)
		t->push = t->seq;
	if (t->push > a->head)
		t->push = a->head;
}

/* pending: what a clear voided has yet to be erased. */
static void true_place(
	const struct item *it, const struct replay *r, struct stamp cleared, bool pending, struct item *t)
{
	const struct cell *position = &t->cells[REG_POSITION];
	if (!item_holds(t, REG_POSITION, cleared)) {
		if (stamp_set(position->stamp) && pending)
			return;
		t->running = RUNNING_NOT;
		t->place_session = STR("");
		t->place_began = 0;
		return;
	}
	if ((unsigned)t->running > RUNNING_RECENT)
		t->running = RUNNING_NOT;
	if (!register_eq(REG_POSITION, position, &r->best[REG_POSITION]) || r->place.row != position->row)
		return; /* its row is damaged */
	bool ticks = t->running == RUNNING_NOW || t->running == RUNNING_WAITS;
	if (ticks && (r->place.event != EVENT_HEARTBEAT || !r->place_alone))
		t->running = RUNNING_NOT;
	if (!str_eq(it->place_session, r->place.session)) {
		t->place_session = r->place.session;
		t->place_began = stamp_ms(position->stamp);
	}
}

void replay_truth(const struct account *a, const struct item *it, const struct replay *r, bool linked,
	struct item *truth)
{
	enum collection c = it->collection;
	struct stamp cleared = a->cleared[c];
	*truth = *it;
	item_oid(a->id_key, c, it->key, truth->oid);
	truth->rows = r->rows;
	if (linked)
		return;
	true_delete(it, r, cleared, truth);
	struct stamp line = item_void(truth, cleared);
	for (int reg = 0; reg < REG_COUNT; reg++)
		if (register_of((enum reg)reg, c))
			true_register(r, (enum reg)reg,
				register_defs[reg].flags & DESCRIPTIVE ? cleared : line, truth);
	/* A clear's values go in slices; until then they only read as defaults. */
	bool pending = a->purge & 1u << c;
	if (!pending)
		item_void_values(truth, cleared);
	true_seq(a, r, truth);
	if (c == COLLECTION_PROGRESS)
		true_place(it, r, cleared, pending, truth);
}

enum err replay_barrier(struct statements *s, const struct account *a, enum collection collection,
	struct stamp *out, bool *doubtful)
{
	struct arena scratch = arena_make(REPLAY_SCRATCH);
	struct value values[REG_COUNT];
	struct stamp barrier = {{0}};
	enum err err = ERR_OK;
	*doubtful = false;
	struct query q = stmt_query(s, STMT_VERIFY_ITEM_ROWS);
	query_int(&q, (int64_t)a->user);
	query_int(&q, collection);
	query_int(&q, 0);
	while (!err && query_row(&q)) {
		struct journal_row row;
		unsigned present = 0;
		const char *fault = NULL;
		arena_reset(&scratch);
		err = journal_judge(&q, a->user, &scratch, &row, &fault, &present, values);
		if (fault)
			*doubtful = true;
		else if (!err)
			(void)merge_stamp(&barrier, row.stamp);
	}
	enum err end = query_end(&q);
	arena_free(&scratch);
	err = err ? err : end;
	if (!err)
		*out = barrier;
	return err;
}
