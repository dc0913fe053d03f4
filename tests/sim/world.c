#include "world.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "carry.h"
#include "fate.h"
#include "sync/base/check.h"
#include "users.h"

static const int64_t START_MS = 1771000000000;
enum { SETTLE_ROUNDS = 400 };

void world_say(const struct world *w, const char *format, ...)
{
	va_list list;
	if (!w->verbose)
		return;
	va_start(list, format);
	(void)printf("%10.3f ", (double)(w->true_ms - START_MS) / 1000);
	(void)vprintf(format, list);
	(void)putchar('\n');
	va_end(list);
}

void world_fail(struct world *w, const char *promise, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	if (!w->failed) {
		w->failed = true;
		(void)snprintf(w->promise, sizeof w->promise, "%s", promise);
		(void)vsnprintf(w->failure, sizeof w->failure, format, list);
		world_say(w, "FAILED %s: %s", w->promise, w->failure);
	}
	va_end(list);
}

bool world_above(const struct world *w, int user, int upper, int lower)
{
	int at = lower >= CLIENT_CODE ? w->clients[lower - CLIENT_CODE].parent
				      : w->nodes[lower].places[user].parent;
	for (int steps = 0; at != NO_PARENT && steps <= NODES; steps++) {
		if (at == upper)
			return true;
		at = w->nodes[at].places[user].parent;
	}
	return false;
}

/* --- making it --- */

static struct weather draw_weather(struct rng *rng)
{
	static const int64_t latencies[] = {20, 300, 2000, 5000};
	struct weather f = {.nodes = (int)rng_between(rng, 1, 5),
		.clients = (int)rng_between(rng, 1, 4),
		.chain = rng_chance(rng, 500),
		.steps = (int)rng_between(rng, 60, 400),
		.latency_ms = latencies[rng_below(rng, 4)],
		.bad = rng_chance(rng, 300) ? 60 : 0};
	/* Some runs are quiet but for one kind of trouble, so that it shows by itself. */
	bool all = rng_chance(rng, 250);
	if (all || rng_chance(rng, 400)) {
		f.lost = 150;
		f.repeated = 100;
		f.late = 100;
	}
	if (all || rng_chance(rng, 300)) {
		f.crash = 15;
		f.restart = 15;
	}
	if (all || rng_chance(rng, 300))
		f.jump = 15;
	if (all || rng_chance(rng, 250)) {
		f.backup = 20;
		f.restore = 12;
	}
	if (all || rng_chance(rng, 200))
		f.clone = 8;
	if (rng_chance(rng, 250)) {
		f.relink = 10;
		f.other_home = rng_chance(rng, 500);
	}
	return f;
}

/* A real folder for the store's lock, and a file for its mode: the rest lies on the disk in memory. */
void world_folder(const struct world *w, int index, char out[DISK_PATH])
{
	char path[DISK_PATH + 16];
	CHECK(snprintf(out, DISK_PATH, "%s/%d", w->base, index) < DISK_PATH);
	(void)mkdir(out, 0700);
	(void)snprintf(path, sizeof path, "%s/tsuzuki.db", out);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	(void)close(fd);
}

static void make_node(struct world *w, int index)
{
	struct node *n = &w->nodes[index];
	char dir[DISK_PATH];
	struct buf why = buf_make(4096);
	world_folder(w, index, dir);
	node_init(n, index, dir, &w->rng, &w->true_ms);
	if (w->weather.jump)
		n->wall_off = rng_between(&w->rng, -86400000, 86400000);
	CHECK(node_start(n, &why));
	buf_free(&why);
	for (int u = 0; u < USERS; u++) {
		bool home = index == 0 || index == OTHER_HOME;
		if (!home && u && !rng_chance(&w->rng, 400))
			continue;
		CHECK(node_register(n, u));
		if (home)
			continue;
		int parent = 0;
		if (w->weather.chain)
			parent = (int)rng_below(&w->rng, (uint64_t)index);
		if (!w->nodes[parent].places[u].user)
			parent = 0;
		n->places[u].parent = parent;
		rng_bytes(&w->rng, n->places[u].as.device.bytes, DEVICE_SIZE);
	}
}

static void make_client(struct world *w, int index)
{
	struct rng *rng = &w->rng;
	int user = (int)rng_below(rng, USERS);
	int parent = 0;
	if (rng_chance(rng, 400)) {
		parent = (int)rng_below(rng, (uint64_t)w->weather.nodes);
		if (!w->nodes[parent].places[user].user)
			parent = 0;
	}
	client_init(&w->clients[index], index, user, parent, rng_chance(rng, 600), rng);
	/* Up to ten years off. */
	w->clients[index].wall_off = rng_between(rng, -315360000000, 315360000000);
}

