#include "serve.h"

#include <stdlib.h>
#include <string.h>

#include "sync/exchange.h"

enum { ANSWER_BYTES = 64 * 1024 * 1024, VIEW_PAGE = 1000 };

static enum err read_delta(struct node *n, int user, const struct exchange_job *x, bool reads,
	struct pull *pull, struct buf *out)
{
	struct buf items = buf_make(ANSWER_BYTES);
	enum err err = exchange_pull(n->reader, n->places[user].user, node_now(n), pull, &items);
	buf_text(out, "{\"now\":");
	buf_int(out, reads ? pull->now_ms : x->now_ms);
	buf_text(out, ",\"ack\":");
	buf_int(out, x->ack);
	buf_text(out, ",\"results\":");
	buf_add_str(out, reads ? STR("[]") : x->results);
	buf_char(out, ',');
	buf_add_str(out, buf_str(&items));
	buf_text(out, ",\"cursor\":");
	cursor_json(out, &pull->cursor);
	buf_text(out, ",\"head\":");
	cursor_json(out, &pull->head);
	buf_text(out, ",\"server\":");
	buf_json(out, str_from(store_identity(n->store)));
	buf_text(out, pull->more ? ",\"more\":true" : ",\"more\":false");
	if (x->offer)
		buf_text(out, ",\"offer\":true");
	buf_char(out, '}');
	buf_free(&items);
	return !err && !buf_ok(out) ? ERR_NOMEM : err;
}

static enum served go_on(struct node *n, int user, struct exchange_job *x, struct buf *out)
{
	struct pull pull;
	bool reads = false;
	if (exchange_reads(n->reader, x, &pull, &reads))
		return disk_dead(n->disk) ? SERVED_DEAD : SERVED_FAILED;
	if (!reads) {
		exchange_job_weigh(x);
		if (!node_run(n, &x->job))
			return SERVED_DEAD;
		if (x->job.err)
			return SERVED_FAILED;
		if (x->forked)
			return SERVED_FORKED;
		pull = exchange_pull_after(x);
	}
	if (read_delta(n, user, x, reads, &pull, out))
		return disk_dead(n->disk) ? SERVED_DEAD : SERVED_FAILED;
	return SERVED_OK;
}

enum served serve(struct node *n, int user, struct device_id device, struct str body, struct buf *out)
{
	struct wire_fault fault;
	struct exchange_job *x = exchange_job_make(n->places[user].user, device);
	json_t *json = json_loadb(body.ptr, body.len, JSON_REJECT_DUPLICATES, NULL);
	enum served served = SERVED_FAILED;
	if (x && json) {
		enum err err = wire_exchange(json, OPS_MAX, &x->job.arena, &x->in, &fault);
		if (!err) {
			served = go_on(n, user, x, out);
		} else if (err == ERR_INVALID) {
			served = SERVED_FAULT;
			buf_fmt(out, "%s: %s", fault.path, fault.message);
		}
	} else if (x) {
		served = SERVED_FAULT;
		buf_text(out, "not JSON");
	}
	json_decref(json);
	if (x)
		job_free(&x->job);
	return served;
}

static int by_key(const void *a, const void *b)
{
	const json_t *left = *(json_t *const *)a;
	const json_t *right = *(json_t *const *)b;
	int order = strcmp(json_string_value(json_object_get(left, "collection")),
		json_string_value(json_object_get(right, "collection")));
	return order ? order
		     : strcmp(json_string_value(json_object_get(left, "key")),
			       json_string_value(json_object_get(right, "key")));
}

static json_t *sorted(json_t *items)
{
	size_t count = json_array_size(items);
	json_t **list = calloc(count + 1, sizeof(json_t *));
	json_t *out = json_array();
	if (list && out) {
		for (size_t i = 0; i < count; i++)
			list[i] = json_array_get(items, i);
		qsort(list, count, sizeof(json_t *), by_key);
		for (size_t i = 0; i < count; i++)
			(void)json_array_append(out, list[i]);
	}
	free(list);
	return out;
}

json_t *serve_view(struct node *n, int user)
{
	struct pull pull = {.from_zero = true, .limit = VIEW_PAGE, .bytes = ANSWER_BYTES / 2};
	struct buf out = buf_make(ANSWER_BYTES);
	buf_char(&out, '{');
	enum err err = exchange_pull(n->reader, n->places[user].user, node_now(n), &pull, &out);
	buf_text(&out, ",\"head\":");
	cursor_json(&out, &pull.head);
	buf_char(&out, '}');
	json_t *view = !err && buf_ok(&out) ? json_loadb(out.ptr, out.len, 0, NULL) : NULL;
	buf_free(&out);
	if (view)
		(void)json_object_set_new(view, "items", sorted(json_object_get(view, "items")));
	return view;
}
