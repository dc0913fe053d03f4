/* What the server says of itself: health, metrics, the contract, the page at /. */
#include <string.h>
#include <unistd.h>

#include "daemon/answer.h"
#include "daemon/api.h"
#include "daemon/app.h"
#include "daemon/auth.h"
#include "daemon/health.h"
#include "daemon/http.h"
#include "daemon/metrics.h"
#include "schema/schema.h"

static void health_reasons(struct buf *b, unsigned found)
{
	bool first = true;
	for (unsigned i = 0; i < HEALTH_TROUBLES; i++) {
		if (!(found & 1u << i))
			continue;
		if (first) {
			buf_text(b, ",\"reason\":");
			buf_json(b, str_from(health_text((enum health_trouble)i)));
		}
		buf_text(b, first ? ",\"reasons\":[\"" : ",\"");
		buf_text(b, health_word((enum health_trouble)i));
		buf_char(b, '"');
		first = false;
	}
	if (!first)
		buf_char(b, ']');
}

void api_health(struct request *r)
{
	struct now now = loop_now();
	unsigned found = health_look(r->app);
	struct buf b = buf_make(LIMIT_BODY);
	buf_text(&b, "{\"success\":true,\"message\":\"Server is running\",\"status\":");
	buf_text(&b, found ? "\"degraded\"" : "\"ok\"");
	health_reasons(&b, found);
	buf_text(&b, ",\"timestamp\":");
	buf_json_time(&b, now.wall_ms);
	buf_text(&b, ",\"uptime\":");
	buf_json_real(&b, (double)(now.mono_ms - r->app->started.mono_ms) / 1000);
	buf_char(&b, '}');
	reply_json(r, 200, &b);
}

void api_health_ready(struct request *r)
{
	unsigned found = health_look(r->app);
	unsigned first = 0;
	while (first < HEALTH_TROUBLES && !(found & 1u << first))
		first++;
	if (health_takes_writes(found))
		reply_message(r, "Ready");
	else
		reply_error(r, 503, health_text((enum health_trouble)first), NULL);
}

static void document(struct request *r, const char *type, const unsigned char *bytes, size_t len)
{
	struct buf b = buf_make(LIMIT_RESPONSE);
	buf_add(&b, bytes, len);
	r->response.content_type = type;
	r->response.cacheable = true;
	reply_json(r, 200, &b);
}

void api_openapi(struct request *r)
{
	document(r, NULL, schema_openapi, schema_openapi_len);
}

void api_index(struct request *r)
{
	document(r, "text/html; charset=utf-8", web_index_html, web_index_html_len);
}

void api_page_css(struct request *r)
{
	document(r, "text/css; charset=utf-8", web_page_css, web_page_css_len);
}

/* An admin's token, or this machine itself without a proxy in between (design.md section 5). */
void api_metrics(struct request *r)
{
	struct principal who;
	bool admin = r->direct_local;
	if (!admin && r->authorization.len) {
		enum err err = auth_check(r->app, r->authorization, &who);
		if (err) {
			reply_error(r, 401, "Not authorized to access this route", NULL);
			return;
		}
		admin = who.admin;
	}
	if (!admin) {
		reply_error(r, r->authorization.len ? 403 : 401,
			r->authorization.len ? "Metrics are for admins, or for this machine itself"
					     : "Not authorized to access this route",
			NULL);
		return;
	}
	struct buf b = buf_make(LIMIT_RESPONSE);
	metrics_write(r->app, &b);
	r->response.content_type = "text/plain; version=0.0.4; charset=utf-8";
	reply_json(r, 200, &b);
}