void world_make(struct world *w, uint64_t seed, const char *base, struct controls controls, bool verbose)
{
	memset(w, 0, sizeof *w);
	w->seed = seed;
	w->base = base;
	w->rng = rng_make(seed);
	w->verbose = verbose;
	w->controls = controls;
	w->true_ms = START_MS;
	disk_reseed(&w->rng);
	truth_init(&w->truth);
	w->weather = draw_weather(&w->rng);
	for (int i = 0; i < w->weather.nodes; i++)
		make_node(w, i);
	for (int i = 0; i < w->weather.nodes && controls.lying_disk; i++)
		disk_lie(w->nodes[i].disk);
	if (w->weather.other_home)
		make_node(w, OTHER_HOME);
	for (int i = 0; i < w->weather.clients; i++)
		make_client(w, i);
}

void world_free(struct world *w)
{
	for (int i = 0; i < MESSAGES; i++)
		free(w->messages[i].text);
	for (int i = 0; i < BACKUPS; i++)
		if (w->backups[i].used)
			backup_free(&w->backups[i].backup);
	for (int i = 0; i < COPIES; i++)
		if (w->copies[i].used)
			client_free(&w->copies[i].client);
	for (int i = 0; i < CLIENTS; i++)
		if (w->clients[i].used)
			client_free(&w->clients[i]);
	for (int i = 0; i < NODES; i++)
		if (w->nodes[i].used)
			node_free(&w->nodes[i]);
	truth_free(&w->truth);
}

/* --- time --- */

static struct message *earliest(struct world *w)
{
	struct message *first = NULL;
	for (int i = 0; i < MESSAGES; i++) {
		struct message *m = &w->messages[i];
		if (m->used && (!first || m->at_ms < first->at_ms ||
				       (m->at_ms == first->at_ms && m->order < first->order)))
			first = m;
	}
	return first;
}

void world_pass(struct world *w, int64_t ms)
{
	int64_t until = w->true_ms + ms;
	while (!w->failed) {
		struct message *m = earliest(w);
		int64_t tick = users_next(w);
		int64_t next = m && m->at_ms < tick ? m->at_ms : tick;
		if (next > until)
			break;
		if (next > w->true_ms)
			w->true_ms = next;
		if (m && m->at_ms <= tick)
			carry_arrives(w, m);
		else
			users_tick(w);
	}
	w->true_ms = until;
}

static int64_t draw_pause(struct rng *rng)
{
	uint64_t what = rng_below(rng, 1000);
	if (what < 550)
		return rng_between(rng, 1, 2000);
	if (what < 900)
		return rng_between(rng, 1000, 60000);
	if (what < 985)
		return rng_between(rng, 60000, 4 * 3600000);
	return rng_between(rng, 3600000, 3 * 86400000);
}

void world_live(struct world *w)
{
	for (int step = 0; step < w->weather.steps && !w->failed; step++) {
		world_pass(w, draw_pause(&w->rng));
		if (w->failed)
			break;
		uint64_t what = rng_below(&w->rng, 100);
		if (what < 40)
			users_act(w);
		else if (what < 46)
			users_play(w);
		else if (what < 90)
			carry_begin(w, (int)rng_below(&w->rng, NODES + CLIENTS));
		else
			fate_tick(w);
		fate_strikes(w);
	}
}

/* --- the end --- */

static bool moves(struct world *w)
{
	bool moved = false;
	for (int i = 0; i < NODES + CLIENTS && !w->failed; i++) {
		int64_t before = w->moved;
		carry_begin(w, i);
		world_pass(w, 2000);
		moved |= w->moved != before;
	}
	return moved;
}

void world_calm(struct world *w)
{
	w->calm = true;
	for (int i = 0; i < PLAYERS; i++)
		w->players[i].used = false;
	if (!w->failed)
		fate_calms(w);
}

void world_settle(struct world *w)
{
	/* What is still on its way arrives; what was given up is given up. */
	world_pass(w, 86400000);
	int rounds = 0;
	while (!w->failed && moves(w))
		if (++rounds == SETTLE_ROUNDS)
			world_fail(
				w, "S1", "it never comes to rest: something moves after %d rounds", rounds);
	world_say(w, "at rest after %d rounds", rounds);
}
