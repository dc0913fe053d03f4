#include "daemon/http.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "daemon/http_conn.h"
#include "daemon/limits.h"
#include "daemon/live.h"
#include "daemon/live_lws.h"
#include "daemon/log.h"

/* Head and one piece of a body. */
enum { OUT_BYTES = 16384 + LIMIT_SEND };
/* Ticks in which all connections are looked at once, and how many at least in one. */
enum { LOOKS = 1000 / LIMIT_TICK_MS, LOOKS_AT_LEAST = 64 };

/* What a client names in Upgrade. */
static int on_upgrade(struct http_conn *c, struct lws *wsi)
{
	char name[16];
	/* With a name it does not know the library has answered and freed the headers, but would still read
	 * them. */
	int len = lws_hdr_copy(wsi, name, sizeof name, WSI_TOKEN_UPGRADE);
	return len > 0 ? exchange_upgrade(c, (struct str){name, (size_t)len}) : -1;
}

/* What a plain HTTP connection brings. Non-zero closes it. */
static int on_conn(
	struct http_conn *c, struct lws *wsi, enum lws_callback_reasons reason, void *in, size_t len)
{
	switch ((int)reason) {
	case LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED:
		/* Seen again with another role: CONNECT, which nobody is offered. */
		if (c->wsi)
			return -1;
		c->wsi = wsi;
		return 0;
	case LWS_CALLBACK_HTTP:
		return exchange_headers(c, in, len);
	case LWS_CALLBACK_HTTP_BODY:
		return exchange_body(c, in, len);
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		return exchange_body_end(c);
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
		return on_upgrade(c, wsi);
	case LWS_CALLBACK_WSI_DESTROY:
		conn_free(c);
		return 0;
	default:
		return 0;
	}
}

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	(void)user;
	switch ((int)reason) {
	case LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED:
	case LWS_CALLBACK_HTTP:
	case LWS_CALLBACK_HTTP_BODY:
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
	case LWS_CALLBACK_WSI_DESTROY: {
		struct http_conn *c = lws_get_opaque_user_data(wsi);
		return c ? on_conn(c, wsi, reason, in, len) : 0;
	}
	case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS: {
		struct http *http = lws_vhost_user(lws_get_vhost(wsi));
		return http && http->tls && tls_setup(http->tls, user) == ERR_OK ? 0 : -1;
	}
	case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
	case LWS_CALLBACK_RAW_ADOPT:
	case LWS_CALLBACK_RAW_CONNECTED:
	case LWS_CALLBACK_RAW_RX:
	case LWS_CALLBACK_RAW_WRITEABLE:
		return -1;
	default:
		return 0;
	}
}

const struct lws_protocols *http_protocols(void)
{
	static const struct lws_protocols protocols[] = {
		{.name = "http", .callback = on_lws, .rx_buffer_size = 512},
		{.name = LIVE_PROTOCOL,
			.callback = live_on_lws,
			.per_session_data_size = sizeof(struct live *),
			.rx_buffer_size = 512},
		{0}};
	return protocols;
}

static void make_date(struct http *http, int64_t wall_ms)
{
	int64_t second = wall_ms / 1000;
	time_t when = (time_t)second;
	struct tm tm;
	if (second == http->date_s || !gmtime_r(&when, &tm))
		return;
	http->date_s = second;
	/* The C locale is in force: the daemon sets no other. */
	if (strftime(http->date, sizeof http->date, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm) == 0)
		http->date[0] = 0;
}

static bool awaits_request(const struct http_conn *c)
{
	return c->state == CONN_IDLE || c->state == CONN_OPENED || c->state == CONN_HEADERS;
}

/* Those that are still there while stopping are waited for, the ones without a request for a moment only. */
static bool replies_under_way(const struct http *http)
{
	for (const struct http_conn *c = http->conns; c; c = c->next)
		if (c->state != CONN_LINGER)
			return true;
	return false;
}

