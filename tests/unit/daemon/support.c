#include "tests/unit/daemon/support.h"

#include <stdio.h>
#include <string.h>

#include "daemon/http.h"

void __wrap_http_send(struct request *r);

/* In http_send()'s place: the request is the first member of what the test opened. */
void __wrap_http_send(struct request *r)
{
	struct exchange_of_test *x = (struct exchange_of_test *)r;
	const struct buf *body = &r->response.body;
	x->answers++;
	x->status = r->response.status;
	x->no_body = body->ptr == NULL;
	(void)snprintf(x->body, sizeof x->body, "%s", body->ptr ? body->ptr : "");
}

void exchange_open(struct exchange_of_test *x, struct app *app, enum method method, const char *path)
{
	memset(x, 0, sizeof *x);
	x->r.app = app;
	x->r.method = method;
	x->r.path = str_from(path);
	x->r.arena = arena_make(LIMIT_ARENA);
	x->r.response.body = buf_make(LIMIT_RESPONSE);
	x->r.origin = STR("");
	x->r.authorization = STR("");
}

void exchange_json(struct exchange_of_test *x, const char *json)
{
	json_decref(x->r.json);
	x->r.json = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(x->r.json);
}

void exchange_query(struct exchange_of_test *x, const char *name, const char *value)
{
	assert_true(x->r.query_count < LIMIT_QUERY);
	x->r.query[x->r.query_count++] = (struct query_param){str_from(name), str_from(value)};
}

void exchange_close(struct exchange_of_test *x)
{
	json_decref(x->r.json);
	buf_free(&x->r.response.body);
	arena_free(&x->r.arena);
}
