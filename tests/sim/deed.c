#include "deed.h"

#include <stdio.h>
#include <string.h>

#include "sync/base/check.h"

static unsigned registers_of(enum collection collection)
{
	unsigned mask = 0;
	for (int reg = 0; reg < REG_COUNT; reg++)
		if (register_of((enum reg)reg, collection))
			mask |= 1u << reg;
	return mask;
}

/* One of the registers in the mask. */
static unsigned one_of(struct rng *rng, unsigned mask)
{
	for (;;) {
		unsigned bit = 1u << rng_below(rng, REG_COUNT);
		if (bit & mask)
			return bit;
	}
}

struct deed deed_draw(struct rng *rng, int user)
{
	struct deed d = {.user = user,
		.key = (int)rng_below(rng, KEYS),
		.kind = OP_SET,
		.collection = rng_chance(rng, 500) ? COLLECTION_WATCHLIST : COLLECTION_PROGRESS,
		.status = (int)rng_below(rng, STATUS_COUNT),
		.rating = (int)rng_below(rng, 11),
		.episode = 1 + (int)rng_below(rng, 3),
		.time = (double)rng_below(rng, 1400)};
	uint64_t what = rng_below(rng, 100);
	if (what < 4) {
		d.kind = OP_CLEAR;
	} else if (what < 18) {
		d.kind = OP_DELETE;
	} else if (d.collection == COLLECTION_WATCHLIST) {
		d.regs = registers_of(d.collection);
		if (what >= 35)
			d.regs = one_of(rng, d.regs);
		if (what >= 85)
			d.regs |= one_of(rng, registers_of(d.collection));
	} else if (what < 50) {
		d.event = EVENT_OPEN;
		d.regs = 1u << REG_OPENED | (what < 30 ? 1u << REG_TITLE : 0);
	} else if (what < 85) {
		d.event = rng_chance(rng, 500) ? EVENT_MANUAL : EVENT_SEEK;
		d.regs = 1u << REG_POSITION;
		d.regs |= what < 70 ? 1u << REG_OPENED : 0;
		d.regs |= what < 60 ? 1u << REG_IMAGE : 0;
	} else {
		d.regs = one_of(rng, registers_of(d.collection));
	}
	if (d.event != EVENT_NONE)
		(void)snprintf(d.session, sizeof d.session, "%s", rng_chance(rng, 300) ? "" : "web");
	return d;
}

static void text_value(char kind, int value, char out[16])
{
	(void)snprintf(out, 16, "%c%d", kind, value);
}

static struct str copied(struct arena *a, const char *text)
{
	struct str out;
	CHECK(arena_str(a, str_from(text), &out));
	return out;
}

static void set_value(const struct deed *d, enum reg reg, struct op *op, struct arena *a)
{
	struct field *f = op->values[reg].f;
	char text[16];
	op->values[reg] = value_default(reg);
	op->partial[reg] = (1u << register_defs[reg].fields) - 1;
	switch (reg) {
	case REG_TITLE:
	case REG_IMAGE:
	case REG_NOTES:
		text_value('v', d->value, text);
		f[0].s = copied(a, text);
		break;
	case REG_STATUS:
		f[0].s = str_from(status_names[d->status]);
		break;
	case REG_RATING:
		f[0].null = d->rating == 0;
		f[0].i = d->rating;
		break;
	case REG_POSITION:
		f[POSITION_EPISODE].i = d->episode;
		f[POSITION_TIME].r = d->time;
		f[POSITION_DURATION].r = d->value;
		break;
	case REG_OPENED:
		text_value('v', d->value, text);
		f[OPENED_EPISODE].i = d->episode;
		f[OPENED_TITLE].s = copied(a, text);
		if (d->event != EVENT_NONE)
			op->partial[reg] = 1u << OPENED_EPISODE | 1u << OPENED_TITLE;
		break;
	default:
		f[0].i = d->value;
	}
}

