/*
 * Whatever is done to a store, verify finds nothing: random ops of several devices, in and out of order, with
 * clears, deletes, revivals, restores, candidates, ticks, restarts and slices stopped half-way.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/base/check.h"
#include "tests/unit/sync/checked.h"

enum { SEEDS = 24, OPS = 240, LOOK_EVERY = 24, KEYS = 12 };

struct world {
	struct fixture *f;
	uint64_t seed;
	char keys[KEYS][8];
	char text[4][16];
};

static uint64_t draw(struct world *w)
{
	w->seed += 0x9e3779b97f4a7c15u;
	uint64_t z = w->seed;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static int64_t below(struct world *w, int64_t most)
{
	return (int64_t)(draw(w) % (uint64_t)most);
}

static struct value any_value(struct world *w, enum reg reg)
{
	struct value v = value_default(reg);
	const struct register_def *def = &register_defs[reg];
	for (size_t i = 0; i < def->fields; i++) {
		struct field *f = &v.f[i];
		switch (def->field[i].type) {
		case FIELD_INT:
			f->i = def->field[i].min + below(w, 4);
			break;
		case FIELD_REAL:
			f->r = (double)below(w, 2000) / 4;
			break;
		case FIELD_RATING:
			f->null = below(w, 3) == 0;
			f->i = f->null ? 0 : 1 + below(w, 10);
			break;
		case FIELD_STATUS:
			f->s = str_from(status_names[below(w, STATUS_COUNT)]);
			break;
		case FIELD_DUB:
			f->s = below(w, 2) ? STR("yes") : STR("no");
			break;
		case FIELD_TEXT:
			f->s = str_from(w->text[below(w, 4)]);
			break;
		}
	}
	return v;
}

static void set_some(struct world *w, struct op *op)
{
	for (int reg = 0; reg < REG_COUNT; reg++) {
		if (!register_of((enum reg)reg, op->collection) || below(w, 2))
			continue;
		op->present |= 1u << reg;
		op->values[reg] = any_value(w, (enum reg)reg);
	}
	if (!op->present) {
		op->present = 1u << REG_TITLE;
		op->values[REG_TITLE] = any_value(w, REG_TITLE);
	}
}

static void play(struct world *w, struct op *op)
{
	static const enum event events[] = {EVENT_OPEN, EVENT_HEARTBEAT, EVENT_HEARTBEAT, EVENT_HEARTBEAT,
		EVENT_HEARTBEAT, EVENT_PAUSE, EVENT_SEEK, EVENT_MANUAL};
	static const char *const sessions[] = {"", "a", "b"};
	op->event = events[below(w, (int64_t)COUNT_OF(events))];
	op->session = str_from(sessions[below(w, 3)]);
	op->present = 1u << REG_OPENED;
	int64_t episode = 1 + below(w, 2);
	op->values[REG_OPENED].f[OPENED_EPISODE].i = episode;
	if (op->event == EVENT_OPEN)
		return;
	op->values[REG_POSITION].f[POSITION_EPISODE].i = episode;
	op->values[REG_POSITION].f[POSITION_TIME].r = (double)below(w, 500);
	op->present |= 1u << REG_POSITION;
	op->partial[REG_POSITION] = 1u << POSITION_TIME;
	op->playing_ms = below(w, 4) ? -1 : below(w, 100000);
}

static struct op any_op(struct world *w)
{
	int64_t what = below(w, 100);
	enum collection c = below(w, 3) ? COLLECTION_PROGRESS : COLLECTION_WATCHLIST;
	enum op_kind kind = what < 4 ? OP_CLEAR : what < 14 ? OP_DELETE : OP_SET;
	struct op op = op_make(
		kind, c, str_from(w->keys[below(w, KEYS)]), test_device((unsigned char)(1 + below(w, 3))));
	if (kind == OP_SET && what < 24) {
		op.restore_seq = 1 + below(w, OPS);
	} else if (kind == OP_SET) {
		if (c == COLLECTION_PROGRESS && below(w, 4))
			play(w, &op);
		else
			set_some(w, &op);
	}
	/* Equal times on purpose: then the greater value wins. */
	if (below(w, 3) == 0)
		op.age_ms = 1000 * below(w, 120);
	return op;
}

static void look(struct world *w, uint64_t seed, int step)
{
	struct checked c = checked_verify(w->f);
	if (c.count)
		fail_msg("seed %llu, step %d: %s", (unsigned long long)seed, step, c.text.ptr);
	checked_free(&c);
}

static void one_world(uint64_t seed)
{
	struct world w = {.f = fixture_open(), .seed = seed};
	w.f->options.history_keep = 5;
	fixture_restart(w.f);
	for (int i = 0; i < KEYS; i++)
		(void)snprintf(w.keys[i], sizeof w.keys[i], "k%d", i);
	for (int i = 0; i < 4; i++)
		(void)snprintf(w.text[i], sizeof w.text[i], "t\"\n%d", i);
	for (int step = 0; step < OPS; step++) {
		struct op op = any_op(&w);
		(void)fixture_op(w.f, &op);
		fixture_pass(w.f, 1000 * below(&w, 30));
		if (below(&w, 60) == 0)
			fixture_restart(w.f);
		if (below(&w, 12) == 0)
			(void)checked_slices(w.f, 1 + (int)below(&w, 3));
		if (step % LOOK_EVERY == LOOK_EVERY - 1 || op.kind == OP_CLEAR)
			look(&w, seed, step);
	}
	/* Repairing what is right changes nothing. */
	struct checked lost = checked_repair(w.f);
	assert_int_equal(lost.count, 0);
	checked_free(&lost);
	struct account_delete *d = account_delete_make(w.f->user);
	fixture_run(w.f, &d->job);
	job_free(&d->job);
	do
		look(&w, seed, OPS);
	while (checked_slices(w.f, 1));
	fixture_close(w.f);
}

static void nothing_is_found_whatever_is_done(void **state)
{
	const char *seed = getenv("TSUZUKI_SEED");
	(void)state;
	if (seed) {
		one_world(strtoull(seed, NULL, 10));
		return;
	}
	for (uint64_t i = 1; i <= SEEDS; i++)
		one_world(i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_found_whatever_is_done)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
