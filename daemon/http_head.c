/* The status line and the headers of a reply. */
#include "daemon/http_conn.h"
#include "daemon/router.h"

enum { FIXED_BYTES = 2048 };

static const char security[] = "Content-Security-Policy: default-src 'self';base-uri 'self';font-src 'self' "
			       "https: data:;form-action 'self';"
			       "frame-ancestors 'self';img-src 'self' data:;object-src 'none';script-src "
			       "'self';script-src-attr 'none';"
			       "style-src 'self' https:\r\n"
			       "Cross-Origin-Opener-Policy: same-origin\r\n"
			       "Cross-Origin-Resource-Policy: same-origin\r\n"
			       "Origin-Agent-Cluster: ?1\r\n"
			       "Referrer-Policy: no-referrer\r\n"
			       "X-Content-Type-Options: nosniff\r\n"
			       "X-DNS-Prefetch-Control: off\r\n"
			       "X-Download-Options: noopen\r\n"
			       "X-Frame-Options: SAMEORIGIN\r\n"
			       "X-Permitted-Cross-Domain-Policies: none\r\n"
			       "X-XSS-Protection: 0\r\n";

static const char *const method_names[METHOD_COUNT] = {
	[METHOD_GET] = "GET",
	[METHOD_HEAD] = "HEAD",
	[METHOD_POST] = "POST",
	[METHOD_PUT] = "PUT",
	[METHOD_PATCH] = "PATCH",
	[METHOD_DELETE] = "DELETE",
	[METHOD_OPTIONS] = "OPTIONS",
};

static const struct {
	int status;
	const char *line;
} lines[] = {
	{200, "HTTP/1.1 200 OK\r\n"},
	{201, "HTTP/1.1 201 Created\r\n"},
	{204, "HTTP/1.1 204 No Content\r\n"},
	{400, "HTTP/1.1 400 Bad Request\r\n"},
	{401, "HTTP/1.1 401 Unauthorized\r\n"},
	{403, "HTTP/1.1 403 Forbidden\r\n"},
	{404, "HTTP/1.1 404 Not Found\r\n"},
	{405, "HTTP/1.1 405 Method Not Allowed\r\n"},
	{409, "HTTP/1.1 409 Conflict\r\n"},
	{411, "HTTP/1.1 411 Length Required\r\n"},
	{413, "HTTP/1.1 413 Content Too Large\r\n"},
	{414, "HTTP/1.1 414 URI Too Long\r\n"},
	{415, "HTTP/1.1 415 Unsupported Media Type\r\n"},
	{422, "HTTP/1.1 422 Unprocessable Content\r\n"},
	{426, "HTTP/1.1 426 Upgrade Required\r\n"},
	{429, "HTTP/1.1 429 Too Many Requests\r\n"},
	{431, "HTTP/1.1 431 Request Header Fields Too Large\r\n"},
	{500, "HTTP/1.1 500 Internal Server Error\r\n"},
	{503, "HTTP/1.1 503 Service Unavailable\r\n"},
	{507, "HTTP/1.1 507 Insufficient Storage\r\n"},
};

bool head_prepare(struct http *http)
{
	http->fixed = buf_make(FIXED_BYTES);
	buf_text(&http->fixed, security);
	if (http->tls)
		buf_text(&http->fixed, "Strict-Transport-Security: max-age=31536000\r\n");
	return buf_ok(&http->fixed);
}

static void add_status(int status, struct buf *out)
{
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
		if (lines[i].status == status) {
			buf_text(out, lines[i].line);
			return;
		}
	buf_fmt(out, "HTTP/1.1 %d Status\r\n", status);
}

static void add_number(struct buf *out, const char *name, int64_t value)
{
	buf_text(out, name);
	buf_int(out, value);
	buf_add(out, "\r\n", 2);
}

static void add_allow(const struct response *response, struct buf *out)
{
	bool first = true;
	buf_text(out, "Allow: ");
	for (unsigned m = 0; m < METHOD_COUNT; m++) {
		if (!(response->allow & 1U << m))
			continue;
		buf_text(out, first ? "" : ", ");
		buf_text(out, method_names[m]);
		first = false;
	}
	buf_add(out, "\r\n", 2);
}

static void add_conditional(const struct exchange *x, bool keep_alive, struct buf *out)
{
	const struct response *response = &x->request.response;
	if (!response->cacheable)
		buf_text(out, "Cache-Control: no-store\r\n");
	if (!keep_alive)
		buf_text(out, "Connection: close\r\n");
	else if (x->http10)
		buf_text(out, "Connection: keep-alive\r\n");
	if (response->status == 426)
		buf_text(out, "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
	if (response->allow)
		add_allow(response, out);
	if (response->retry_after_s)
		add_number(out, "Retry-After: ", response->retry_after_s);
	if (response->counted) {
		add_number(out, "X-RateLimit-Limit: ", response->rate_limit);
		add_number(out, "X-RateLimit-Remaining: ", response->rate_remaining);
		add_number(out, "X-RateLimit-Reset: ", response->rate_reset_s);
	}
}

void head_write(struct exchange *x, size_t length, bool keep_alive, struct buf *out)
{
	const struct response *response = &x->request.response;
	add_status(response->status, out);
	if (response->status != 204) {
		buf_text(out, "Content-Type: ");
		buf_text(out,
			response->content_type ? response->content_type : "application/json; charset=utf-8");
		buf_add(out, "\r\n", 2);
	}
	add_number(out, "Content-Length: ", (int64_t)length);
	buf_text(out, x->http->date);
	add_conditional(x, keep_alive, out);
	if (x->cors)
		cors_headers(x, out);
	buf_add_str(out, buf_str(&x->http->fixed));
	buf_add(out, "\r\n", 2);
}
