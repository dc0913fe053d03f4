/*
 * Whether a WebSocket may be opened. libwebsockets takes any path, version and origin (limits.md section 4),
 * so everything is looked at here, before it goes on.
 */
#include "daemon/http_conn.h"
#include "daemon/live_lws.h"
#include "daemon/reply.h"
#include "daemon/router.h"

enum { KEY_CHARS = 24 };

static bool lists(struct str list, struct str word)
{
	while (list.len)
		if (str_eq_fold(str_trim(str_cut(&list, ',')), word))
			return true;
	return false;
}

/* The library takes the first name that it knows, and it knows one that is not for clients. */
static bool offers_protocol(struct str list)
{
	while (list.len) {
		struct str name = str_trim(str_cut(&list, ','));
		if (str_eq(name, str_from(LIVE_PROTOCOL)))
			return true;
		if (str_eq(name, str_from(http_protocols()[0].name)))
			return false;
	}
	return false;
}

/* A page of this server itself. */
static bool own_origin(struct str origin, struct str host)
{
	struct str scheme = str_starts(origin, STR("https://")) ? STR("https://") : STR("http://");
	if (!host.len || !str_starts(origin, scheme))
		return false;
	return str_eq_fold((struct str){origin.ptr + scheme.len, origin.len - scheme.len}, host);
}

/* Programs send no origin; a browser always does. */
static bool origin_allowed(struct http_conn *c, struct exchange *x)
{
	const struct config *config = &c->http->app->config;
	struct str origin = x->request.origin;
	if (!config->frontend_url || lws_hdr_total_length(c->wsi, WSI_TOKEN_ORIGIN) <= 0)
		return true;
	return cors_known_origin(config, origin) || own_origin(origin, request_header(c, x, WSI_TOKEN_HOST));
}

bool upgrade_admit(struct http_conn *c, struct exchange *x)
{
	struct request *r = &x->request;
	if (router_upgrade(r))
		return false;
	if (x->http10 || !lists(request_header(c, x, WSI_TOKEN_CONNECTION), STR("upgrade")) ||
		request_header(c, x, WSI_TOKEN_KEY).len != KEY_CHARS)
		reply_error(r, 400, "Bad request: this is not the opening of a WebSocket", NULL);
	else if (!str_eq(request_header(c, x, WSI_TOKEN_VERSION), STR("13")))
		reply_error(r, 426, "Open the WebSocket with version 13", NULL);
	else if (!origin_allowed(c, x))
		reply_error(r, 403, "Pages of this origin may not open the live channel", NULL);
	else if (!offers_protocol(request_header(c, x, WSI_TOKEN_PROTOCOL)))
		reply_error(r, 400, "Offer the subprotocol tsuzuki.v1", NULL);
	else
		return true;
	return false;
}
