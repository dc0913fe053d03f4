/* One request on a connection: from its headers to its handler. The reply goes on in http_send.c. */
#include <stdlib.h>

#include "daemon/http_conn.h"
#include "daemon/limits.h"
#include "daemon/reply.h"
#include "daemon/router.h"

struct exchange *exchange_make(struct http_conn *c)
{
	struct http *http = c->http;
	struct exchange *x = calloc(1, sizeof *x);
	if (!x)
		return NULL;
	x->http = http;
	x->body = buf_make(0);
	x->request.app = http->app;
	x->request.conn = c;
	x->request.id = ++http->next_id;
	x->request.begun_ms = http->now_ms;
	x->request.arena = arena_make(LIMIT_ARENA);
	x->request.response.body = buf_make(LIMIT_RESPONSE);
	x->next = http->exchanges;
	if (x->next)
		x->next->prev = x;
	http->exchanges = x;
	return x;
}

void exchange_free(struct exchange *x)
{
	if (!x)
		return;
	*(x->prev ? &x->prev->next : &x->http->exchanges) = x->next;
	if (x->next)
		x->next->prev = x->prev;
	if (x->handling)
		x->http->stats.pending--;
	json_decref(x->request.json);
	buf_free(&x->request.response.body);
	buf_free(&x->body);
	arena_free(&x->request.arena);
	free(x);
}

/* The request is whole. After this it may be answered already. */
static void handle(struct http_conn *c)
{
	struct exchange *x = c->exchange;
	x->handling = true;
	x->http->stats.pending++;
	conn_set(c, CONN_HANDLED, 0);
	conn_stop_reading(c);
	router_body(&x->request);
}

static void go_ready(struct http_conn *c)
{
	conn_set(c, CONN_READY, c->http->now_ms + LIMIT_REPLY_MS);
	conn_stop_reading(c);
	conn_want_turn(c);
}

static void await_body(struct http_conn *c, struct exchange *x)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	conn_set(c, CONN_BODY, c->http->now_ms + LIMIT_BODY_MS);
	/* A client that does not get it sends its body all the same, a little later. */
	if (x->expects_continue && !x->http10)
		(void)send_bytes(c, go_on, sizeof go_on - 1);
}

/* The head of the request has been looked at: now its body, its handler, or the reply that is there already.
 */
static void after_head(struct http_conn *c, struct exchange *x)
{
	struct response *response = &x->request.response;
	if (!x->answered) {
		if (x->length > 0)
			await_body(c, x);
		else
			handle(c);
		return;
	}
	/* A small body is taken before the reply goes out, so that the connection can be used again. */
	if (x->length > LIMIT_BODY)
		response->close = true;
	if (x->length > 0 && !response->close) {
		x->drop_body = true;
		conn_set(c, CONN_BODY, c->http->now_ms + LIMIT_BODY_MS);
	} else {
		go_ready(c);
	}
}

static bool is_socket_io(struct str path)
{
	static const size_t len = sizeof "/socket.io" - 1;
	return str_starts(path, STR("/socket.io")) && (path.len == len || path.ptr[len] == '/');
}

static void refuse(struct http_conn *c, struct exchange *x, struct framing_fault fault)
{
	x->request.path = STR("/");
	x->request.origin = request_header(c, x, WSI_TOKEN_ORIGIN);
	x->cors = true;
	x->request.response.close = true;
	if (fault.status == 400)
		x->http->stats.bad_framing++;
	reply_error(&x->request, fault.status, fault.message, NULL);
}

/* Answers what needs no router; true when it did. */
static bool answer_early(struct exchange *x)
{
	struct request *r = &x->request;
	if (is_socket_io(r->path)) {
		/* Apps of the old backend ask again every few seconds for ever. */
		x->quiet = true;
		reply_error(r, 404, "Route not found", NULL);
		return true;
	}
	if (x->preflight) {
		r->response.status = 204;
		http_send(r);
		return true;
	}
	return false;
}

static bool awaits_headers(const struct http_conn *c)
{
	return c->state == CONN_OPENED || c->state == CONN_IDLE || c->state == CONN_HEADERS;
}

int exchange_headers(struct http_conn *c, const char *path, size_t len)
{
	if (!awaits_headers(c) || c->exchange)
		return -1;
	lws_set_timeout(c->wsi, NO_PENDING_TIMEOUT, 0);
	struct exchange *x = c->exchange = exchange_make(c);
	if (!x)
		return -1;
	conn_set(c, CONN_HEADERS_DONE, 0);
	x->request.path = (struct str){path, len};
	struct framing_fault fault = framing_check(c, x);
	c->empty_body = x->has_length && x->length == 0 && x->request.method == METHOD_POST;
	if (!fault.message)
		fault = request_fill(c, x);
	if (!fault.message)
		cors_look(c, x);
	if (fault.message)
		refuse(c, x, fault);
	else if (!answer_early(x))
		(void)router_head(&x->request, x->has_length ? x->length : -1,
			request_header(c, x, WSI_TOKEN_HTTP_CONTENT_TYPE), x->chunked);
	after_head(c, x);
	return 0;
}

int exchange_upgrade(struct http_conn *c, struct str name)
{
	bool websocket = str_eq_fold(name, STR("websocket"));
	if (!awaits_headers(c) || c->exchange)
		return -1;
	struct exchange *x = c->exchange = exchange_make(c);
	if (!x)
		return -1;
	conn_set(c, CONN_HEADERS_DONE, 0);
	x->request.path = request_header(c, x, WSI_TOKEN_GET_URI);
	x->quiet = is_socket_io(x->request.path);
	x->cors = true;
	x->request.response.close = true;
	struct framing_fault fault = framing_check_upgrade(c, x);
	if (!fault.message)
		fault = request_fill(c, x);
	if (fault.message)
		refuse(c, x, fault);
	else if (!websocket)
		reply_error(&x->request, 400,
			"This protocol is not offered. Send the request without Upgrade", NULL);
	else if (upgrade_admit(c, x))
		return 0; /* live_opened() takes the connection over */
	send_last(c);
	c->exchange = NULL;
	exchange_free(x);
	return -1;
}

int exchange_body(struct http_conn *c, const void *bytes, size_t len)
{
	struct exchange *x = c->exchange;
	if (c->state != CONN_BODY || x->drop_body || !len)
		return 0;
	const struct route *route = x->request.route;
	if (!route || !route->body_cap)
		return 0; /* the route takes none: what comes is ignored */
	if (x->body.cap == 0)
		x->body = buf_make((size_t)x->length);
	buf_add(&x->body, bytes, len);
	if (!buf_ok(&x->body)) {
		x->drop_body = true;
		x->request.response.close = true;
		reply_err(&x->request, ERR_NOMEM);
	}
	return 0;
}

int exchange_body_end(struct http_conn *c)
{
	struct exchange *x = c->exchange;
	if (c->empty_body) {
		c->empty_body = false;
		return 0;
	}
	if (c->state == CONN_READY || c->state == CONN_SENDING || c->state == CONN_LINGER)
		return 0; /* a body that was refused */
	if (c->state != CONN_BODY)
		return -1; /* the library repeats itself when bytes follow while a reply is pending */
	if (x->answered) {
		go_ready(c);
	} else {
		x->request.body = buf_str(&x->body);
		handle(c);
	}
	return 0;
}
