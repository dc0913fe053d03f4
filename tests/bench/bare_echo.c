/*
 * The limit of the live channel: libwebsockets on a libev loop, one thread, that sends every text back as it
 * came.
 *
 *   bare_echo PORT
 *
 * rx_buffer_size 512 and no timers of the library's per connection, as limits.md section 2 advises. A plain
 * GET is answered 200, so that the benchmark can see when it serves.
 */
#include <ev.h>
#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT = 512 };

typedef struct session {
	size_t len;
	unsigned char bytes[LWS_PRE + TEXT];
} session;

static int answer_get(struct lws *wsi)
{
	unsigned char head[LWS_PRE + 256];
	unsigned char *start = head + LWS_PRE, *p = start, *end = head + sizeof(head);
	if (lws_add_http_common_headers(wsi, 200, "text/plain", 0, &p, end) ||
		lws_finalize_write_http_header(wsi, start, &p, end)) {
		return -1;
	}
	return lws_http_transaction_completed(wsi) ? -1 : 0;
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	session *s = user;
	switch (reason) {
	case LWS_CALLBACK_HTTP:
		return answer_get(wsi);
	case LWS_CALLBACK_RECEIVE:
		if (len > TEXT) {
			return -1;
		}
		memcpy(s->bytes + LWS_PRE, in, len);
		s->len = len;
		lws_callback_on_writable(wsi);
		return 0;
	case LWS_CALLBACK_SERVER_WRITEABLE:
		if (s->len) {
			lws_write(wsi, s->bytes + LWS_PRE, s->len, LWS_WRITE_TEXT);
		}
		s->len = 0;
		return 0;
	default:
		return 0;
	}
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	lws_cancel_service(timer->data);
}

static void on_stop(struct ev_loop *loop, ev_signal *watcher, int events)
{
	(void)watcher;
	(void)events;
	ev_break(loop, EVBREAK_ALL);
}

int main(int argc, char **argv)
{
	static const lws_retry_bo_t no_pings;
	struct lws_protocols protocols[] = {{"echo", callback, sizeof(session), TEXT, 0, NULL, 0}, {0}};
	struct ev_loop *loop = ev_loop_new(EVBACKEND_EPOLL);
	void *loops[] = {loop};
	struct lws_context_creation_info info = {0};
	if (argc != 2 || !loop) {
		fputs("usage: bare_echo PORT\n", stderr);
		return 1;
	}
	lws_set_log_level(LLL_ERR, NULL);
	info.port = atoi(argv[1]);
	info.iface = "127.0.0.1";
	info.protocols = protocols;
	info.options = LWS_SERVER_OPTION_LIBEV;
	info.foreign_loops = loops;
	info.retry_and_idle_policy = &no_pings;
	struct lws_context *context = lws_create_context(&info);
	if (!context) {
		fputs("bare_echo: cannot listen\n", stderr);
		return 1;
	}
	ev_timer tick;
	ev_timer_init(&tick, on_tick, 0.1, 0.1);
	tick.data = context;
	ev_timer_start(loop, &tick);
	ev_signal stop;
	ev_signal_init(&stop, on_stop, SIGTERM);
	ev_signal_start(loop, &stop);
	ev_run(loop, 0);
	ev_signal_stop(loop, &stop);
	ev_timer_stop(loop, &tick);
	lws_context_destroy(context);
	ev_loop_destroy(loop);
	return 0;
}
