#include "daemon/live.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/auth.h"
#include "daemon/live_conn.h"
#include "daemon/live_lws.h"

/* Ticks in which all connections are looked at once, and how many at least in one. */
enum { LOOKS = 1000 / LIMIT_TICK_MS, LOOKS_AT_LEAST = 64 };

/* --- deadlines --- */

static void look(struct live *l, struct now now)
{
	if (l->state == LIVE_ENDING)
		return; /* it is watched */
	if (l->state == LIVE_HELLO && now.mono_ms >= l->deadline_ms) {
		l->lives->stats.cut++;
		live_end(l, END_NO_HELLO);
	} else if (l->frame_ms && now.mono_ms >= l->frame_ms) {
		l->lives->stats.cut++;
		live_end(l, END_UNFINISHED);
	} else if (l->state == LIVE_OPEN && now.wall_ms >= l->who.expires_ms) {
		live_end(l, END_EXPIRED);
	} else if (now.mono_ms >= l->ping_ms) {
		l->ping_ms = now.mono_ms + LIMIT_LIVE_PING_MS;
		/* Its pongs are not read; only when it does not read itself is that its own doing. */
		if (l->held & ~(unsigned)HOLD_FULL)
			l->pings = 0;
		if (l->pings >= 2) {
			l->lives->stats.cut++;
			live_cut(l);
			return;
		}
		l->pings++;
		l->ping_due = true;
		live_want_write(l);
	}
}

static void look_at_watched(struct lives *lives, int64_t mono_ms)
{
	const struct rate *rate = &lives->app->config.rate_live;
	for (struct live *l = lives->watched; l; l = lives->next_watched) {
		lives->next_watched = l->watch_next;
		if (l->state == LIVE_ENDING) {
			if (mono_ms >= l->deadline_ms)
				live_cut(l);
		} else if (mono_ms - l->window_ms >= rate->window_ms) {
			live_unwatch(l);
			live_hold(l, HOLD_SLOWED, false);
		}
	}
	lives->next_watched = NULL;
}

static void on_tick(struct loop_tick *tick, int64_t mono_ms)
{
	struct lives *lives = (struct lives *)((char *)tick - offsetof(struct lives, tick));
	struct now now = loop_now();
	unsigned quota = lives->count / LOOKS + 1;
	look_at_watched(lives, mono_ms);
	if (quota < LOOKS_AT_LEAST)
		quota = lives->count < LOOKS_AT_LEAST ? lives->count : LOOKS_AT_LEAST;
	for (; quota > 0 && lives->all; quota--) {
		struct live *l = lives->next_look ? lives->next_look : lives->all;
		lives->next_look = l->next;
		look(l, now);
	}
}

/* --- all of them --- */

static struct live *of_place(struct hub_place *place)
{
	return (struct live *)((char *)place - offsetof(struct live, place));
}

static void on_wake(struct hub_place *place, int64_t head)
{
	struct live *l = of_place(place);
	l->upto = head > l->upto ? head : l->upto;
	if (l->cursor.seq < l->upto)
		live_want_write(l);
}

static void on_moved(void *context, uint64_t user, int64_t head)
{
	struct lives *lives = context;
	hub_moved(lives->hub, user, head);
}

static void on_before_wait(struct loop_before_wait *hook)
{
	struct lives *lives = (struct lives *)((char *)hook - offsetof(struct lives, hook));
	hub_wake(lives->hub);
}

enum err live_open(struct app *app, struct lives **out)
{
	struct lives *lives = calloc(1, sizeof *lives);
	if (!lives)
		return ERR_NOMEM;
	lives->app = app;
	lives->out = buf_make(LWS_PRE + LIMIT_LIVE_OUT);
	lives->hub = hub_make(on_wake);
	if (!lives->hub) {
		free(lives);
		return ERR_NOMEM;
	}
	lives->tick.run = on_tick;
	lives->hook.run = on_before_wait;
	loop_every_tick(app->loop, &lives->tick);
	loop_before_wait(app->loop, &lives->hook);
	writer_on_moved(app->writer, on_moved, lives);
	*out = lives;
	return ERR_OK;
}

void live_stop(struct lives *lives)
{
	if (!lives)
		return;
	loop_no_tick(lives->app->loop, &lives->tick);
	loop_not_before_wait(lives->app->loop, &lives->hook);
	while (lives->all) {
		struct live *l = lives->all;
		http_seat_leave(&l->seat);
		live_cut(l);
		if (lives->all == l)
			break; /* it would not go; the context takes it down */
	}
	for (struct live *l = lives->all; l; l = l->next) {
		http_seat_leave(&l->seat);
		live_sync_forget(l->parked);
		l->parked = NULL;
	}
}

void live_close(struct lives *lives)
{
	if (!lives)
		return;
	hub_free(lives->hub);
	buf_free(&lives->out);
	free(lives);
}

void live_drain(struct lives *lives)
{
	lives->draining = true;
	for (struct live *l = lives->all, *next; l; l = next) {
		next = l->next;
		live_end(l, END_STOPPING);
	}
}

unsigned live_count(const struct lives *lives)
{
	return lives ? lives->count : 0;
}

static void recheck(struct hub_place *place, void *context)
{
	struct live *l = of_place(place);
	enum err err = auth_still(context, &l->who);
	if (err == ERR_DENIED)
		live_end(l, END_REVOKED);
	else if (err == ERR_NOT_FOUND)
		live_end(l, END_DELETED);
}

void live_recheck(struct lives *lives, uint64_t user)
{
	if (lives)
		hub_visit(lives->hub, user, recheck, lives->app);
}

struct live_stats live_stats(const struct lives *lives)
{
	struct live_stats stats = {0};
	if (lives) {
		stats = lives->stats;
		stats.open = lives->count;
	}
	return stats;
}
