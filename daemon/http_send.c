/* Sending: a small reply is one write; a large one goes piece by piece as the client takes it. */
#include <stddef.h>

#include "daemon/http_conn.h"
#include "daemon/limits.h"
#include "daemon/log.h"
#include "daemon/reply.h"
#include "daemon/router.h"

static struct exchange *exchange_of(struct request *r)
{
	return (struct exchange *)((char *)r - offsetof(struct exchange, request));
}

static const char *template_of(const struct request *r)
{
	return r->route ? r->route->path : "-";
}

static void account(struct exchange *x)
{
	struct request *r = &x->request;
	struct http_stats *stats = &x->http->stats;
	int status = r->response.status;
	if (x->quiet)
		return;
	if (status >= 100 && status < 600)
		stats->replies[status / 100]++;
	if (status == 429)
		stats->rate_limited++;
	if (status >= 500)
		log_warn("request %llu: %s answered %d", (unsigned long long)r->id, template_of(r), status);
	log_debug("request %llu: %s answered %d after %lld ms", (unsigned long long)r->id, template_of(r), status,
		(long long)(x->http->now_ms - r->begun_ms));
}

void http_send(struct request *r)
{
	struct exchange *x = exchange_of(r);
	struct http_conn *c = r->conn;
	account(x);
	x->answered = true;
	if (x->handling) {
		x->handling = false;
		x->http->stats.pending--;
	}
	if (!c) {
		exchange_free(x);
	} else if (c->state == CONN_HANDLED) {
		conn_set(c, CONN_READY, c->http->now_ms + LIMIT_REPLY_MS);
		conn_want_turn(c);
	}
	/* Otherwise the request is still being read, and http_exchange.c goes on. */
}

/* Room for the library's own headers, which it wants before everything it writes. */
static void start_out(struct buf *out)
{
	static const char room[LWS_PRE];
	buf_clear(out);
	buf_add(out, room, sizeof room);
}

static size_t add_piece(struct http_conn *c, struct buf *out)
{
	const struct buf *body = &c->exchange->request.response.body;
	size_t left = body->len - c->sent;
	size_t piece = left < LIMIT_SEND ? left : LIMIT_SEND;
	buf_add(out, body->ptr ? body->ptr + c->sent : "", piece);
	return piece;
}

static bool no_body(const struct exchange *x)
{
	return x->request.method == METHOD_HEAD || x->request.response.status == 204;
}

/* Writes what out holds; piece bytes of it are body. */
static void put(struct http_conn *c, struct buf *out, size_t piece)
{
	const struct exchange *x = c->exchange;
	size_t whole = no_body(x) ? 0 : x->request.response.body.len;
	if (!buf_ok(out)) {
		conn_kill(c);
		return;
	}
	c->sent += piece;
	enum lws_write_protocol how = c->sent == whole ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP;
	if (lws_write(c->wsi, (unsigned char *)out->ptr + LWS_PRE, out->len - LWS_PRE, how) < 0) {
		conn_kill(c);
		return;
	}
	if (c->sent == whole && !lws_partial_buffered(c->wsi)) {
		conn_finish(c);
		return;
	}
	c->state = CONN_SENDING;
	conn_stop_reading(c);
	(void)lws_callback_on_writable(c->wsi);
}

void send_begin(struct http_conn *c)
{
	struct exchange *x = c->exchange;
	struct buf *out = &c->http->out;
	bool keep = !x->request.response.close && !x->wants_close && !x->unframed && !x->chunked &&
		    !c->http->draining;
	start_out(out);
	head_write(x, x->request.response.body.len, keep, out);
	c->sent = 0;
	put(c, out, no_body(x) ? 0 : add_piece(c, out));
}

void send_more(struct http_conn *c)
{
	const struct exchange *x = c->exchange;
	if (c->state != CONN_SENDING || lws_partial_buffered(c->wsi))
		return;
	if (no_body(x) || c->sent == x->request.response.body.len) {
		conn_finish(c);
		return;
	}
	start_out(&c->http->out);
	put(c, &c->http->out, add_piece(c, &c->http->out));
}
