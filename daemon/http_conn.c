/* A connection's life: its states, its deadlines, and how it ends. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/http_conn.h"
#include "daemon/limits.h"
#include "sync/base/check.h"

enum { DRAIN_AT_ONCE = 16, DRAIN_BYTES = 16384 };

struct http_conn *conn_make(struct http *http, const struct address *address, bool unix_socket)
{
	struct http_conn *c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	c->http = http;
	c->address = *address;
	c->unix_socket = unix_socket;
	c->state = CONN_OPENED;
	c->deadline_ms = http->now_ms + LIMIT_HEADERS_MS;
	c->next = http->conns;
	if (c->next)
		c->next->prev = c;
	http->conns = c;
	http->stats.open++;
	return c;
}

static void leave_turns(struct http_conn *c)
{
	struct http *http = c->http;
	if (!c->in_turn)
		return;
	*(c->turn_prev ? &c->turn_prev->turn_next : &http->turns) = c->turn_next;
	*(c->turn_next ? &c->turn_next->turn_prev : &http->turns_last) = c->turn_prev;
	c->turn_prev = c->turn_next = NULL;
	c->in_turn = false;
}

void conn_free(struct http_conn *c)
{
	struct http *http = c->http;
	struct exchange *x = c->exchange;
	leave_turns(c);
	if (x && x->handling)
		x->request.conn = NULL; /* its handler still has it, and answers nobody */
	else
		exchange_free(x);
	if (http->next_look == c)
		http->next_look = c->next;
	*(c->prev ? &c->prev->next : &http->conns) = c->next;
	if (c->next)
		c->next->prev = c->prev;
	peers_give(&http->peers, c->peer);
	loop_watch_forget(c->watch);
	buf_free(&c->rest);
	if (http->adopting == c)
		http->adopting = NULL;
	http->stats.open--;
	free(c);
}

void conn_hand_over(struct http_conn *c, struct http_seat *seat)
{
	*seat = (struct http_seat){c->http, c->peer};
	c->peer = NULL;
	c->http->stats.open++; /* conn_free() takes one away */
	conn_free(c);
}

void http_seat_leave(struct http_seat *seat)
{
	if (!seat->http)
		return;
	peers_give(&seat->http->peers, seat->peer);
	seat->http->stats.open--;
	seat->http = NULL;
}

void conn_want_turn(struct http_conn *c)
{
	struct http *http = c->http;
	if (c->in_turn)
		return;
	c->in_turn = true;
	c->turn_prev = http->turns_last;
	c->turn_next = NULL;
	*(http->turns_last ? &http->turns_last->turn_next : &http->turns) = c;
	http->turns_last = c;
}

void conn_turn(struct http_conn *c)
{
	leave_turns(c);
	if (c->state == CONN_READY)
		send_begin(c);
}

void conn_set(struct http_conn *c, enum conn_state state, int64_t deadline_ms)
{
	c->state = state;
	c->deadline_ms = deadline_ms;
}

void conn_stop_reading(struct http_conn *c)
{
	if (c->rx_off)
		return;
	c->rx_off = true;
	(void)lws_rx_flow_control(c->wsi, 0);
}

void conn_kill(struct http_conn *c)
{
	loop_watch_forget(c->watch);
	c->watch = NULL;
	lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
}

/*
 * Whether the library holds a table of headers for this connection. Nothing of its interface says so, but
 * this function (4.1.6) empties its output only if there is one.
 */
static bool has_header_table(struct http_conn *c)
{
	char probe[2] = "?";
	(void)lws_hdr_custom_copy(c->wsi, probe, sizeof probe, "?", 1);
	return probe[0] == 0;
}

