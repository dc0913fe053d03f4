#include "judge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "serve.h"
#include "sync/base/check.h"
#include "sync/verify.h"

/* --- what survives --- */

static void survey_view(struct world *w, int user, const json_t *view, struct survivors *out)
{
	size_t at;
	json_t *item;
	json_array_foreach (json_object_get(view, "items"), at, item) {
		const json_t *registers = json_object_get(item, "registers");
		for (int reg = 0; reg < REG_COUNT; reg++) {
			const json_t *cell = json_object_get(registers, register_defs[reg].name);
			int value = truth_value((enum reg)reg, json_object_get(cell, "value"));
			if (value > 0 && (size_t)value <= w->truth.count &&
				w->truth.acts[value - 1].user == user)
				out->regs[value - 1] |= 1u << reg;
		}
	}
}

void judge_survey(struct world *w, struct survivors *out)
{
	out->regs = calloc(w->truth.count + 1, sizeof *out->regs);
	CHECK(out->regs);
	for (int i = 0; i < OTHER_HOME && !w->failed; i++) {
		for (int u = 0; u < USERS && w->nodes[i].used; u++) {
			if (!w->nodes[i].places[u].user)
				continue;
			json_t *view = serve_view(&w->nodes[i], u);
			if (view)
				survey_view(w, u, view, out);
			else
				world_fail(w, "S2", "node %d cannot be read", i);
			json_decref(view);
		}
	}
	for (int i = 0; i < CLIENTS; i++) {
		if (!w->clients[i].used || !w->clients[i].pulls)
			continue;
		json_t *view = client_view(&w->clients[i]);
		survey_view(w, w->clients[i].user, view, out);
		json_decref(view);
	}
}

void judge_free(struct survivors *s)
{
	free(s->regs);
	s->regs = NULL;
}

/* --- S1 --- */

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : "";
}

/* Leaves out what is void: it reads as its default everywhere. */
static void drop_void(json_t *view)
{
	size_t at;
	json_t *item;
	json_array_foreach (json_object_get(view, "items"), at, item) {
		const char *deleted = text_of(item, "deletedStamp");
		const char *cleared = text_of(json_object_get(view, "cleared"), text_of(item, "collection"));
		const char *gone = strcmp(deleted, cleared) > 0 ? deleted : cleared;
		json_t *registers = json_object_get(item, "registers");
		for (int reg = 0; reg < REG_COUNT; reg++) {
			const json_t *cell = json_object_get(registers, register_defs[reg].name);
			if (cell && !(register_defs[reg].flags & DESCRIPTIVE) &&
				strcmp(text_of(cell, "stamp"), gone) <= 0)
				(void)json_object_del(registers, register_defs[reg].name);
		}
	}
}

/* As JSON values: 7 is 7.0. */
static bool same(const json_t *a, const json_t *b)
{
	const char *name;
	json_t *value;
	if (json_is_number(a) && json_is_number(b))
		return fabs(json_number_value(a) - json_number_value(b)) < 1e-9;
	if (!json_is_object(a) || !json_is_object(b))
		return json_equal(a, b);
	if (json_object_size(a) != json_object_size(b))
		return false;
	json_object_foreach ((json_t *)(uintptr_t)a, name, value)
		if (!same(value, json_object_get(b, name)))
			return false;
	return true;
}

/* Items that were never more than a row (an op that was rejected, a stub without anything) do not count. */
static bool hollow(const json_t *item)
{
	return json_object_size(json_object_get(item, "registers")) == 0 &&
	       !json_object_get(item, "deletedStamp");
}

/* The first field in which they differ, NULL when in none. */
static const char *difference(const json_t *a, const json_t *b)
{
	static const char *const names[] = {"_id", "deleted", "deletedStamp", "registers", "created"};
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		const json_t *left = json_object_get(a, names[i]);
		const json_t *right = json_object_get(b, names[i]);
		/* Of an item that is gone nobody asks since when it lived. */
		if (strcmp(names[i], "created") == 0 && json_is_true(json_object_get(a, "deleted")))
			continue;
		/* A client makes ids itself, of the key that comes with its tokens. */
		if (strcmp(names[i], "_id") == 0 && !right)
			continue;
		if ((left || right) && !same(left, right))
			return names[i];
	}
	return NULL;
}

static int by_key(const json_t *a, const json_t *b)
{
	int order = strcmp(text_of(a, "collection"), text_of(b, "collection"));
	return order ? order : strcmp(text_of(a, "key"), text_of(b, "key"));
}

