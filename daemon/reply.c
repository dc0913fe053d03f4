#include "daemon/reply.h"

#include <string.h>

#include "daemon/http.h"

/* What a reply says when there is no memory for it. */
static const char out_of_memory[] = "{\"success\":false,\"message\":\"Internal server error\"}";

void fault_add(struct faults *f, const char *path, const char *msg)
{
	if (f->count < FAULTS_MAX)
		f->list[f->count++] = (struct fault){path, msg};
}

void faults_json(const struct faults *f, struct buf *out)
{
	buf_text(out, "\"errors\":[");
	for (size_t i = 0; i < f->count; i++) {
		buf_text(out, i ? ",{\"msg\":" : "{\"msg\":");
		buf_json(out, str_from(f->list[i].msg));
		buf_text(out, ",\"path\":");
		buf_json(out, str_from(f->list[i].path));
		buf_char(out, '}');
	}
	buf_char(out, ']');
}

void reply_json(struct request *r, int status, struct buf *body)
{
	struct response *response = &r->response;
	buf_free(&response->body);
	response->status = status;
	if (buf_ok(body)) {
		response->body = *body;
	} else {
		buf_free(body);
		response->status = 500;
		response->content_type = NULL;
		response->cacheable = false;
		buf_text(&response->body, out_of_memory);
		/* Even so little may fail: then the status has to do. */
		if (!buf_ok(&response->body))
			buf_free(&response->body);
	}
	*body = buf_make(0);
	http_send(r);
}

void reply_message(struct request *r, const char *message)
{
	struct buf b = buf_make(LIMIT_RESPONSE);
	buf_text(&b, "{\"success\":true,\"message\":");
	buf_json(&b, str_from(message));
	buf_char(&b, '}');
	reply_json(r, 200, &b);
}

void reply_error(struct request *r, int status, const char *message, const char *code)
{
	struct buf b = buf_make(LIMIT_RESPONSE);
	buf_text(&b, "{\"success\":false,\"message\":");
	buf_json(&b, str_from(message));
	if (code) {
		buf_text(&b, ",\"code\":");
		buf_json(&b, str_from(code));
	}
	buf_char(&b, '}');
	reply_json(r, status, &b);
}

static bool only_email(const struct faults *f)
{
	for (size_t i = 0; i < f->count; i++)
		if (strcmp(f->list[i].path, "email") != 0)
			return false;
	return f->count > 0;
}

void reply_faults(struct request *r, const struct faults *f)
{
	if (f->shortage) {
		reply_err(r, ERR_NOMEM);
		return;
	}
	struct buf b = buf_make(LIMIT_RESPONSE);
	buf_text(&b, "{\"success\":false,\"message\":");
	buf_json(&b, only_email(f) ? STR("Please provide a valid email") : STR("Validation failed"));
	buf_char(&b, ',');
	faults_json(f, &b);
	if (f->code) {
		buf_text(&b, ",\"code\":");
		buf_json(&b, str_from(f->code));
	}
	buf_char(&b, '}');
	reply_json(r, 422, &b);
}

void reply_err(struct request *r, enum err err)
{
	switch (err) {
	case ERR_BUSY:
		r->response.retry_after_s = 1;
		reply_error(r, 503, "The server is busy. Please try again in a moment", "busy");
		break;
	case ERR_DISK_FULL:
		reply_error(r, 507, "The server's disk is full. Nothing was saved", "disk_full");
		break;
	default:
		reply_error(r, 500, "Internal server error", NULL);
		break;
	}
}
