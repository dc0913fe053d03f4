#include "fate.h"

#include <string.h>

#include "carry.h"
#include "sync/base/check.h"
#include "sync/query.h"

/* --- truth: what excuses --- */

/* Acts on their way to this replica, which its clock will have measured wrongly. */
static void loosen_under_way(struct world *w, int to)
{
	for (size_t i = 0; i < w->truth.count; i++) {
		struct act *a = &w->truth.acts[i];
		if (a->where != NOBODY && a->where != to && world_above(w, a->user, to, a->where))
			a->loose = true;
	}
}

static void loosen_all(struct world *w, int user)
{
	for (size_t i = 0; i < w->truth.count; i++)
		if (user < 0 || w->truth.acts[i].user == user)
			w->truth.acts[i].loose = true;
}

static void mark(struct world *w, int where, bool rebooted, bool jumped)
{
	for (size_t i = 0; i < w->truth.count; i++) {
		struct act *a = &w->truth.acts[i];
		if (a->where != where)
			continue;
		a->rebooted |= rebooted;
		a->jumped |= jumped;
	}
}

/* --- death and life --- */

void fate_dies(struct world *w, struct node *n)
{
	enum disk_loss loss = (enum disk_loss)rng_below(&w->rng, 3);
	world_say(w, "node %d dies (%d)", n->index, (int)loss);
	w->tally.crashes++;
	node_bury(n, loss);
	for (int u = 0; u < USERS; u++)
		w->carriers[n->index][u].waiting = false;
}

bool fate_run(struct world *w, struct node *n, struct job *job)
{
	if (node_run(n, job))
		return true;
	fate_dies(w, n);
	return false;
}

static void start(struct world *w, struct node *n)
{
	struct buf why = buf_make(4096);
	/* Off with a clock that is wrong. */
	if (n->jumped_ever)
		loosen_under_way(w, n->index);
	mark(w, n->index, true, false);
	for (int u = 0; u < USERS; u++) {
		w->carriers[n->index][u].waiting = false;
		w->carriers[n->index][u].round++;
	}
	if (node_start(n, &why)) {
		world_say(w, "node %d starts", n->index);
		if (!node_tick(n))
			fate_dies(w, n);
	} else if (disk_dead(n->disk)) {
		fate_dies(w, n);
	} else {
		world_fail(w, "S2", "node %d does not start: %s", n->index, why.ptr ? why.ptr : "");
	}
	buf_free(&why);
}

static void stop(struct world *w, struct node *n)
{
	world_say(w, "node %d stops", n->index);
	node_stop(n);
	for (int u = 0; u < USERS; u++)
		w->carriers[n->index][u].waiting = false;
	if (disk_dead(n->disk))
		fate_dies(w, n);
}

/* --- clocks --- */

static int64_t draw_jump(struct rng *rng)
{
	static const int64_t most[] = {5000, 600000, 86400000, 315360000000};
	int64_t far = most[rng_below(rng, 4)];
	int64_t by = rng_between(rng, -far, far);
	return by;
}

/* What a restore took away comes again from below, measured by clocks that may have been set since. */
static void loosen_lost(struct world *w)
{
	for (size_t i = 0; i < w->truth.count; i++)
		for (int k = 0; k < NODES; k++)
			w->truth.acts[i].loose |= node_lost(&w->nodes[k], w->truth.acts[i].true_ms);
}

static void jump_node(struct world *w, struct node *n)
{
	int64_t by = draw_jump(&w->rng);
	/* A daemon looks at its clock all the time; it has done so before the step, and does so after it. */
	if (n->up && !node_tick(n))
		fate_dies(w, n);
	/* Ten years at most. */
	if (n->wall_off + by > 315360000000 || n->wall_off + by < -315360000000)
		by = -n->wall_off;
	n->wall_off += by;
	n->jumped_since_start = true;
	n->jumped_ever = true;
	w->tally.jumps++;
	world_say(w, "the clock of node %d is set by %lld", n->index, (long long)by);
	mark(w, n->index, false, true);
	loosen_lost(w);
	if (n->twin)
		loosen_all(w, -1);
	if (by > 0)
		loosen_under_way(w, n->index);
	if (n->up && !node_tick(n))
		fate_dies(w, n);
}