static char *shown(const json_t *item, const char *name)
{
	const json_t *part = name ? json_object_get(item, name) : item;
	return part ? json_dumps(part, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
}

static void compare(
	struct world *w, const char *who, int index, int user, const json_t *home, const json_t *view)
{
	const json_t *a = json_object_get(home, "items");
	const json_t *b = json_object_get(view, "items");
	size_t i = 0;
	size_t j = 0;
	while (!w->failed) {
		const json_t *left = json_array_get(a, i);
		const json_t *right = json_array_get(b, j);
		if (!left && !right)
			break;
		if (left && hollow(left)) {
			i++;
		} else if (right && hollow(right)) {
			j++;
		} else if (!left || !right || difference(left, right)) {
			int order = !left ? 1 : !right ? -1 : by_key(left, right);
			const char *name = order ? NULL : difference(left, right);
			char *one = order > 0 ? NULL : shown(left, name);
			char *two = order < 0 ? NULL : shown(right, name);
			left = order > 0 ? right : left;
			world_fail(w, "S1", "user %d %s %s: home has %s %s, %s %d has %s", user,
				text_of(left, "collection"), text_of(left, "key"), name ? name : "all of",
				one ? one : "nothing", who, index, two ? two : "nothing");
			free(one);
			free(two);
		} else {
			i++;
			j++;
		}
	}
	if (!w->failed && !json_equal(json_object_get(home, "cleared"), json_object_get(view, "cleared")))
		world_fail(w, "S1", "user %d: home and %s %d hold other barriers", user, who, index);
}

static void judge_equal(struct world *w, int user, const json_t *home)
{
	for (int i = 1; i < OTHER_HOME && !w->failed; i++) {
		if (!w->nodes[i].used || !w->nodes[i].places[user].user)
			continue;
		json_t *view = serve_view(&w->nodes[i], user);
		drop_void(view);
		compare(w, "node", i, user, home, view);
		json_decref(view);
	}
	for (int i = 0; i < CLIENTS && !w->failed; i++) {
		const struct client *c = &w->clients[i];
		if (!c->used || !c->pulls || c->user != user)
			continue;
		json_t *view = client_view(c);
		drop_void(view);
		compare(w, "client", i, user, home, view);
		json_decref(view);
	}
}

/* --- every store agrees with itself --- */

struct verifying {
	struct world *w;
	int node;
};

static void found(void *context, const struct finding *finding)
{
	const struct verifying *v = context;
	world_fail(v->w, "verify", "node %d: %s", v->node, finding->text);
}

static void judge_stores(struct world *w)
{
	for (int i = 0; i < NODES && !w->failed; i++) {
		struct verifying v = {w, i};
		struct verify_counts counts;
		if (w->nodes[i].used && verify_run(w->nodes[i].reader, found, &v, &counts))
			world_fail(w, "verify", "node %d cannot be looked at", i);
	}
}

/* --- S2, S4, S6, S7: who should have won --- */

static const int64_t NEVER = INT64_MIN;

/* How far the times that two acts were given may be off from each other. */
static int64_t tolerance(const struct world *w)
{
	int hops = w->weather.nodes + w->relinks + 1;
	return 1000 + 2 * hops * (w->weather.latency_ms + 2000);
}

struct trial {
	struct world *w;
	const struct survivors *s;
	int user;
	enum collection collection;
	int key;
	int64_t gone_must; /* the last delete or clear that counts, and the last there may have been */
	int64_t gone_may;
};

static bool about(const struct trial *t, const struct act *a)
{
	return a->user == t->user && a->collection == t->collection &&
	       (a->kind == OP_CLEAR || a->key == t->key);
}

static void find_gone(struct trial *t)
{
	t->gone_must = t->gone_may = NEVER;
	for (size_t i = 0; i < t->w->truth.count; i++) {
		const struct act *a = &t->w->truth.acts[i];
		if (a->kind == OP_SET || !about(t, a))
			continue;
		int64_t may = a->loose ? INT64_MAX : a->true_ms;
		if (may > t->gone_may)
			t->gone_may = may;
		if (a->certain && a->taken_by != OTHER_HOME && !a->loose && a->true_ms > t->gone_must)
			t->gone_must = a->true_ms;
	}
}

/* The last act that must be there: NULL when there is none. */
static const struct act *must_have(const struct trial *t, enum reg reg)
{
	const struct act *best = NULL;
	for (size_t i = 0; i < t->w->truth.count; i++) {
		const struct act *a = &t->w->truth.acts[i];
		/* What only the other home server was told, nobody here may know. */
		bool there = (a->certain && a->taken_by != OTHER_HOME) || t->s->regs[i] & 1u << reg;
		if (a->kind == OP_SET && about(t, a) && a->regs & 1u << reg && there && !a->candidate &&
			!a->loose && (!best || a->true_ms > best->true_ms))
			best = a;
	}
	return best;
}

/* The last act that wrote this value; *loose when it may have been measured wrongly. */
static const struct act *written_by(const struct trial *t, enum reg reg, int value, bool *loose)
{
	const struct act *best = NULL;
	*loose = false;
	for (size_t i = 0; i < t->w->truth.count; i++) {
		const struct act *a = &t->w->truth.acts[i];
		if (a->kind != OP_SET || !about(t, a) || !(a->regs & 1u << reg) || a->value != value)
			continue;
		*loose |= a->loose;
		if (!best || a->true_ms > best->true_ms)
			best = a;
	}
	return best;
}

static void judge_winner(struct trial *t, enum reg reg, const json_t *value)
{
	struct world *w = t->w;
	const struct act *must = must_have(t, reg);
	bool loose = false;
	int id = truth_value(reg, value);
	const struct act *is = id ? written_by(t, reg, id, &loose) : NULL;
	if (!id)
		return;
	if (!is) {
		world_fail(w, "S10", "user %d key %d: %s holds the value of act %d, which did not write it",
			t->user, t->key, register_defs[reg].name, id);
		return;
	}
	if (loose)
		return;
	if (must && must->true_ms > is->true_ms + tolerance(w))
		world_fail(w, must->certain ? "S4" : "S7",
			"user %d key %d: %s is that of act %d, but act %d came %lld ms later", t->user,
			t->key, register_defs[reg].name, truth_number(&w->truth, is) + 1,
			truth_number(&w->truth, must) + 1, (long long)(must->true_ms - is->true_ms));
	if (!(register_defs[reg].flags & DESCRIPTIVE) && t->gone_must > is->true_ms + tolerance(w))
		world_fail(w, "S6", "user %d key %d: %s is that of act %d, but all was removed %lld ms later",
			t->user, t->key, register_defs[reg].name, truth_number(&w->truth, is) + 1,
			(long long)(t->gone_must - is->true_ms));
}

static void judge_absence(struct trial *t, enum reg reg)
{
	struct world *w = t->w;
	const struct act *must = must_have(t, reg);
	if (!must)
		return;
	if (!(register_defs[reg].flags & DESCRIPTIVE) && t->gone_may >= must->true_ms - tolerance(w))
		return;
	world_fail(w, must->certain ? "S2" : "S7", "user %d key %d: %s of act %d is lost", t->user, t->key,
		register_defs[reg].name, truth_number(&w->truth, must) + 1);
}

static void judge_item(struct trial *t, const json_t *items)
{
	char key[32];
	size_t at;
	json_t *item;
	const json_t *registers = NULL;
	truth_key(t->user, t->key, key);
	json_array_foreach (items, at, item)
		if (strcmp(json_string_value(json_object_get(item, "key")), key) == 0 &&
			strcmp(json_string_value(json_object_get(item, "collection")),
				collection_names[t->collection]) == 0)
			registers = json_object_get(item, "registers");
	find_gone(t);
	for (int reg = 0; reg < REG_COUNT && !t->w->failed; reg++) {
		if (!register_of((enum reg)reg, t->collection))
			continue;
		const json_t *cell = json_object_get(registers, register_defs[reg].name);
		if (cell)
			judge_winner(t, (enum reg)reg, json_object_get(cell, "value"));
		else
			judge_absence(t, (enum reg)reg);
	}
}

void judge(struct world *w, const struct survivors *s)
{
	for (int u = 0; u < USERS && !w->failed; u++) {
		json_t *home = serve_view(&w->nodes[0], u);
		if (!home) {
			world_fail(w, "S2", "the home server cannot be read");
			return;
		}
		drop_void(home);
		judge_equal(w, u, home);
		for (int c = 0; c < COLLECTION_COUNT; c++) {
			for (int k = 0; k < KEYS && !w->failed; k++) {
				struct trial t = {.w = w,
					.s = s,
					.user = u,
					.collection = (enum collection)c,
					.key = k};
				judge_item(&t, json_object_get(home, "items"));
			}
		}
		json_decref(home);
	}
	judge_stores(w);
}
