#include "users.h"

#include <stdio.h>
#include <string.h>

#include "fate.h"
#include "sync/apply.h"
#include "sync/base/check.h"
#include "sync/query.h"
#include "sync/reader.h"

enum { LOOK_ARENA = 1 << 20, HISTORY_CAP = 4 * 1024 * 1024, EARLY_MS = 58000 };

/* --- what a replica holds of an item, before and after an act --- */

struct look {
	bool known;
	bool place; /* it has a position that counts */
	struct item item;
	struct arena arena;
};

static struct look look_at(struct node *n, int user, enum collection collection, int key)
{
	struct look look = {.arena = arena_make(LOOK_ARENA)};
	struct account account;
	char name[32];
	truth_key(user, key, name);
	if (account_load(&n->reader->statements, n->places[user].user, &account) ||
		item_load(&n->reader->statements, n->places[user].user, collection, str_from(name),
			&look.arena, &look.item))
		return look;
	look.known = true;
	look.place = collection == COLLECTION_PROGRESS &&
		     item_holds(&look.item, REG_POSITION, account.cleared[collection]);
	return look;
}

static int place_value(const struct look *look)
{
	return look->place ? (int)look->item.cells[REG_POSITION].value.f[POSITION_DURATION].r : 0;
}

static bool in_history(struct node *n, int user, int key, int value)
{
	char name[32];
	char text[48];
	struct buf out = buf_make(HISTORY_CAP);
	truth_key(user, key, name);
	(void)snprintf(text, sizeof text, "\"duration\":%d}", value);
	enum err err =
		query_history(n->reader, n->places[user].user, COLLECTION_PROGRESS, str_from(name), &out);
	bool found = !err && buf_ok(&out) && strstr(out.ptr, text) != NULL;
	buf_free(&out);
	return found;
}

/* S5: a tick does not rewind somebody else's place in its first minute; what was overwritten can be read. */
static void check_place(struct world *w, struct node *n, const struct deed *d, struct device_id device,
	const struct look *before, int64_t began_ms)
{
	struct look after = look_at(n, d->user, d->collection, d->key);
	int was = place_value(before);
	int is = place_value(&after);
	const struct cell *place = &before->item.cells[REG_POSITION];
	const struct field *f = place->value.f;
	bool holder = before->place && device_eq(stamp_device(place->stamp), device) &&
		      str_eq(before->item.place_session, str_from(d->session));
	bool on = holder && before->place && f[POSITION_EPISODE].i == d->episode &&
		  d->time >= f[POSITION_TIME].r;
	if (before->place && is == d->value && event_ticks(d->event) && !holder && !n->jumped_ever &&
		f[POSITION_EPISODE].i == d->episode && f[POSITION_TIME].r - d->time > 30 && began_ms &&
		w->true_ms - began_ms < EARLY_MS)
		world_fail(w, "S5", "node %d: act %d rewinds key %d from %f to %f", n->index, d->value,
			d->key, f[POSITION_TIME].r, d->time);
	if (was && was != is && is == d->value && !on && !in_history(n, d->user, d->key, was))
		world_fail(w, "S5", "node %d: the place of act %d, which act %d overwrote, is in no history",
			n->index, was, d->value);
	arena_free(&after.arena);
}

/* --- acts --- */

static struct act *note_act(struct world *w, const struct deed *d)
{
	struct act *a = truth_add(&w->truth, d->user, d->kind, d->collection, d->key);
	a->regs = d->regs;
	a->true_ms = w->true_ms;
	w->tally.acts++;
	return a;
}

static void said(struct world *w, const struct act *a, const struct deed *d, int where)
{
	world_say(w, "act %d user %d at %d: %s %s key %d %s regs %x episode %d time %.0f%s%s",
		truth_number(&w->truth, a) + 1, d->user, where, collection_names[d->collection],
		d->kind == OP_SET      ? "set"
		: d->kind == OP_DELETE ? "delete"
				       : "clear",
		d->key, event_names[d->event], d->regs, d->episode, d->time, d->session[0] ? " session " : "",
		d->session);
}

static void taken(struct world *w, struct node *n, struct act *a, const struct op_result *r)
{
	a->taken_by = n->index;
	a->taken_ms = w->true_ms;
	a->certain = true;
	a->candidate = r->outcome == OUTCOME_CANDIDATE;
	w->tally.candidates += a->candidate;
}

