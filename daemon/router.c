#include "daemon/router.h"

#include <string.h>

#include "daemon/api.h"
#include "daemon/app.h"
#include "daemon/auth.h"
#include "daemon/ratelimit.h"
#include "daemon/reply.h"
#include "daemon/router_json.h"
#include "daemon/router_match.h"
#include "sync/base/check.h"

const struct route routes[] = {
#define ROUTE(method_, path_, scope_, body_cap_, rate_, handler_) \
	{.method = METHOD_##method_,                              \
		.path = (path_),                                  \
		.scope = SCOPE_##scope_,                          \
		.body_cap = (body_cap_),                          \
		.rate = RATE_##rate_,                             \
		.handler = (handler_)},
#include "daemon/routes.def"
};

const size_t route_count = COUNT_OF(routes);

/* Not of routes[]: it has no reply of its own. */
static const struct route live_route = {
	.method = METHOD_GET, .path = "/api/live", .scope = SCOPE_OPTIONAL, .rate = RATE_SYNC};

static const char not_authorized[] = "Not authorized to access this route";

static void deny(struct request *r, enum err err)
{
	if (err == ERR_DENIED)
		reply_error(r, 401, not_authorized, NULL);
	else if (err == ERR_EXPIRED)
		reply_error(r, 401, "Token expired, please login again", "token_expired");
	else if (err == ERR_NOT_FOUND)
		reply_error(r, 401, "User not found", NULL);
	else
		reply_err(r, err);
}

/* true: there is room. false: the request was answered with 429. */
static bool count(struct request *r, enum rate_class class, const struct rate_key *key)
{
	struct rate_verdict v = ratelimit_take(r->app->ratelimit, class, key, loop_now());
	r->response.counted = v.counted;
	r->response.rate_limit = v.limit;
	r->response.rate_remaining = v.remaining;
	r->response.rate_reset_s = v.reset_s;
	if (v.allowed)
		return true;
	bool strict = class == RATE_REGISTER || class == RATE_LOGIN || class == RATE_FORGOT;
	r->response.retry_after_s = v.retry_after_s;
	reply_error(r, 429,
		strict ? "Too many authentication attempts, please try again later."
		       : "Too many requests from this IP, please try again later.",
		"rate_limited");
	return false;
}

static bool count_address(struct request *r)
{
	struct rate_key key = rate_key_address(&r->client);
	return count(r, r->route->rate, &key);
}

/* Whose token tells the bucket only when the body has been read. */
static bool counts_by_body(const struct route *route)
{
	return route->handler == api_refresh;
}

/*
 * Counts the request, by its device when its token is good, and refuses it when it needs a token and has none
 * that is. true: it was answered.
 */
static bool limit_and_admit(struct request *r)
{
	const struct route *route = r->route;
	bool per_device = route->rate == RATE_API || route->rate == RATE_SYNC;
	bool wants_token = route->scope == SCOPE_USER || (per_device && r->authorization.len);
	enum err err = ERR_DENIED;
	if (wants_token && !counts_by_body(route))
		err = auth_check(r->app, r->authorization, &r->who);
	if (route->rate != RATE_NONE && !counts_by_body(route)) {
		struct rate_key key = !err && per_device ? rate_key_device(r->who.user, r->who.device)
							 : rate_key_address(&r->client);
		if (!count(r, route->rate, &key))
			return true;
	}
	if (err && (route->scope == SCOPE_USER || (route->scope == SCOPE_OPTIONAL && wants_token))) {
		deny(r, err);
		return true;
	}
	return false;
}

static bool is_json(struct str content_type)
{
	struct str type = str_trim(str_cut(&content_type, ';'));
	return str_eq_fold(type, STR("application/json"));
}

/* Its body may be large, so that it is not parsed on the loop. */
static bool parses_itself(const struct route *route)
{
	return route->handler == api_sync;
}

/* An early answer of a route whose bucket is in its body: counted by address, or nothing would count it. */
static bool refuse_body(struct request *r, int status, const char *message)
{
	if (!counts_by_body(r->route) || count_address(r))
		reply_error(r, status, message, NULL);
	return true;
}

static bool check_body(struct request *r, int64_t content_length, struct str content_type, bool chunked)
{
	size_t cap = r->route->body_cap ? r->route->body_cap : LIMIT_BODY_DRAIN;
	if (chunked) {
		r->response.close = true;
		return refuse_body(r, 411, "Send the body with a Content-Length, not in chunks");
	}
	if (content_length > (int64_t)cap) {
		r->response.close = true;
		return refuse_body(r, 413, "The request body is too large");
	}
	if (r->route->body_cap && content_length > 0 && !is_json(content_type))
		return refuse_body(r, 415, "Send the body as application/json");
	return false;
}

static bool under_api(struct str path)
{
	static const size_t len = sizeof "/api/" - 1;
	return path.len >= len && str_eq_fold((struct str){path.ptr, len}, STR("/api/"));
}

static bool answer_unmatched(struct request *r, unsigned allow)
{
	if (r->method == METHOD_OPTIONS && allow) {
		r->response.allow = allow;
		struct buf none = buf_make(LIMIT_RESPONSE);
		reply_json(r, 204, &none);
	} else if (allow && under_api(r->path)) {
		r->response.allow = allow;
		reply_error(r, 405, "Method not allowed", NULL);
	} else {
		reply_error(r, 404, "Route not found", NULL);
	}
	return true;
}

static bool answer_live(struct request *r)
{
	r->route = &live_route;
	if (!limit_and_admit(r))
		reply_error(r, 426, "Open a WebSocket here, with the subprotocol tsuzuki.v1", NULL);
	return true;
}

bool router_head(struct request *r, int64_t content_length, struct str content_type, bool chunked)
{
	struct match match = router_match(routes, route_count, r->method, r->path);
	if (!match.route) {
		struct match live = router_match(&live_route, 1, r->method, r->path);
		return live.route ? answer_live(r) : answer_unmatched(r, match.allow | live.allow);
	}
	r->route = match.route;
	memcpy(r->param, match.param, sizeof r->param);
	return limit_and_admit(r) || check_body(r, content_length, content_type, chunked);
}

bool router_upgrade(struct request *r)
{
	struct match match = router_match(&live_route, 1, r->method, r->path);
	if (r->method != METHOD_GET || !match.route)
		return answer_unmatched(r, 0);
	r->route = match.route;
	return limit_and_admit(r);
}

static bool count_refresh(struct request *r)
{
	const json_t *field = json_object_get(r->json, "refreshToken");
	struct refresh_claims claims;
	struct str token = {json_string_value(field), json_string_length(field)};
	if (!token.ptr || token_refresh_check(&r->app->keys, token, loop_now().wall_ms / 1000, &claims))
		return count_address(r);
	struct rate_key key = rate_key_device(claims.user, claims.device);
	return count(r, r->route->rate, &key);
}

void router_body(struct request *r)
{
	const char *wrong = NULL;
	if (r->route->body_cap && r->body.len && !parses_itself(r->route))
		r->json = router_json(r->body, &wrong);
	if (counts_by_body(r->route) && !count_refresh(r))
		return;
	if (wrong)
		reply_error(r, 400, wrong, NULL);
	else
		r->route->handler(r);
}
