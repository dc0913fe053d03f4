/*
 * Whether it is certain where a request ends. libwebsockets 4.1.6 answers badly framed requests as if nothing
 * were wrong (limits.md section 4); here they are refused, since a proxy in front may have read them
 * differently.
 */
#include <string.h>
#include <strings.h>

#include "daemon/http_conn.h"
#include "daemon/limits.h"

enum { LENGTH_DIGITS = 18, CONNECTION_BYTES = 256 };

static const struct framing_fault none;

static struct framing_fault bad(const char *message)
{
	return (struct framing_fault){400, message};
}

/* A header that came more than once: its fragments are counted together, with a comma for each further one.
 */
static bool repeated(struct lws *wsi, enum lws_token_indexes token)
{
	return lws_hdr_total_length(wsi, token) != lws_hdr_fragment_length(wsi, token, 0);
}

static struct framing_fault check_version(struct lws *wsi, struct exchange *x)
{
	char version[16];
	int len = lws_hdr_copy(wsi, version, sizeof version, WSI_TOKEN_HTTP);
	if (len != 8 || (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0))
		return bad("Bad request: the first line is not METHOD /path HTTP/1.1");
	x->http10 = version[7] == '0';
	return none;
}

static struct framing_fault check_host(struct lws *wsi, const struct exchange *x)
{
	if (repeated(wsi, WSI_TOKEN_HOST))
		return bad("Bad request: send one Host header, not several");
	if (!x->http10 && lws_hdr_total_length(wsi, WSI_TOKEN_HOST) == 0)
		return bad("Bad request: send a Host header");
	return none;
}

/* A name with a space before its colon is another header to us, and perhaps not to a proxy. */
static struct framing_fault check_names(struct lws *wsi)
{
	static const char *const names[] = {"content-length :", "content-length\t:", "transfer-encoding :",
		"transfer-encoding\t:", "host :", "host\t:"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (lws_hdr_custom_length(wsi, names[i], (int)strlen(names[i])) >= 0)
			return bad("Bad request: a header's name ends right before its colon");
	return none;
}

static struct framing_fault check_length(struct lws *wsi, struct exchange *x)
{
	char text[LENGTH_DIGITS + 8];
	x->chunked = lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0;
	if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) == 0)
		return none;
	if (x->chunked)
		return bad("Bad request: send Content-Length or Transfer-Encoding, not both");
	if (repeated(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH))
		return bad("Bad request: send one Content-Length, not several");
	int len = lws_hdr_copy(wsi, text, sizeof text, WSI_TOKEN_HTTP_CONTENT_LENGTH);
	struct str digits = str_trim((struct str){text, len > 0 ? (size_t)len : 0});
	if (!digits.len || digits.len > LENGTH_DIGITS || digits.ptr[0] == '-' ||
		!str_int(digits, 0, INT64_MAX, &x->length))
		return bad("Bad request: Content-Length is not a number of bytes");
	x->has_length = true;
	return none;
}

/*
 * The library stores the path, a NUL, and behind it the version, or one byte further the query. A NUL within
 * the path is stored too, but not counted: then the first one comes too early, or what follows is not where
 * it should be.
 */
static struct framing_fault check_path(struct lws *wsi, const struct exchange *x)
{
	static const struct framing_fault fault = {400, "Bad request: the path holds a NUL"};
	struct str path = x->request.path;
	int query = lws_hdr_fragment_length(wsi, WSI_TOKEN_HTTP_URI_ARGS, 0);
	char next[LIMIT_URI + 1] = "HTTP/1.";
	size_t gap = 1, len = strlen(next);
	if (memchr(path.ptr, 0, path.len))
		return fault;
	if (query > LIMIT_URI)
		return none; /* too long anyway, as will be found */
	if (lws_hdr_copy_fragment(wsi, next, sizeof next, WSI_TOKEN_HTTP_URI_ARGS, 0) >= 0) {
		gap = 2;
		len = (size_t)query;
	}
	return memcmp(path.ptr + path.len + gap, next, len) == 0 ? none : fault;
}

static const struct {
	enum lws_token_indexes token;
	enum method method;
} methods[] = {
	{WSI_TOKEN_GET_URI, METHOD_GET},
	{WSI_TOKEN_POST_URI, METHOD_POST},
	{WSI_TOKEN_PUT_URI, METHOD_PUT},
	{WSI_TOKEN_DELETE_URI, METHOD_DELETE},
	{WSI_TOKEN_HEAD_URI, METHOD_HEAD},
	{WSI_TOKEN_OPTIONS_URI, METHOD_OPTIONS},
	{WSI_TOKEN_PATCH_URI, METHOD_PATCH},
};

static void look_at_method(struct lws *wsi, struct exchange *x)
{
	for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
		if (lws_hdr_total_length(wsi, methods[i].token) > 0)
			x->request.method = methods[i].method;
}

static bool lists(struct str list, struct str word)
{
	while (list.len)
		if (str_eq_fold(str_trim(str_cut(&list, ',')), word))
			return true;
	return false;
}

static void look_at_connection(struct lws *wsi, struct exchange *x)
{
	char text[CONNECTION_BYTES];
	int len = lws_hdr_copy(wsi, text, sizeof text, WSI_TOKEN_CONNECTION);
	struct str value = {text, len > 0 ? (size_t)len : 0};
	/* An overlong list is not worth reading: closing is always right. */
	x->wants_close = len < 0 || lists(value, STR("close")) ||
			 (x->http10 && !str_eq_fold(value, STR("keep-alive")));
	x->expects_continue = lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_EXPECT) > 0;
	/* Without a length the library waits for a body of its own invention. */
	x->unframed =
		!x->has_length && (x->request.method == METHOD_POST || x->request.method == METHOD_PUT ||
					  x->request.method == METHOD_PATCH);
}

struct framing_fault framing_check_upgrade(struct http_conn *c, struct exchange *x)
{
	look_at_method(c->wsi, x);
	struct framing_fault fault = check_version(c->wsi, x);
	if (!fault.message)
		fault = check_host(c->wsi, x);
	if (!fault.message)
		fault = check_names(c->wsi);
	if (!fault.message)
		fault = check_length(c->wsi, x);
	if (!fault.message && (x->length > 0 || x->chunked))
		fault = bad("Bad request: a request with Upgrade has no body");
	return fault;
}

struct framing_fault framing_check(struct http_conn *c, struct exchange *x)
{
	look_at_method(c->wsi, x);
	struct framing_fault fault = check_version(c->wsi, x);
	if (!fault.message)
		fault = check_path(c->wsi, x);
	if (!fault.message)
		fault = check_host(c->wsi, x);
	if (!fault.message)
		fault = check_names(c->wsi);
	if (!fault.message)
		fault = check_length(c->wsi, x);
	look_at_connection(c->wsi, x);
	return fault;
}