/* At a replica, as over REST. began_ms: the playback's first tick, 0: none. */
static void act_at_node(
	struct world *w, struct node *n, struct deed d, struct device_id device, int64_t began_ms)
{
	struct act *a = note_act(w, &d);
	d.value = a->value;
	struct apply *apply = apply_make(n->places[d.user].user, 1);
	CHECK(apply);
	apply->ops[0] = deed_op(&d, device, &apply->job.arena);
	if (w->controls.rewinds && event_ticks(d.event))
		apply->ops[0].event = EVENT_SEEK;
	struct look before = look_at(n, d.user, d.collection, d.key);
	said(w, a, &d, n->index);
	a->where = n->places[d.user].parent == NO_PARENT ? NOBODY : n->index;
	if (w->controls.early_ack)
		taken(w, n, a, &apply->results[0]);
	if (fate_run(w, n, &apply->job)) {
		if (apply->job.err)
			world_fail(w, "S2", "node %d cannot take act %d: %s", n->index, a->value,
				err_name(apply->job.err));
		else
			taken(w, n, a, &apply->results[0]);
		if (!w->failed && d.event != EVENT_NONE)
			check_place(w, n, &d, device, &before, began_ms);
	}
	arena_free(&before.arena);
	job_free(&apply->job);
}

static void act_at_client(struct world *w, struct client *c, struct deed d)
{
	struct act *a = note_act(w, &d);
	d.value = a->value;
	said(w, a, &d, CLIENT_CODE + c->index);
	a->where = CLIENT_CODE + c->index;
	a->taken_by = CLIENT_CODE + c->index;
	a->taken_ms = w->true_ms;
	a->certain = true;
	client_queue(c, deed_json(&d), truth_number(&w->truth, a), w->true_ms);
}

/* One of the browsers that talk to a replica. */
static struct device_id browser(struct world *w, const struct node *n, int user)
{
	struct device_id device = {{0xb0, (unsigned char)n->index, (unsigned char)user}};
	device.bytes[7] = (unsigned char)rng_below(&w->rng, 2);
	return device;
}

/* A node that is up, or a client; NOBODY when chance finds none. */
static int somewhere(struct world *w, int *user)
{
	int at = (int)rng_below(&w->rng, (uint64_t)(w->weather.nodes + w->weather.clients));
	if (at >= w->weather.nodes) {
		const struct client *c = &w->clients[rng_below(&w->rng, CLIENTS)];
		*user = c->user;
		return c->used && c->count < CLIENT_OPS / 2 ? CLIENT_CODE + c->index : NOBODY;
	}
	const struct node *n = &w->nodes[rng_below(&w->rng, NODES)];
	*user = (int)rng_below(&w->rng, USERS);
	return n->used && n->up && n->places[*user].user ? n->index : NOBODY;
}

/* --- out of the history --- */

static unsigned row_registers(const json_t *row, enum collection collection, int *value)
{
	unsigned mask = 0;
	const char *name;
	json_t *v;
	*value = 0;
	json_object_foreach (json_object_get(row, "registers"), name, v) {
		for (int reg = 0; reg < REG_COUNT; reg++) {
			if (!register_of((enum reg)reg, collection) ||
				strcmp(register_defs[reg].name, name) != 0)
				continue;
			mask |= 1u << reg;
			if (!*value)
				*value = truth_value((enum reg)reg, v);
		}
	}
	return mask;
}

static void restore_at_node(struct world *w, struct node *n, int user)
{
	struct deed d = deed_draw(&w->rng, user);
	char key[32];
	truth_key(user, d.key, key);
	struct buf out = buf_make(HISTORY_CAP);
	CHECK(query_history(n->reader, n->places[user].user, d.collection, str_from(key), &out) == ERR_OK);
	json_t *rows = json_loads(out.ptr, 0, NULL);
	buf_free(&out);
	const json_t *row = json_array_size(rows)
				    ? json_array_get(rows, rng_below(&w->rng, json_array_size(rows)))
				    : NULL;
	int value = 0;
	d.kind = OP_SET;
	d.event = EVENT_NONE;
	d.session[0] = '\0';
	d.regs = row ? row_registers(row, d.collection, &value) : 0;
	if (d.regs && value) {
		struct act *a = note_act(w, &d);
		a->value = value;
		said(w, a, &d, n->index);
		struct apply *apply = apply_make(n->places[user].user, 1);
		CHECK(apply);
		struct str copy;
		CHECK(arena_str(&apply->job.arena, str_from(key), &copy));
		apply->ops[0] = op_make(OP_SET, d.collection, copy, browser(w, n, user));
		apply->ops[0].restore_seq = json_integer_value(json_object_get(row, "seq"));
		a->where = n->places[user].parent == NO_PARENT ? NOBODY : n->index;
		if (fate_run(w, n, &apply->job)) {
			if (apply->job.err || apply->results[0].outcome == OUTCOME_REFUSED)
				world_fail(w, "S5", "node %d cannot restore a row of its history: %s",
					n->index, err_name(apply->job.err));
			else
				taken(w, n, a, &apply->results[0]);
		}
		job_free(&apply->job);
	}
	json_decref(rows);
}

