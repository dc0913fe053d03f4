/*
 * One request and its reply, from the headers that libwebsockets has read to the headers that we write. Loop
 * thread.
 */
#ifndef TSUZUKI_DAEMON_HTTP_EXCHANGE_H
#define TSUZUKI_DAEMON_HTTP_EXCHANGE_H

#include <libwebsockets.h>

#include "daemon/http.h"
#include "daemon/request.h"

struct http_conn;

/* One request and its reply. Outlives its connection while a handler has the request. */
struct exchange {
	struct request request;
	struct exchange *prev; /* in http->exchanges */
	struct exchange *next;
	struct http *http;
	struct buf body;  /* owned: what has come of the body */
	int64_t length;	  /* of the body as announced; 0: none */
	bool has_length;  /* Content-Length was given */
	bool chunked;	  /* Transfer-Encoding was given */
	bool unframed;	  /* the library does not know where this request ends: nothing may follow it */
	bool drop_body;	  /* the body is not wanted */
	bool answered;	  /* response is complete */
	bool handling;	  /* the handler has it: it may outlive the connection */
	bool http10;	  /* the client speaks HTTP/1.0 */
	bool wants_close; /* the client, or the version it speaks, closes after the reply */
	bool expects_continue;
	bool quiet; /* neither counted nor logged */
	bool cors;  /* CORS headers go with the reply */
	bool preflight;
	struct str allow_headers; /* what a preflight asked for; "" unless it can be echoed */
};

/* http_exchange.c */
struct exchange *exchange_make(struct http_conn *c);
void exchange_free(struct exchange *x);
/* What the library brings. Non-zero: it is to close the connection at once. */
int exchange_headers(struct http_conn *c, const char *path, size_t len);
int exchange_body(struct http_conn *c, const void *bytes, size_t len);
int exchange_body_end(struct http_conn *c);
/* Headers that ask for another protocol (name: which). */
int exchange_upgrade(struct http_conn *c, struct str name);

/* http_framing.c */
struct framing_fault {
	int status;
	const char *message; /* NULL: nothing is wrong */
};
/* Whether it is certain where the request ends; fills what x knows about its body and its connection. */
struct framing_fault framing_check(struct http_conn *c, struct exchange *x);
/* The same for headers that ask for another protocol. */
struct framing_fault framing_check_upgrade(struct http_conn *c, struct exchange *x);

/* http_request.c */
/* Fills x->request from the headers. A status and message, or nothing when all is well. */
struct framing_fault request_fill(struct http_conn *c, struct exchange *x);
/* A header's value in the request's arena; "" when absent or when it cannot be had. */
struct str request_header(struct http_conn *c, struct exchange *x, enum lws_token_indexes token);
/* The same for a header that the library has no number for; name in lower case, with its colon. */
struct str request_header_named(struct http_conn *c, struct exchange *x, const char *name);

/* http_cors.c */
void cors_look(struct http_conn *c, struct exchange *x);
void cors_headers(struct exchange *x, struct buf *out);
/* FRONTEND_URL names it. */
bool cors_known_origin(const struct config *config, struct str origin);

/* http_upgrade.c */
/* A request for a WebSocket, whose headers have been read: true when it may be opened, else it is answered.
 */
bool upgrade_admit(struct http_conn *c, struct exchange *x);

/* http_head.c */
/* Writes the status line and all headers of x's response, whose body has length bytes. */
void head_write(struct exchange *x, size_t length, bool keep_alive, struct buf *out);

#endif
