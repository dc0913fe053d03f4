/* Which other origins' pages may read a reply (FRONTEND_URL, live-clients.md section 4). */
#include "daemon/http_conn.h"
#include "daemon/limits.h"

enum { ALLOW_HEADERS_BYTES = 1024 };

/* Names of headers and what stands between them, and nothing that could end a line. */
static bool can_be_echoed(struct str list)
{
	if (list.len > ALLOW_HEADERS_BYTES)
		return false;
	for (size_t i = 0; i < list.len; i++) {
		char ch = list.ptr[i];
		bool letter = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');
		bool other = (ch >= '0' && ch <= '9') || ch == '-' || ch == '_' || ch == ',' || ch == ' ';
		if (!letter && !other)
			return false;
	}
	return true;
}

void cors_look(struct http_conn *c, struct exchange *x)
{
	struct request *r = &x->request;
	/* Nobody's page has business with the metrics. */
	x->cors = !str_eq_fold(r->path, STR("/metrics")) && !str_eq_fold(r->path, STR("/metrics/"));
	if (!x->cors || r->method != METHOD_OPTIONS ||
		lws_hdr_custom_length(c->wsi, "access-control-request-method:", 30) < 0)
		return;
	x->preflight = true;
	struct str wanted = request_header(c, x, WSI_TOKEN_HTTP_AC_REQUEST_HEADERS);
	if (can_be_echoed(wanted))
		x->allow_headers = wanted;
}

bool cors_known_origin(const struct config *config, struct str origin)
{
	for (size_t i = 0; i < config->origin_count; i++)
		if (str_eq(config->origins[i], origin))
			return true;
	return false;
}

static void add_origin(const struct exchange *x, struct buf *out)
{
	const struct config *config = &x->request.app->config;
	if (!config->frontend_url) {
		buf_text(out, "Access-Control-Allow-Origin: *\r\n");
	} else if (cors_known_origin(config, x->request.origin)) {
		buf_text(out, "Access-Control-Allow-Origin: ");
		buf_add_str(out, x->request.origin);
		buf_text(out, "\r\nAccess-Control-Allow-Credentials: true\r\n");
	}
}

void cors_headers(struct exchange *x, struct buf *out)
{
	bool named = x->request.app->config.frontend_url != NULL;
	add_origin(x, out);
	if (!x->preflight) {
		buf_text(out, named ? "Vary: Origin\r\n" : "");
		buf_text(out, "Access-Control-Expose-Headers: X-RateLimit-Limit, X-RateLimit-Remaining, "
			      "X-RateLimit-Reset, Retry-After\r\n");
		return;
	}
	buf_text(out, named ? "Vary: Origin, Access-Control-Request-Headers\r\n"
			    : "Vary: Access-Control-Request-Headers\r\n");
	buf_text(out, "Access-Control-Allow-Methods: "
		      "GET,HEAD,PUT,PATCH,POST,DELETE\r\nAccess-Control-Max-Age: 600\r\n");
	if (x->allow_headers.len) {
		buf_text(out, "Access-Control-Allow-Headers: ");
		buf_add_str(out, x->allow_headers);
		buf_text(out, "\r\n");
	}
}
