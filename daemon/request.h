/*
 * A request as handlers see it: no libwebsockets type, no socket. http.c makes it, the router completes it, a
 * handler answers it exactly once (reply.h), at once or later, always on the loop's thread. After the answer
 * it is gone.
 */
#ifndef TSUZUKI_DAEMON_REQUEST_H
#define TSUZUKI_DAEMON_REQUEST_H

#include <jansson.h>

#include "daemon/address.h"
#include "daemon/limits.h"
#include "sync/base/arena.h"
#include "sync/base/buf.h"
#include "sync/ids.h"

struct app;
struct http_conn;
struct route;

enum method {
	METHOD_GET,
	METHOD_HEAD,
	METHOD_POST,
	METHOD_PUT,
	METHOD_PATCH,
	METHOD_DELETE,
	METHOD_OPTIONS,
	METHOD_COUNT
};

/* Who asks: filled by the router for routes that need a token. */
struct principal {
	uint64_t user;
	char oid[OID_TEXT_SIZE]; /* the user's _id */
	struct session_id session;
	struct device_id device;
	bool admin;
	int64_t expires_ms; /* of the token */
};

struct query_param {
	struct str name;
	struct str value;
};

struct response {
	int status;
	struct buf body;	  /* owned */
	const char *content_type; /* static; NULL: JSON */
	unsigned retry_after_s;	  /* 0: no header */
	unsigned allow;		  /* bit per method; 0: no Allow header */
	bool close;		  /* close the connection after the reply */
	bool cacheable;		  /* without no-store: documents that hold nobody's data */
	bool counted;		  /* the X-RateLimit headers below are sent */
	unsigned rate_limit;
	unsigned rate_remaining;
	int64_t rate_reset_s; /* epoch seconds */
};

struct request {
	struct app *app;
	struct http_conn *conn; /* http.c's; NULL once the client is gone */
	const struct route *route;
	uint64_t id; /* for logs */
	int64_t begun_ms;
	enum method method;
	struct str path;     /* unescaped, without query and base path */
	struct str param[2]; /* of the route's placeholders, in order */
	struct query_param query[LIMIT_QUERY];
	size_t query_count;
	struct str authorization; /* the header's value, "" when absent */
	struct str origin;
	struct str body;
	json_t *json; /* owned; the body's object; NULL when the body is empty or the route takes none */
	struct address client;
	bool direct_local; /* from loopback, without forwarding headers, for a local Host */
	struct principal who;
	struct arena arena; /* owned; everything above lives in it */
	struct response response;
};

/* The query parameter of that name, or NULL. */
const struct query_param *request_query(const struct request *r, const char *name);

#endif
