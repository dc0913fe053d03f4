/* One connection: how it begins and ends, and what arrives on it. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/http_conn.h"
#include "daemon/live_conn.h"
#include "daemon/live_lws.h"
#include "sync/base/check.h"

/* --- beginning and end --- */

static void watch(struct live *l)
{
	struct lives *lives = l->lives;
	if (l->watched)
		return;
	l->watched = true;
	l->watch_prev = NULL;
	l->watch_next = lives->watched;
	if (l->watch_next)
		l->watch_next->watch_prev = l;
	lives->watched = l;
}

void live_unwatch(struct live *l)
{
	struct lives *lives = l->lives;
	if (!l->watched)
		return;
	if (lives->next_watched == l)
		lives->next_watched = l->watch_next;
	*(l->watch_prev ? &l->watch_prev->watch_next : &lives->watched) = l->watch_next;
	if (l->watch_next)
		l->watch_next->watch_prev = l->watch_prev;
	l->watched = false;
}

/* The connection of c is a live one from now on. NULL: memory is short, and c is as it was. */
static struct live *open_live(struct lives *lives, struct http_conn *c)
{
	struct live *l = calloc(1, sizeof *l);
	if (!l)
		return NULL;
	int64_t now_ms = loop_now().mono_ms;
	l->lives = lives;
	l->wsi = c->wsi;
	l->who = c->exchange->request.who;
	l->by_header = l->who.user != 0;
	l->deadline_ms = now_ms + LIMIT_LIVE_HELLO_MS;
	l->ping_ms = now_ms + LIMIT_LIVE_PING_MS;
	l->message = buf_make(LIMIT_LIVE_FRAME);
	l->next = lives->all;
	if (l->next)
		l->next->prev = l;
	lives->all = l;
	lives->count++;
	lives->stats.opened++;
	conn_hand_over(c, &l->seat);
	if (lives->draining)
		live_end(l, END_STOPPING);
	return l;
}

static void free_live(struct live *l)
{
	free(l->told);
	free(l);
}

/* The connection is gone. */
static void close_live(struct live *l)
{
	struct lives *lives = l->lives;
	l->wsi = NULL;
	hub_leave(lives->hub, &l->place);
	live_unwatch(l);
	if (lives->next_look == l)
		lives->next_look = l->next;
	*(l->prev ? &l->prev->next : &lives->all) = l->next;
	if (l->next)
		l->next->prev = l->prev;
	lives->count--;
	http_seat_leave(&l->seat);
	buf_free(&l->message);
	live_sync_forget(l->parked);
	l->parked = NULL;
	live_drop_queue(l);
	if (!l->under_way)
		free_live(l);
}

void live_begin_work(struct live *l)
{
	CHECK(l->under_way < UINT16_MAX);
	l->under_way++;
	live_measure(l);
}

void live_end_work(struct live *l)
{
	CHECK(l->under_way > 0);
	l->under_way--;
	if (!l->wsi) {
		if (!l->under_way)
			free_live(l);
		return;
	}
	if (l->state == LIVE_ENDING)
		live_want_write(l);
	live_measure(l);
	struct live_syncing *parked = l->under_way ? NULL : l->parked;
	if (!parked)
		return;
	l->parked = NULL;
	live_sync_begin(parked);
}

void live_measure(struct live *l)
{
	live_hold(l, HOLD_FULL,
		l->under_way + l->queued >= LIMIT_LIVE_AHEAD || l->queue_bytes > LIMIT_LIVE_QUEUE);
}

void live_hold(struct live *l, enum live_hold reason, bool on)
{
	unsigned before = l->held;
	unsigned held = on ? before | reason : before & ~(unsigned)reason;
	/* The close frame of the other side has to be read. */
	if (l->state == LIVE_ENDING)
		held = 0;
	l->held = (uint8_t)held;
	if (!l->wsi || !before == !held)
		return;
	(void)lws_rx_flow_control(l->wsi, held ? 0 : 1);
}

void live_end(struct live *l, enum live_ending ending)
{
	if (l->state == LIVE_ENDING || !l->wsi)
		return;
	l->state = LIVE_ENDING;
	l->ending = (uint8_t)ending;
	l->deadline_ms = loop_now().mono_ms + LIMIT_LIVE_CLOSE_MS;
	l->frame_ms = 0;
	buf_free(&l->message);
	hub_leave(l->lives->hub, &l->place);
	live_hold(l, HOLD_BUSY, false);
	/* What was taken is answered before the end when the end is ours alone. */
	if (ending != END_STOPPING)
		live_drop_queue(l);
	watch(l);
	live_want_write(l);
}