struct op deed_op(const struct deed *d, struct device_id device, struct arena *a)
{
	char key[32];
	truth_key(d->user, d->key, key);
	struct op op = op_make(d->kind, d->collection, copied(a, key), device);
	op.event = d->event;
	op.session = copied(a, d->session);
	if (d->kind != OP_SET)
		return op;
	op.present = d->regs;
	for (int reg = 0; reg < REG_COUNT; reg++)
		if (d->regs & 1u << reg)
			set_value(d, (enum reg)reg, &op, a);
	return op;
}

static json_t *json_value(const struct deed *d, enum reg reg)
{
	char text[16];
	text_value('v', d->value, text);
	switch (reg) {
	case REG_TITLE:
	case REG_IMAGE:
	case REG_NOTES:
		return json_string(text);
	case REG_STATUS:
		return json_string(status_names[d->status]);
	case REG_RATING:
		return d->rating ? json_integer(d->rating) : json_null();
	case REG_POSITION:
		return json_pack("{s:i, s:f, s:i}", "currentEpisode", d->episode, "currentTime", d->time,
			"duration", d->value);
	case REG_OPENED:
		if (d->event != EVENT_NONE)
			return json_pack("{s:i, s:s}", "currentEpisode", d->episode, "episodeTitle", text);
		return json_pack("{s:i, s:s, s:s, s:s, s:s}", "currentEpisode", d->episode, "episodeTitle",
			text, "episodeId", "", "dub", "no", "server", "");
	default:
		return json_integer(d->value);
	}
}

json_t *deed_json(const struct deed *d)
{
	char key[32];
	truth_key(d->user, d->key, key);
	json_t *op = json_object();
	(void)json_object_set_new(op, "collection", json_string(collection_names[d->collection]));
	if (d->kind != OP_CLEAR)
		(void)json_object_set_new(op, "key", json_string(key));
	if (d->kind == OP_CLEAR)
		(void)json_object_set_new(op, "clear", json_true());
	if (d->kind == OP_DELETE)
		(void)json_object_set_new(op, "delete", json_true());
	if (d->kind != OP_SET)
		return op;
	json_t *set = json_object();
	for (int reg = 0; reg < REG_COUNT; reg++)
		if (d->regs & 1u << reg)
			(void)json_object_set_new(set, register_defs[reg].name, json_value(d, (enum reg)reg));
	(void)json_object_set_new(op, "set", set);
	if (d->event != EVENT_NONE)
		(void)json_object_set_new(op, "event", json_string(event_names[d->event]));
	if (d->session[0])
		(void)json_object_set_new(op, "session", json_string(d->session));
	return op;
}

json_t *deed_bad(struct rng *rng, int user)
{
	char key[32];
	truth_key(user, (int)rng_below(rng, KEYS), key);
	switch (rng_below(rng, 8)) {
	case 0:
		return json_pack(
			"{s:s, s:s, s:{s:i}}", "collection", "watchlist", "key", key, "set", "rating", 11);
	case 1:
		return json_pack(
			"{s:s, s:s, s:{s:s}}", "collection", "diary", "key", key, "set", "notes", "x");
	case 2:
		return json_pack(
			"{s:s, s:s, s:{s:s}}", "collection", "watchlist", "key", key, "set", "colour", "red");
	case 3:
		return json_pack("{s:s, s:s, s:{s:s, s:i}}", "collection", "watchlist", "key", key, "set",
			"notes", "must not be written", "rating", 99);
	case 4:
		return json_pack("{s:s, s:s, s:b, s:b}", "collection", "progress", "key", key, "delete", 1,
			"clear", 1);
	case 5:
		return json_pack("{s:s, s:s, s:b}", "collection", "progress", "key", "", "delete", 1);
	case 6:
		return json_pack("{s:s, s:s, s:{s:{s:i}}}", "collection", "progress", "key", key, "set",
			"position", "currentEpisode", 1);
	default:
		return json_pack("{s:s, s:s, s:s, s:{s:s}}", "collection", "watchlist", "key", key, "whim",
			"yes", "set", "notes", "must not be written");
	}
}