void users_act(struct world *w)
{
	int user = 0;
	int at = somewhere(w, &user);
	if (at == NOBODY)
		return;
	struct deed d = deed_draw(&w->rng, user);
	if (at >= CLIENT_CODE) {
		struct client *c = &w->clients[at - CLIENT_CODE];
		if (rng_chance(&w->rng, w->weather.bad))
			client_queue(c, deed_bad(&w->rng, user), -2, w->true_ms);
		act_at_client(w, c, d);
		return;
	}
	struct node *n = &w->nodes[at];
	if (rng_chance(&w->rng, 60))
		restore_at_node(w, n, user);
	else
		act_at_node(w, n, d, browser(w, n, user), 0);
}

/* --- playback --- */

void users_play(struct world *w)
{
	int user = 0;
	int at = somewhere(w, &user);
	struct player *p = &w->players[rng_below(&w->rng, PLAYERS)];
	if (at == NOBODY || p->used)
		return;
	*p = (struct player){.used = true,
		.at = at,
		.ticks = (int)rng_between(&w->rng, 3, 25),
		.paused = rng_chance(&w->rng, 200),
		.next_ms = w->true_ms + 10};
	p->deed = deed_draw(&w->rng, user);
	p->deed.kind = OP_SET;
	p->deed.collection = COLLECTION_PROGRESS;
	p->deed.event = EVENT_HEARTBEAT;
	p->deed.regs = 1u << REG_POSITION;
	(void)snprintf(p->deed.session, sizeof p->deed.session, "s%llu",
		(unsigned long long)rng_below(&w->rng, 1000));
	if (at < CLIENT_CODE) {
		p->device = browser(w, &w->nodes[at], user);
		/* Half of the players go on where somebody stopped. */
		struct look look = look_at(&w->nodes[at], user, COLLECTION_PROGRESS, p->deed.key);
		const struct field *f = look.item.cells[REG_POSITION].value.f;
		if (look.place && rng_chance(&w->rng, 500)) {
			p->deed.episode = (int)f[POSITION_EPISODE].i;
			p->deed.time = f[POSITION_TIME].r;
		}
		arena_free(&look.arena);
	}
}

int64_t users_next(const struct world *w)
{
	int64_t next = INT64_MAX;
	for (int i = 0; i < PLAYERS; i++)
		if (w->players[i].used && w->players[i].next_ms < next)
			next = w->players[i].next_ms;
	return next;
}

static void tick(struct world *w, struct player *p)
{
	int64_t pause = rng_chance(&w->rng, 900) ? rng_between(&w->rng, 1000, 10000)
						 : rng_between(&w->rng, 10000, 90000);
	struct deed d = p->deed;
	d.event = p->ticks == 1 ? EVENT_STOP : rng_chance(&w->rng, 60) ? EVENT_PAUSE : EVENT_HEARTBEAT;
	if (rng_chance(&w->rng, 30))
		d.event = EVENT_SEEK;
	if (!p->began_ms)
		p->began_ms = w->true_ms;
	if (p->at >= CLIENT_CODE) {
		struct client *c = &w->clients[p->at - CLIENT_CODE];
		if (c->used && c->count < CLIENT_OPS / 2)
			act_at_client(w, c, d);
	} else if (w->nodes[p->at].up) {
		act_at_node(w, &w->nodes[p->at], d, p->device, p->began_ms);
	}
	if (!p->paused)
		p->deed.time += (double)pause / 1000;
	p->next_ms = w->true_ms + pause;
	p->used = --p->ticks > 0;
}

void users_tick(struct world *w)
{
	int64_t next = users_next(w);
	for (int i = 0; i < PLAYERS; i++) {
		struct player *p = &w->players[i];
		if (p->used && p->next_ms == next) {
			tick(w, p);
			return;
		}
	}
}
