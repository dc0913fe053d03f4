/* Sending: a small reply is one write; a large one goes piece by piece as the client takes it. */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

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
	log_debug("request %llu: %s answered %d after %lld ms", (unsigned long long)r->id, template_of(r),
		status, (long long)(x->http->now_ms - r->begun_ms));
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

ssize_t send_bytes(struct http_conn *c, const void *bytes, size_t len)
{
	if (c->http->tls)
		return tls_write(lws_get_ssl(c->wsi), bytes, len);
	ssize_t n = send(lws_get_socket_fd(c->wsi), bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return 0;
	return n;
}

/* Writes all it can of len bytes; false: the connection failed. */
static bool push(struct http_conn *c, const char *bytes, size_t len, size_t *taken)
{
	*taken = 0;
	while (*taken < len) {
		ssize_t n = send_bytes(c, bytes + *taken, len - *taken);
		if (n < 0)
			return false;
		if (n == 0)
			break;
		*taken += (size_t)n;
	}
	return true;
}

static bool has_body(const struct exchange *x)
{
	return x->request.method != METHOD_HEAD && x->request.response.status != 204;
}

static void on_writable(void *context);

static void wait_writable(struct http_conn *c)
{
	c->state = CONN_SENDING;
	if (!c->watch)
		c->watch = loop_watch(
			c->http->app->loop, lws_get_socket_fd(c->wsi), LOOP_WRITABLE, on_writable, c);
	if (!c->watch)
		conn_kill(c);
}

/* At most LIMIT_SEND bytes a turn, so that nobody's large reply holds up the loop. */
static void on_writable(void *context)
{
	struct http_conn *c = context;
	const struct buf *body = &c->exchange->request.response.body;
	size_t taken;
	if (c->rest.len) {
		if (!push(c, c->rest.ptr, c->rest.len, &taken)) {
			conn_kill(c);
			return;
		}
		memmove(c->rest.ptr, c->rest.ptr + taken, c->rest.len - taken);
		c->rest.len -= taken;
		return;
	}
	size_t left = has_body(c->exchange) ? body->len - c->sent : 0;
	if (left && !push(c, body->ptr + c->sent, left < LIMIT_SEND ? left : LIMIT_SEND, &taken)) {
		conn_kill(c);
		return;
	}
	c->sent += left ? taken : 0;
	if (left && c->sent < body->len)
		return;
	loop_watch_forget(c->watch);
	c->watch = NULL;
	conn_finish(c);
}

/* Keeps what the socket did not take of the first write. */
static bool keep_rest(struct http_conn *c, const struct buf *out, size_t taken)
{
	c->rest = buf_make(out->len);
	buf_add(&c->rest, out->ptr + taken, out->len - taken);
	return buf_ok(&c->rest);
}

static void compose(struct http_conn *c, bool keep)
{
	struct exchange *x = c->exchange;
	const struct buf *body = &x->request.response.body;
	struct buf *out = &c->http->out;
	size_t whole = has_body(x) ? body->len : 0;
	buf_clear(out);
	head_write(x, body->len, keep, out);
	c->sent = whole < LIMIT_SEND ? whole : LIMIT_SEND;
	if (c->sent)
		buf_add(out, body->ptr, c->sent);
}

void send_last(struct http_conn *c)
{
	const struct buf *out = &c->http->out;
	size_t taken;
	compose(c, false);
	if (buf_ok(out))
		(void)push(c, out->ptr, out->len, &taken);
}

void send_begin(struct http_conn *c)
{
	const struct exchange *x = c->exchange;
	const struct buf *out = &c->http->out;
	size_t whole = has_body(x) ? x->request.response.body.len : 0, taken = 0;
	compose(c, !x->request.response.close && !x->wants_close && !x->unframed && !x->chunked &&
			   !c->http->draining);
	bool failed = !buf_ok(out) || !push(c, out->ptr, out->len, &taken);
	if (!failed && taken == out->len && c->sent == whole)
		conn_finish(c);
	else if (failed || (taken < out->len && !keep_rest(c, out, taken)))
		conn_kill(c);
	else
		wait_writable(c);
}
