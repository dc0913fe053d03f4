/*
 * Routes: method and path to handler. Fixed segments match without regard to ASCII case and one trailing
 * slash is ignored; a placeholder in last place takes everything to the end of the path (limits.md section
 * 4), except that
 * "/restore" may follow it.
 */
#ifndef TSUZUKI_DAEMON_ROUTER_H
#define TSUZUKI_DAEMON_ROUTER_H

#include "daemon/request.h"

enum scope {
	SCOPE_PUBLIC, /* no token needed; one that is sent is not looked at, except by the rate limiter */
	SCOPE_USER,
	SCOPE_OPTIONAL /* none is needed, but one that is sent must be good */
};

enum rate_class { RATE_NONE, RATE_API, RATE_SYNC, RATE_REGISTER, RATE_LOGIN, RATE_FORGOT, RATE_COUNT };

struct route {
	enum method method;
	const char *path; /* "/api/watchlist/check/:animeId" */
	enum scope scope;
	size_t body_cap; /* 0: the route takes no body; one that comes is read and ignored */
	enum rate_class rate;
	void (*handler)(struct request *r);
};

extern const struct route routes[];
extern const size_t route_count;

/*
 * First half, as soon as the headers are there: finds the route and decides from method, path, headers, token
 * and rate whether the body is wanted at all. Returns true when the request was answered already.
 *   content_length: bytes announced, -1: none given.  content_type: "" when absent.  chunked:
 * Transfer-Encoding given. Order of checks: 404, 405 (with Allow), rate limit 429, 401, 411, 413, 415.
 */
bool router_head(struct request *r, int64_t content_length, struct str content_type, bool chunked);
/* Second half: r->body is complete. Parses JSON (400) and calls the handler. Ends the request in every case.
 */
void router_body(struct request *r);

/*
 * Headers that ask for a WebSocket, instead of both halves. true: the request was answered (404, 429, 401);
 * false: it is for the live channel, and r->who is filled when there was a token.
 */
bool router_upgrade(struct request *r);

#endif
