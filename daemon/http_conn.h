/*
 * What the files of http share: a connection, the exchange of one request and its reply on it, and what moves
 * it on.
 *
 * A connection's states and their moves:
 *
 *   OPENED ──► HEADERS_DONE ──► BODY ──► HANDLED ──► READY ──► SENDING ──► IDLE ──► HEADERS ──► HEADERS_DONE
 * ... │             ▲           ▲                    │ └─ no body ───┼───────────┘                    └──►
 * LINGER ──► closed (an early reply waits in BODY until the body has been dropped)
 *
 * libwebsockets 4.1.6 mis-frames, spins or uses freed memory when it parses a request with a body out of
 * bytes that it has kept from an earlier read, and it spins when it is asked for a writable callback while
 * reading is stopped. So it gets to do neither:
 * - Reading stops inside the callback that completes a request, when nothing is kept yet, and until its reply
 * is out.
 * - A reply never starts inside the library's callbacks but before the loop waits again, and goes straight to
 * the socket.
 * - A connection that has bytes kept when a reply is out (the client pipelines) is closed, after the first
 * reply and lingering, so that this one always arrives. Such clients send the rest again, as RFC 9112
 * section 9.3.2 tells them to.
 * - Connections are closed from outside of the library's callbacks, at once: its own timers starve under
 * load.
 */
#ifndef TSUZUKI_DAEMON_HTTP_CONN_H
#define TSUZUKI_DAEMON_HTTP_CONN_H

#include <libwebsockets.h>

#include "daemon/app.h"
#include "daemon/http.h"
#include "daemon/http_exchange.h"
#include "daemon/http_peers.h"
#include "daemon/loop.h"
#include "daemon/tls.h"

enum conn_state {
	CONN_OPENED,	   /* nothing but parts of the first headers has come */
	CONN_HEADERS_DONE, /* inside the callback that brings the headers */
	CONN_BODY,	   /* the body is on its way, to be used or to be dropped */
	CONN_HANDLED,	   /* the handler has the request */
	CONN_READY,	   /* the reply is there and goes out before the loop waits again */
	CONN_SENDING,	   /* a part of the reply is out */
	CONN_IDLE,	   /* kept alive, no byte of a next request yet */
	CONN_HEADERS,	   /* parts of the next headers have come */
	CONN_LINGER /* our side is shut; what still comes is dropped, so that the reply is not lost to a reset
		     */
};

struct http_conn {
	struct http *http;
	struct lws *wsi;
	struct http_conn *prev; /* in http->conns */
	struct http_conn *next;
	struct http_conn *turn_prev; /* in http->turns: something is to be done before the loop waits */
	struct http_conn *turn_next;
	bool in_turn;
	enum conn_state state;
	int64_t deadline_ms; /* on the monotonic clock; 0: none */
	struct peer *peer;   /* NULL: not counted */
	struct address address;
	bool unix_socket;
	bool trusted;	 /* a proxy: its X-Forwarded-For is believed */
	bool rx_off;	 /* reading was stopped */
	struct buf rest; /* owned: what the socket has not taken of the reply's head and first piece */
	struct loop_watch *watch; /* owned: while sending has to wait, and while lingering */
	bool empty_body; /* the library will report the end of an empty body, which is to be ignored */
	size_t sent;	 /* bytes of the body that are out */
	size_t drained;	 /* bytes dropped while lingering */
	struct exchange *exchange; /* owned, unless its handler has it */
};

struct http {
	struct app *app;
	struct lws_vhost *vhost;
	struct tls *tls;       /* NULL: plain */
	int listen_fd;	       /* -1: none */
	bool listen_inherited; /* it was handed in */
	struct loop_watch *listen_watch;
	bool listen_paused;    /* out of descriptors, until the next tick */
	const char *unix_path; /* of config.bind; NULL: none */
	struct loop_tick tick;
	struct loop_before_wait hook;
	struct http_conn *conns;
	struct http_conn *next_look; /* at whose deadline is looked next; NULL: the first one's */
	struct http_conn *turns;
	struct http_conn *turns_last;
	struct exchange *exchanges; /* every one there is */
	struct peers peers;
	unsigned max_connections;
	struct http_conn *adopting; /* the connection whose socket is being handed to the library */
	bool draining;
	int64_t drain_end_ms;
	int64_t drain_grace_ms; /* till then, requests that are on their way are waited for */
	int64_t now_ms;		/* of the last tick */
	uint64_t next_id;
	struct buf fixed; /* the headers that every reply has */
	struct buf out;	  /* the head and first piece of the reply that is being written */
	char date[40];
	int64_t date_s;
	struct http_stats stats;
};

/* http_listen.c */
enum err http_listen(struct http *http, struct buf *why);
void http_unlisten(struct http *http);
void http_listen_again(struct http *http);
/* MAX_CONNECTIONS, or what the descriptor limit leaves. */
unsigned http_connection_bound(const struct config *config);

/* http_conn.c */
struct http_conn *conn_make(struct http *http, const struct address *address, bool unix_socket);
/* Ends the connection's memory; its request goes on without it when a handler has it. */
void conn_free(struct http_conn *c);
/* Ends c as HTTP's, whose connection goes on as somebody else's; what it counts for moves to *seat. */
void conn_hand_over(struct http_conn *c, struct http_seat *seat);
/* Asks for conn_turn() before the loop waits. */
void conn_want_turn(struct http_conn *c);
/* c may be gone afterwards. */
void conn_turn(struct http_conn *c);
void conn_set(struct http_conn *c, enum conn_state state, int64_t deadline_ms);
/* Closes it at once; c is gone afterwards. Never inside a callback of the library. */
void conn_kill(struct http_conn *c);
/* The reply is out: keeps the connection, or closes it. c may be gone afterwards. */
void conn_finish(struct http_conn *c);
void conn_stop_reading(struct http_conn *c);
/* Looks at its deadline. c may be gone afterwards. */
void conn_look(struct http_conn *c, int64_t now_ms);

/* http_head.c */
bool head_prepare(struct http *http);

/* http_send.c */
/* Starts sending the reply. c may be gone afterwards. */
void send_begin(struct http_conn *c);
/* Sends the reply as far as the socket takes it at once: for a connection that the library closes now. */
void send_last(struct http_conn *c);
/* Writes at most len bytes: how many were taken, 0: none for now, -1: the connection failed. */
ssize_t send_bytes(struct http_conn *c, const void *bytes, size_t len);

#endif