void live_cut(struct live *l)
{
	(void)shutdown(lws_get_socket_fd(l->wsi), SHUT_RDWR);
	lws_set_timeout(l->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
}

/* --- what arrives --- */

/* Windows of RATE_LIMIT_LIVE: when one is used up, reading stops until it ends. */
static void count_frame(struct live *l)
{
	const struct rate *rate = &l->lives->app->config.rate_live;
	int64_t now_ms = loop_now().mono_ms;
	if (!rate->count || rate->window_ms <= 0)
		return;
	if (now_ms - l->window_ms >= rate->window_ms) {
		/* One that was not used up, or a pause, ends a run of bad ones. */
		if (l->window_count < rate->count || now_ms - l->window_ms >= 2 * rate->window_ms)
			l->strikes = 0;
		l->window_ms = now_ms;
		l->window_count = 0;
	}
	if (++l->window_count < rate->count)
		return;
	if (l->window_count == rate->count) {
		l->strikes = now_ms - l->window_ms <= rate->window_ms / 10 ? (uint8_t)(l->strikes + 1) : 0;
		l->lives->stats.slowed++;
	}
	if (l->strikes >= LIMIT_LIVE_STRIKES) {
		live_end(l, END_FLOODING);
		return;
	}
	live_hold(l, HOLD_SLOWED, true);
	watch(l);
}

/* A NUL is UTF-8 as well; what else is wrong with it is for the parser to say. */
static bool is_utf8(struct str text)
{
	while (text.len)
		if (!str_utf8(str_cut(&text, '\0')))
			return false;
	return true;
}

static void take(struct live *l, struct str text)
{
	l->lives->stats.frames_in++;
	count_frame(l);
	if (l->state == LIVE_ENDING)
		return;
	if (!is_utf8(text))
		live_end(l, END_NOT_UTF8);
	else
		live_frame(l, text);
}

static void receive(struct live *l, const void *bytes, size_t len)
{
	size_t most = l->state == LIVE_HELLO ? LIMIT_LIVE_HELLO : LIMIT_LIVE_FRAME;
	bool whole = lws_is_final_fragment(l->wsi) && !lws_remaining_packet_payload(l->wsi);
	if (l->state == LIVE_ENDING)
		return;
	if (lws_frame_is_binary(l->wsi)) {
		live_end(l, END_BINARY);
		return;
	}
	if (l->message.len + len > most) {
		live_end(l, END_TOO_LARGE);
		return;
	}
	if (whole && !l->frame_ms) {
		take(l, (struct str){bytes, len});
		return;
	}
	if (!l->frame_ms)
		l->frame_ms = loop_now().mono_ms + LIMIT_LIVE_FRAME_MS;
	buf_add(&l->message, bytes, len);
	if (!buf_ok(&l->message)) {
		live_end(l, END_FAILED);
		return;
	}
	if (!whole)
		return;
	struct buf message = l->message;
	l->message = buf_make(LIMIT_LIVE_FRAME);
	l->frame_ms = 0;
	take(l, buf_str(&message));
	buf_free(&message);
}

static int on_live(struct live *l, enum lws_callback_reasons reason, void *in, size_t len)
{
	switch ((int)reason) {
	case LWS_CALLBACK_RECEIVE:
		receive(l, in, len);
		return 0;
	case LWS_CALLBACK_RECEIVE_PONG:
		l->pings = 0;
		return 0;
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return live_writable(l);
	default:
		return 0;
	}
}

static int on_established(struct lws *wsi, struct live **own)
{
	const struct app *app = lws_context_user(lws_get_context(wsi));
	struct http_conn *c = lws_get_opaque_user_data(wsi);
	if (!c || !c->exchange || !own)
		return -1;
	*own = open_live(app->live, c);
	if (!*own)
		return -1;
	/* The library's last callback about a connection is http.c's, whatever it had become. */
	lws_set_opaque_user_data(wsi, NULL);
	return 0;
}

int live_on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct live **own = user;
	if (reason == LWS_CALLBACK_ESTABLISHED)
		return on_established(wsi, own);
	if (!own || !*own)
		return 0;
	if (reason != LWS_CALLBACK_CLOSED)
		return on_live(*own, reason, in, len);
	close_live(*own);
	*own = NULL;
	return 0;
}
