/* From the library's table of headers to a request. Everything is copied: the table is gone before the reply
 * is. */
#include <string.h>

#include "daemon/http_conn.h"
#include "daemon/limits.h"
#include "daemon/router.h"

static const struct framing_fault none;

struct str request_header(struct http_conn *c, struct exchange *x, enum lws_token_indexes token)
{
	int len = lws_hdr_total_length(c->wsi, token);
	if (len <= 0 || len > LIMIT_HEADER_VALUE)
		return STR("");
	char *copy = arena_alloc(&x->request.arena, (size_t)len + 1);
	if (!copy || lws_hdr_copy(c->wsi, copy, len + 1, token) < 0)
		return STR("");
	return str_trim((struct str){copy, (size_t)len});
}

struct str request_header_named(struct http_conn *c, struct exchange *x, const char *name)
{
	int len = lws_hdr_custom_length(c->wsi, name, (int)strlen(name));
	if (len <= 0 || len > LIMIT_HEADER_VALUE)
		return STR("");
	char *copy = arena_alloc(&x->request.arena, (size_t)len + 1);
	if (!copy || lws_hdr_custom_copy(c->wsi, copy, len + 1, name, (int)strlen(name)) < 0)
		return STR("");
	return str_trim((struct str){copy, (size_t)len});
}

static struct framing_fault check_sizes(struct http_conn *c, const struct exchange *x)
{
	static const enum lws_token_indexes read[] = {WSI_TOKEN_HOST, WSI_TOKEN_ORIGIN,
		WSI_TOKEN_HTTP_AUTHORIZATION, WSI_TOKEN_HTTP_CONTENT_TYPE, WSI_TOKEN_X_FORWARDED_FOR,
		WSI_TOKEN_HTTP_AC_REQUEST_HEADERS};
	int query = lws_hdr_total_length(c->wsi, WSI_TOKEN_HTTP_URI_ARGS);
	if (x->request.path.len + (size_t)query > LIMIT_URI)
		return (struct framing_fault){414, "The address is too long"};
	for (size_t i = 0; i < sizeof read / sizeof read[0]; i++)
		if (lws_hdr_total_length(c->wsi, read[i]) > LIMIT_HEADER_VALUE)
			return (struct framing_fault){431, "A header is too large"};
	return none;
}

/* Without BASE_PATH in front, if it is there: a proxy may have stripped it or not. */
static struct str without_base(struct str path, struct str base)
{
	if (!base.len || !str_starts(path, base))
		return path;
	struct str rest = {path.ptr + base.len, path.len - base.len};
	if (!rest.len)
		return STR("/");
	return rest.ptr[0] == '/' ? rest : path;
}

static struct framing_fault fill_path(struct exchange *x)
{
	struct request *r = &x->request;
	if (!str_utf8(r->path))
		return (struct framing_fault){400, "Bad request: the path is not UTF-8"};
	if (!arena_str(&r->arena, r->path, &r->path))
		return (struct framing_fault){500, "Internal server error"};
	r->path = without_base(r->path, str_from(r->app->config.base_path));
	return none;
}

/* The library has cut the query at & and ; and unescaped it; an escaped = can only be in a value by then. */
static struct framing_fault fill_query(struct http_conn *c, struct exchange *x)
{
	struct request *r = &x->request;
	int total = lws_hdr_total_length(c->wsi, WSI_TOKEN_HTTP_URI_ARGS);
	if (total <= 0)
		return none;
	for (int i = 0; i <= total; i++) {
		int len = lws_hdr_fragment_length(c->wsi, WSI_TOKEN_HTTP_URI_ARGS, i);
		char *copy = arena_alloc(&r->arena, (size_t)len + 1);
		if (!copy)
			return (struct framing_fault){500, "Internal server error"};
		if (lws_hdr_copy_fragment(c->wsi, copy, len + 1, WSI_TOKEN_HTTP_URI_ARGS, i) < 0)
			return none; /* that was the last one */
		struct str rest = {copy, (size_t)len};
		/* To an empty end of the query the library adds a slash of its own. */
		if (!len || str_eq(rest, STR("/")))
			continue;
		if (!str_utf8(rest))
			return (struct framing_fault){400, "Bad request: the query is not UTF-8"};
		if (r->query_count == LIMIT_QUERY)
			return (struct framing_fault){400, "Bad request: too many query parameters"};
		r->query[r->query_count].name = str_cut(&rest, '=');
		r->query[r->query_count].value = rest;
		r->query_count++;
	}
	return none;
}

static bool local_host(struct str host)
{
	struct str name = host;
	if (str_starts(host, STR("[::1]")))
		return host.len == 5 || host.ptr[5] == ':';
	name.len = str_find(host, ':');
	if (str_eq_fold(name, STR("localhost")))
		return true;
	struct address a;
	return str_starts(name, STR("127.")) && address_parse(name, &a);
}

static bool forwarded_at_all(struct lws *wsi)
{
	static const char *const names[] = {"forwarded:", "x-forwarded-host:", "x-forwarded-proto:",
		"x-forwarded-port:", "x-forwarded-server:", "x-forwarded-prefix:", "x-forwarded-by:"};
	if (lws_hdr_total_length(wsi, WSI_TOKEN_X_FORWARDED_FOR) > 0 ||
		lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_VIA) > 0 ||
		lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_X_REAL_IP) > 0)
		return true;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (lws_hdr_custom_length(wsi, names[i], (int)strlen(names[i])) >= 0)
			return true;
	return false;
}

static void fill_client(struct http_conn *c, struct exchange *x)
{
	struct request *r = &x->request;
	r->client = c->address;
	if (c->trusted && lws_hdr_total_length(c->wsi, WSI_TOKEN_X_FORWARDED_FOR) > 0)
		r->client = address_forwarded(r->app->config.proxies, r->app->config.proxy_count,
			request_header(c, x, WSI_TOKEN_X_FORWARDED_FOR), &c->address);
	r->direct_local = address_loopback(&c->address) && !c->unix_socket && !forwarded_at_all(c->wsi) &&
			  local_host(request_header(c, x, WSI_TOKEN_HOST));
}

struct framing_fault request_fill(struct http_conn *c, struct exchange *x)
{
	struct framing_fault fault = check_sizes(c, x);
	if (!fault.message)
		fault = fill_path(x);
	if (!fault.message)
		fault = fill_query(c, x);
	if (fault.message)
		return fault;
	x->request.authorization = request_header(c, x, WSI_TOKEN_HTTP_AUTHORIZATION);
	x->request.origin = request_header(c, x, WSI_TOKEN_ORIGIN);
	fill_client(c, x);
	return none;
}
