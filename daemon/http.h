/*
 * HTTP on libwebsockets: from bytes to requests and from responses to bytes. Handlers never see it but for
 * the counters. Loop thread only.
 *
 * The files: http.c opens, closes and receives the library's callbacks; http_listen.c accepts; http_conn.c is
 * a connection's life and its deadlines; http_request.c and http_framing.c read what came; http_cors.c,
 * http_head.c and http_send.c answer; http_peers.c counts connections of an address; tls.c holds the
 * certificate.
 */
#ifndef TSUZUKI_DAEMON_HTTP_H
#define TSUZUKI_DAEMON_HTTP_H

#include "daemon/request.h"
#include "sync/base/buf.h"
#include "sync/base/err.h"

struct http;
struct lws_protocols;
struct peer;

/* Counters since the start, for /metrics. */
struct http_stats {
	uint64_t replies[6];   /* by class of status: [2] is 2xx */
	uint64_t accepted;     /* connections */
	uint64_t refused;      /* connections over a bound, closed without a reply */
	uint64_t cut;	       /* connections that missed a deadline */
	uint64_t bad_framing;  /* requests that no server can be sure where they end */
	uint64_t rate_limited; /* replies with 429 */
	unsigned open;	       /* connections now */
	unsigned pending;      /* requests now that a handler has not answered yet */
};

/* The library's table of protocols; constant. */
const struct lws_protocols *http_protocols(void);

/*
 * Listens as app->config says (PORT, BIND, TLS_CERT, TLS_KEY) on app->loop, and serves routes[] from then on.
 * app stays the caller's and outlives it. *why: what is wrong and what to do, for people.
 * ERR_INVALID: BIND or the certificate cannot be used; ERR_BUSY: the port or socket is taken; ERR_IO;
 * ERR_NOMEM.
 */
enum err http_open(struct app *app, struct http **out, struct buf *why);
/*
 * Closes every connection at once and forgets the requests that nobody has answered: by then no handler,
 * writer or worker may hold one any more. Takes NULL.
 */
void http_close(struct http *http);
/*
 * Accepts nobody from now on, closes what is idle, lets replies under way finish, and then (at the latest
 * after LIMIT_STOP_MS) stops the loop.
 */
void http_drain(struct http *http);
/*
 * Reads the certificate again (SIGHUP); connections stay. One that cannot be used is logged, and the old one
 * stays. Without TLS nothing happens.
 */
void http_reload(struct http *http);

/*
 * For reply.c: r->response is complete; sends it and ends r. The client may be gone: then r just ends.
 */
void http_send(struct request *r);

/*
 * What a connection that speaks another protocol by now still counts for: one of MAX_CONNECTIONS and one of
 * its address.
 */
struct http_seat {
	struct http *http; /* NULL: none */
	struct peer *peer;
};
/* Gives it back. */
void http_seat_leave(struct http_seat *seat);

/* Whether it serves on a socket that was handed in, so not where PORT and BIND say. */
bool http_inherited(const struct http *http);
struct http_stats http_stats(const struct http *http);

#endif