/* Bytes have come that nobody has read yet. */
static bool is_asking(const struct http_conn *c)
{
	char byte;
	int fd = c->wsi ? lws_get_socket_fd(c->wsi) : -1;
	return fd >= 0 && recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/*
 * Closes what has no request under way. A client whose connection was accepted has sent its request or is
 * about to: it would lose it, where the next process serves on the same socket and would have taken it.
 */
static void close_idle(struct http *http, bool with_grace)
{
	for (struct http_conn *c = http->conns, *next; c; c = next) {
		next = c->next;
		if (awaits_request(c) && !(with_grace && (c->state != CONN_IDLE || is_asking(c))))
			conn_kill(c);
	}
}

/* Looks at a part of the connections, so that each is seen about once a second whatever their number. */
static void look_at_some(struct http *http, int64_t mono_ms)
{
	unsigned open = http->stats.open - live_count(http->app->live); /* those look after themselves */
	unsigned quota = open / LOOKS + 1;
	if (quota < LOOKS_AT_LEAST)
		quota = open < LOOKS_AT_LEAST ? open : LOOKS_AT_LEAST;
	for (; quota > 0 && http->conns; quota--) {
		struct http_conn *c = http->next_look ? http->next_look : http->conns;
		http->next_look = c->next;
		conn_look(c, mono_ms);
	}
}

static void on_tick(struct loop_tick *tick, int64_t mono_ms)
{
	struct http *http = (struct http *)((char *)tick - offsetof(struct http, tick));
	http->now_ms = mono_ms;
	make_date(http, loop_now().wall_ms);
	http_listen_again(http);
	look_at_some(http, mono_ms);
	if (http->draining && mono_ms >= http->drain_grace_ms)
		close_idle(http, false);
	if (http->draining &&
		(mono_ms >= http->drain_end_ms || (!replies_under_way(http) && !live_count(http->app->live))))
		loop_stop(http->app->loop);
}

static void on_before_wait(struct loop_before_wait *hook)
{
	struct http *http = (struct http *)((char *)hook - offsetof(struct http, hook));
	while (http->turns)
		conn_turn(http->turns);
}

static enum err make_vhost(struct http *http)
{
	/* Zeroes switch the library's own pings off, whose timers are one sorted list: an own array does that
	 * at a fraction of the cost (limits.md section 2). A vhost does not take this over from its context.
	 */
	static const lws_retry_bo_t no_pings;
	struct lws_context_creation_info info = {0};
	info.retry_and_idle_policy = &no_pings;
	info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
	info.protocols = http_protocols();
	info.vhost_name = "tsuzuki";
	info.user = http;
	/* Never less than our own deadlines, so that only those count. */
	info.keepalive_timeout = 2 * LIMIT_IDLE_MS / 1000;
	info.timeout_secs_ah_idle = 2 * LIMIT_IDLE_MS / 1000;
	info.alpn = "http/1.1";
	if (http->tls)
		info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX;
	http->vhost = lws_create_vhost(loop_context(http->app->loop), &info);
	return http->vhost ? ERR_OK : ERR_NOMEM;
}

static enum err start(struct http *http, struct buf *why)
{
	const struct config *config = &http->app->config;
	struct now now = loop_now();
	enum err err = ERR_OK;
	http->now_ms = now.mono_ms;
	make_date(http, now.wall_ms);
	peers_init(&http->peers);
	http->max_connections = http_connection_bound(config);
	http->out = buf_make(OUT_BYTES);
	if (config->tls_cert || config->tls_key)
		err = tls_open(config->tls_cert, config->tls_key, &http->tls, why);
	if (!err && !head_prepare(http))
		err = ERR_NOMEM;
	if (!err)
		err = make_vhost(http);
	if (!err)
		err = http_listen(http, why);
	return err;
}

enum err http_open(struct app *app, struct http **out, struct buf *why)
{
	struct http *http = calloc(1, sizeof *http);
	if (!http)
		return ERR_NOMEM;
	http->app = app;
	http->listen_fd = -1;
	http->tick.run = on_tick;
	http->hook.run = on_before_wait;
	loop_every_tick(app->loop, &http->tick);
	loop_before_wait(app->loop, &http->hook);
	enum err err = start(http, why);
	if (err) {
		http_close(http);
		return err;
	}
	*out = http;
	return ERR_OK;
}

void http_close(struct http *http)
{
	if (!http)
		return;
	http_unlisten(http);
	while (http->conns) {
		struct http_conn *c = http->conns;
		conn_kill(c);
		if (http->conns == c)
			break; /* it would not go; the context takes it down */
	}
	while (http->exchanges)
		exchange_free(http->exchanges);
	loop_no_tick(http->app->loop, &http->tick);
	loop_not_before_wait(http->app->loop, &http->hook);
	tls_close(http->tls);
	buf_free(&http->fixed);
	buf_free(&http->out);
	free(http);
}

void http_drain(struct http *http)
{
	if (http->draining)
		return;
	http->draining = true;
	http->drain_end_ms = loop_now().mono_ms + LIMIT_STOP_MS;
	http->drain_grace_ms = loop_now().mono_ms + LIMIT_STOP_GRACE_MS;
	http_unlisten(http);
	live_drain(http->app->live);
	close_idle(http, true);
	if (!replies_under_way(http) && !live_count(http->app->live))
		loop_stop(http->app->loop);
}

void http_reload(struct http *http)
{
	struct buf why = buf_make(4096);
	if (!http->tls)
		return;
	enum err err = tls_reload(http->tls, &why);
	if (err)
		log_error("The certificate was not reloaded and the old one stays in use. %s",
			why.len && buf_ok(&why) ? why.ptr : err_name(err));
	else
		log_info("The certificate was reloaded");
	buf_free(&why);
}

struct http_stats http_stats(const struct http *http)
{
	return http->stats;
}