/* Drops what has come; false: there is no more to wait for. */
static bool drain(struct http_conn *c)
{
	static const size_t most = LIMIT_BODY_DRAIN;
	char bytes[DRAIN_BYTES];
	for (int i = 0; i < DRAIN_AT_ONCE; i++) {
		ssize_t n = recv(lws_get_socket_fd(c->wsi), bytes, sizeof bytes, MSG_DONTWAIT);
		if (n < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
		c->drained += (size_t)n;
		if (n == 0 || c->drained > most)
			return false;
	}
	return true;
}

static void on_lingering(void *context)
{
	struct http_conn *c = context;
	if (!drain(c))
		conn_kill(c);
}

/* Shuts our side and drops what still comes for a while: closing over unread bytes would reset it. */
static void linger(struct http_conn *c, bool more_expected)
{
	int fd = lws_get_socket_fd(c->wsi);
	lws_set_timeout(c->wsi, NO_PENDING_TIMEOUT, 0);
	conn_set(c, CONN_LINGER, c->http->now_ms + (more_expected ? LIMIT_BODY_MS : LIMIT_LINGER_MS));
	c->watch = loop_watch(c->http->app->loop, fd, LOOP_READABLE, on_lingering, c);
	if (!c->watch || shutdown(fd, SHUT_WR) != 0)
		conn_kill(c);
}

/*
 * The library switches a connection to its next request when the socket can be written. It can, since the
 * whole reply has just gone out; saying so here saves a round of the loop. It reads nothing yet.
 */
static void let_next_request_in(struct http_conn *c)
{
	struct lws_pollfd fd = {.fd = lws_get_socket_fd(c->wsi), .events = POLLOUT, .revents = POLLOUT};
	(void)lws_service_fd(loop_context(c->http->app->loop), &fd);
}

/*
 * Whenever reading is stopped over kept bytes the library asks for a writable callback, and then spins. A
 * socket that it failed to write to is one that it asks nothing of any more.
 */
static void stop_for_good(struct http_conn *c)
{
	unsigned char byte[LWS_PRE + 1] = {0};
	(void)shutdown(lws_get_socket_fd(c->wsi), SHUT_WR);
	(void)lws_write(c->wsi, byte + LWS_PRE, 1, LWS_WRITE_RAW);
	conn_stop_reading(c);
}

static void keep_alive(struct http_conn *c)
{
	c->rx_off = false;
	(void)lws_rx_flow_control(c->wsi, 1);
	bool over = lws_http_transaction_completed(c->wsi) != 0;
	/* It keeps the table when it has bytes of a next request already, which it must not parse
	 * (http_conn.h). More of them may be on their way. */
	if (over || has_header_table(c)) {
		let_next_request_in(c);
		stop_for_good(c);
		linger(c, false);
		return;
	}
	/* No timer per connection: conn_look() looks at deadlines. */
	lws_set_timeout(c->wsi, NO_PENDING_TIMEOUT, 0);
	conn_set(c, CONN_IDLE, c->http->now_ms + LIMIT_IDLE_MS);
	let_next_request_in(c);
}

void conn_finish(struct http_conn *c)
{
	struct exchange *x = c->exchange;
	bool cut_short = x->unframed || x->chunked || x->request.response.close;
	bool keep = !cut_short && !x->wants_close && !c->http->draining;
	bool more_expected = x->length > 0 || x->unframed || x->chunked;
	c->exchange = NULL;
	c->sent = 0;
	buf_free(&c->rest);
	exchange_free(x);
	if (keep)
		keep_alive(c);
	else if (cut_short)
		linger(c, more_expected);
	else
		conn_kill(c);
}

void conn_look(struct http_conn *c, int64_t now_ms)
{
	if (c->deadline_ms && now_ms >= c->deadline_ms) {
		if (c->state != CONN_IDLE && c->state != CONN_LINGER)
			c->http->stats.cut++;
		conn_kill(c);
	} else if (c->state == CONN_IDLE && has_header_table(c)) {
		conn_set(c, CONN_HEADERS, now_ms + LIMIT_HEADERS_MS);
	}
}