static void jump_client(struct world *w, struct client *c)
{
	c->wall_off += draw_jump(&w->rng);
	mark(w, CLIENT_CODE + c->index, false, true);
	w->tally.jumps++;
	c->jumped_since_start = true;
}

/* From here on it tells times by its wall clock. */
static void restart_client(struct world *w, struct client *c)
{
	world_say(w, "client %d starts", c->index);
	c->boot++;
	c->waiting = false;
	mark(w, CLIENT_CODE + c->index, true, false);
}

/* --- backups --- */

static void back_up(struct world *w, struct node *n)
{
	int slot = (int)rng_below(&w->rng, BACKUPS);
	if (disk_dead(n->disk))
		return;
	if (w->backups[slot].used)
		backup_free(&w->backups[slot].backup);
	w->backups[slot].used = node_backup(n, &w->backups[slot].backup);
	w->backups[slot].node = n->index;
	world_say(w, "node %d is backed up", n->index);
}

/* What it said since the backup counts no longer. */
static void forget(struct world *w, int where, int64_t since)
{
	for (size_t i = 0; i < w->truth.count; i++) {
		struct act *a = &w->truth.acts[i];
		if (a->taken_by == where && a->taken_ms > since)
			a->certain = false;
	}
}

static void restore(struct world *w, struct node *n)
{
	int slot = (int)rng_below(&w->rng, BACKUPS);
	if (!w->backups[slot].used || w->backups[slot].node != n->index || n->losses == LOSSES)
		return;
	const struct backup *b = &w->backups[slot].backup;
	if (n->up)
		stop(w, n);
	if (w->failed)
		return;
	world_say(w, "node %d is put back by %lld ms", n->index, (long long)(w->true_ms - b->true_ms));
	w->tally.restores++;
	CHECK(node_restore(n, b));
	forget(w, n->index, b->true_ms);
	/* It forgets how far its stamp clock had been moved on, so what is offered to it looks younger. */
	if (w->weather.jump)
		loosen_all(w, -1);
	start(w, n);
}

static void client_fate(struct world *w, struct client *c)
{
	int slot = (int)rng_below(&w->rng, COPIES);
	if (!w->copies[slot].used) {
		client_copy(&w->copies[slot].client, c);
		w->copies[slot].used = true;
		w->copies[slot].true_ms = w->true_ms;
		return;
	}
	struct client *copy = &w->copies[slot].client;
	struct client *old = &w->clients[copy->index];
	world_say(w, "client %d is put back", copy->index);
	w->tally.restores++;
	forget(w, CLIENT_CODE + copy->index, w->copies[slot].true_ms);
	mark(w, CLIENT_CODE + copy->index, true, false);
	if (old->jumped_since_start)
		loosen_all(w, old->user);
	int64_t boot = old->boot + 1;
	int64_t round = old->round + 1;
	int64_t wall_off = old->wall_off;
	bool jumped = old->jumped_since_start;
	client_free(old);
	*old = *copy;
	old->boot = boot;
	old->round = round;
	old->wall_off = wall_off;
	old->jumped_since_start = jumped;
	w->copies[slot].used = false;
}

/* --- clones --- */

static void clone_client(struct world *w, const struct client *c)
{
	for (int i = 0; i < CLIENTS; i++) {
		struct client *to = &w->clients[i];
		if (to->used)
			continue;
		client_copy(to, c);
		to->index = i;
		to->boot = c->boot + 1000;
		w->tally.clones++;
		world_say(w, "client %d is a clone of client %d", i, c->index);
		return;
	}
}

static void clone_node(struct world *w, struct node *n)
{
	int index = w->weather.nodes;
	struct backup b;
	char dir[DISK_PATH];
	while (index < OTHER_HOME && w->nodes[index].used)
		index++;
	bool leaf = n->places[0].parent != NO_PARENT;
	for (int i = 0; i < NODES; i++)
		for (int u = 0; u < USERS; u++)
			leaf &= !w->nodes[i].used || w->nodes[i].places[u].parent != n->index;
	for (int i = 0; i < CLIENTS; i++)
		leaf &= !w->clients[i].used || w->clients[i].parent != n->index;
	if (index == OTHER_HOME || !leaf || disk_dead(n->disk) || !node_backup(n, &b))
		return;
	world_say(w, "node %d is a clone of node %d", index, n->index);
	w->tally.clones++;
	struct node *to = &w->nodes[index];
	world_folder(w, index, dir);
	node_init(to, index, dir, &w->rng, &w->true_ms);
	CHECK(disk_put(to->disk, b.image));
	memcpy(to->places, n->places, sizeof to->places);
	to->wall_off = n->wall_off;
	to->twin = n->twin = true;
	backup_free(&b);
	/* What both hold is passed on by either. */
	mark(w, n->index, true, n->jumped_ever);
	start(w, to);
}

