#include "sync/admit.h"

#include <math.h>
#include <string.h>

static const int64_t SESSION_PAUSE_MS = 600000; /* after that long without a tick a session begins anew */
static const int64_t EARLY_MS = 60000;
static const double REWIND_S = 30;
static const double PAUSED_S = 1;

bool admit_holder(const struct item *it, struct stamp cleared, const struct op *op)
{
	return item_holds(it, REG_POSITION, cleared) &&
	       device_eq(stamp_device(it->cells[REG_POSITION].stamp), op->device) &&
	       str_eq(it->place_session, op->session);
}

struct playback admit_holder_state(const struct item *it)
{
	const struct cell *position = &it->cells[REG_POSITION];
	return (struct playback){.known = true,
		.began = it->place_began,
		.last = stamp_ms(position->stamp),
		.ticked = true,
		.anchor_episode = position->value.f[POSITION_EPISODE].i,
		.anchor_time = position->value.f[POSITION_TIME].r};
}

/* The register with what the op left out completed: kept when the stored one is of the same episode, else
 * default. */
static struct value complete(
	const struct item *it, struct stamp cleared, const struct op *op, enum reg reg, int64_t episode)
{
	struct value v = value_default(reg);
	const struct cell *cell = &it->cells[reg];
	if (item_holds(it, reg, cleared) && cell->value.f[0].i == episode)
		v = cell->value;
	if (op->present & 1u << reg)
		for (size_t i = 0; i < register_defs[reg].fields; i++)
			if (op->partial[reg] & 1u << i)
				v.f[i] = op->values[reg].f[i];
	v.f[0].i = episode; /* both registers name their episode first */
	return v;
}

static void session_ticks(struct playback *s, int64_t ms, int64_t playing_ms)
{
	if (!s->known || ms - s->last > SESSION_PAUSE_MS) {
		s->began = ms;
		s->last = ms;
	}
	int64_t began = playing_ms > 0 ? ms - playing_ms : ms;
	if (began < s->began)
		s->began = began;
	if (ms > s->last)
		s->last = ms;
	s->known = true;
}

static void anchor(struct playback *s, const struct value *position)
{
	s->ticked = true;
	s->anchor_episode = position->f[POSITION_EPISODE].i;
	s->anchor_time = position->f[POSITION_TIME].r;
}

/* The questions put to a ticking session that does not hold the place. */
static bool suspicious(const struct item *it, int64_t ms, const struct value *position, struct admission *out)
{
	const struct playback *s = &out->session;
	const struct value *stored = &it->cells[REG_POSITION].value;
	int64_t episode = position->f[POSITION_EPISODE].i;
	double time = position->f[POSITION_TIME].r;

	if (s->ticked && s->anchor_episode == episode && fabs(time - s->anchor_time) < PAUSED_S) {
		out->rule = RULE_PAUSED_PLAYER;
		return true;
	}
	if (stored->f[POSITION_EPISODE].i == episode && stored->f[POSITION_TIME].r - time > REWIND_S &&
		ms - s->began <= EARLY_MS) {
		out->rule = RULE_EARLY_REWIND;
		return true;
	}
	return false;
}

/* Registers that describe the title, and opened, are written only when they would change. */
static void keep_changes(const struct item *it, struct stamp cleared, struct admission *out)
{
	for (int reg = 0; reg < REG_COUNT; reg++) {
		if (!(out->present & 1u << reg) || reg == REG_POSITION)
			continue;
		bool held = register_defs[reg].flags & DESCRIPTIVE ? stamp_set(it->cells[reg].stamp)
								   : item_holds(it, (enum reg)reg, cleared);
		if (held && value_eq((enum reg)reg, &it->cells[reg].value, &out->values[reg]))
			out->present &= ~(1u << reg);
	}
}

void admit(const struct item *it, struct stamp cleared, const struct op *op, struct stamp stamp,
	const struct playback *before, struct admission *out)
{
	int64_t ms = stamp_ms(stamp);
	bool holder = admit_holder(it, cleared, op);
	bool open = op->event == EVENT_OPEN;
	enum reg names_episode = op->present & 1u << REG_POSITION ? REG_POSITION : REG_OPENED;
	int64_t episode = op->values[names_episode].f[0].i;

	memset(out, 0, sizeof *out);
	out->session = holder ? admit_holder_state(it) : *before;
	out->present = op->present | 1u << REG_OPENED;
	memcpy(out->values, op->values, sizeof out->values);
	out->values[REG_OPENED] = complete(it, cleared, op, REG_OPENED, episode);
	session_ticks(&out->session, ms, op->playing_ms);
	if (open) {
		/* Opening says nothing about a place, even when it was already there: it always counts as
		 * opened last. */
		out->present &= ~(1u << REG_POSITION);
		keep_changes(it, cleared, out);
		out->present |= 1u << REG_OPENED;
		return;
	}
	out->present |= 1u << REG_POSITION;
	out->values[REG_POSITION] = complete(it, cleared, op, REG_POSITION, episode);
	keep_changes(it, cleared, out);
	bool place = item_holds(it, REG_POSITION, cleared);
	bool older = place && stamp_cmp(stamp, it->cells[REG_POSITION].stamp) < 0;
	if (event_ticks(op->event) && place && !holder && !older)
		out->candidate = suspicious(it, ms, &out->values[REG_POSITION], out);
	if (!out->candidate || out->rule != RULE_PAUSED_PLAYER)
		anchor(&out->session, &out->values[REG_POSITION]);
}
