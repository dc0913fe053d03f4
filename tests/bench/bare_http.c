/*
 * The limit of an HTTP server on libwebsockets: one thread on a libev loop handed in as the daemon hands in
 * its own, and nothing behind it. GET /N is answered with N bytes in all, headers included; POST /N has its
 * JSON body parsed by jansson and is answered with JSON, N bytes in all.
 *
 *   bare_http PORT
 *
 * Prints "ready" when it listens.
 */
#include <ev.h>
#include <jansson.h>
#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER = 1024 * 1024, BODY = 1024 };

typedef struct exchange {
	size_t want; /* bytes of the answer, headers included */
	size_t len;
	char body[BODY];
} exchange;

static unsigned char answer_space[LWS_PRE + ANSWER];

/* Writes headers and a body that starts with the given text and is filled up so that all is want bytes. */
static int answer(struct lws *wsi, size_t want, const char *text, size_t text_len)
{
	unsigned char *start = answer_space + LWS_PRE, *p = start, *end = start + ANSWER;
	/* The headers take 80 to 110 bytes; how many depends on the digits of the length, so they are written
	 * twice. */
	size_t length = want;
	for (int pass = 0; pass < 2; pass++) {
		p = start;
		if (lws_add_http_common_headers(
			    wsi, 200, "application/json; charset=utf-8", length, &p, end) ||
			lws_finalize_http_header(wsi, &p, end)) {
			return -1;
		}
		if (pass == 0) {
			length = want - (size_t)(p - start);
		}
	}
	if (want > ANSWER || length > ANSWER || length < text_len) {
		return -1;
	}
	memcpy(p, text, text_len);
	memset(p + text_len, ' ', length - text_len);
	p += length;
	if (lws_write(wsi, start, (size_t)(p - start), LWS_WRITE_HTTP_FINAL) < 0) {
		return -1;
	}
	return lws_http_transaction_completed(wsi) ? -1 : 0;
}

static int answer_post(struct lws *wsi, const exchange *x)
{
	json_error_t error;
	json_t *body = json_loadb(x->body, x->len, JSON_REJECT_DUPLICATES, &error);
	const char *id = json_string_value(json_object_get(body, "animeId"));
	double time = json_number_value(json_object_get(body, "currentTime"));
	char text[256];
	int n = snprintf(text, sizeof(text),
		"{\"success\":true,\"data\":{\"animeId\":\"%.100s\",\"currentTime\":%.17g}}", id ? id : "",
		time);
	json_decref(body);
	return id && n > 0 ? answer(wsi, x->want, text, (size_t)n) : -1;
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	static const char text[] = "{\"success\":true}";
	exchange *x = user;

	switch (reason) {
	case LWS_CALLBACK_HTTP:
		x->want = strtoul((const char *)in + 1, NULL, 10);
		x->len = 0;
		if (lws_hdr_total_length(wsi, WSI_TOKEN_POST_URI) > 0) {
			return 0;
		}
		return answer(wsi, x->want, text, sizeof(text) - 1);
	case LWS_CALLBACK_HTTP_BODY:
		if (len > BODY - x->len) {
			return -1;
		}
		memcpy(x->body + x->len, in, len);
		x->len += len;
		return 0;
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		return answer_post(wsi, x);
	default:
		return lws_callback_http_dummy(wsi, reason, user, in, len);
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
	struct lws_protocols protocols[] = {{"http", callback, sizeof(exchange), 0, 0, NULL, 0}, {0}};
	struct ev_loop *loop = ev_loop_new(EVBACKEND_EPOLL);
	void *loops[] = {loop};
	struct lws_context_creation_info info = {0};
	if (argc != 2 || !loop) {
		fputs("usage: bare_http PORT\n", stderr);
		return 1;
	}
	lws_set_log_level(LLL_ERR, NULL);
	info.port = atoi(argv[1]);
	info.iface = "127.0.0.1";
	info.protocols = protocols;
	info.options = LWS_SERVER_OPTION_LIBEV;
	info.foreign_loops = loops;
	info.keepalive_timeout = 3600;
	struct lws_context *context = lws_create_context(&info);
	if (!context) {
		fputs("bare_http: cannot listen\n", stderr);
		return 1;
	}
	ev_timer tick;
	ev_timer_init(&tick, on_tick, 0.1, 0.1);
	tick.data = context;
	ev_timer_start(loop, &tick);
	ev_signal stop;
	ev_signal_init(&stop, on_stop, SIGTERM);
	ev_signal_start(loop, &stop);
	puts("ready");
	fflush(stdout);
	ev_run(loop, 0);
	ev_signal_stop(loop, &stop);
	ev_timer_stop(loop, &tick);
	lws_context_destroy(context);
	ev_loop_destroy(loop);
	return 0;
}