/* --- links --- */

static void link_to(struct world *w, struct node *n, int user, int parent)
{
	struct place *p = &n->places[user];
	world_say(w, "node %d user %d is linked to node %d instead of %d", n->index, user, parent, p->parent);
	w->tally.relinks++;
	w->relinks++;
	p->parent = parent;
	p->linked = false;
	rng_bytes(&w->rng, p->as.device.bytes, DEVICE_SIZE);
	w->carriers[n->index][user].waiting = false;
	w->carriers[n->index][user].round++;
	/* All that it holds is given to the new one, measured anew. */
	if (w->tally.jumps)
		loosen_all(w, user);
	for (size_t i = 0; i < w->truth.count; i++)
		if (w->truth.acts[i].user == user && w->truth.acts[i].where == NOBODY)
			w->truth.acts[i].where = n->index;
}

static void relink(struct world *w, struct node *n)
{
	int user = (int)rng_below(&w->rng, USERS);
	int parent = (int)rng_below(&w->rng, NODES);
	struct place *p = &n->places[user];
	const struct node *up = &w->nodes[parent];
	if (!n->up || !p->user || p->parent == NO_PARENT || parent == n->index || parent == p->parent ||
		!up->used || up->twin || !up->places[user].user || world_above(w, user, n->index, parent))
		return;
	link_to(w, n, user, parent);
}

/* --- */

static struct node *some_node(struct world *w)
{
	struct node *n = &w->nodes[rng_below(&w->rng, NODES)];
	return n->used ? n : NULL;
}

void fate_strikes(struct world *w)
{
	const struct weather *f = &w->weather;
	struct rng *rng = &w->rng;
	struct node *n = some_node(w);
	struct client *c = &w->clients[rng_below(rng, CLIENTS)];
	if (w->failed)
		return;
	if (n && !n->up && rng_chance(rng, 300))
		start(w, n);
	if (n && n->up && rng_chance(rng, 2 * f->crash))
		disk_die_after(n->disk, rng_below(rng, 40) + 1);
	if (n && n->up && rng_chance(rng, f->crash))
		fate_dies(w, n);
	if (n && n->up && rng_chance(rng, 2 * f->restart))
		stop(w, n);
	if (n && rng_chance(rng, 2 * f->jump))
		jump_node(w, n);
	if (c->used && rng_chance(rng, 2 * f->jump))
		jump_client(w, c);
	if (c->used && rng_chance(rng, 20))
		restart_client(w, c);
	if (n && rng_chance(rng, 2 * f->backup))
		back_up(w, n);
	if (n && rng_chance(rng, 4 * f->restore))
		restore(w, n);
	if (c->used && rng_chance(rng, f->restore))
		client_fate(w, c);
	if (c->used && rng_chance(rng, f->clone))
		clone_client(w, c);
	if (n && rng_chance(rng, f->clone))
		clone_node(w, n);
	if (n && rng_chance(rng, 2 * f->relink))
		relink(w, n);
}

void fate_tick(struct world *w)
{
	struct node *n = some_node(w);
	if (n && n->up && !node_tick(n))
		fate_dies(w, n);
}

void fate_calms(struct world *w)
{
	for (int i = 0; i < NODES && !w->failed; i++) {
		struct node *n = &w->nodes[i];
		if (!n->used)
			continue;
		disk_die_after(n->disk, 0);
		if (n->up && disk_dead(n->disk))
			fate_dies(w, n);
		for (int tries = 0; !n->up && !w->failed && tries < 3; tries++) {
			disk_die_after(n->disk, 0);
			start(w, n);
		}
	}
	/* Whoever is with the other home server comes back: one tree is asked. */
	for (int i = 0; i < NODES; i++)
		for (int u = 0; u < USERS; u++)
			if (w->nodes[i].used && w->nodes[i].places[u].parent == OTHER_HOME)
				link_to(w, &w->nodes[i], u, 0);
}
