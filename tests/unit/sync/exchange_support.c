#include "tests/unit/sync/exchange_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_BYTES = 64 * 1024 * 1024, ROUNDS_MOST = 1000 };

static const char *keep(struct fixture *f, struct buf *b)
{
	struct str copy;
	assert_true(buf_ok(b));
	f->arena.cap = (size_t)1 << 30;
	assert_true(arena_str(&f->arena, buf_str(b), &copy));
	buf_free(b);
	return copy.ptr;
}

static const char *write_answer(struct fixture *f, struct exchange_job *x, struct pull *pull, bool reads)
{
	struct buf items = buf_make(ANSWER_BYTES);
	struct buf out = buf_make(ANSWER_BYTES);
	assert_int_equal(exchange_pull(f->reader, f->user, f->now, pull, &items), ERR_OK);
	buf_fmt(&out,
		"{\"now\":%lld,\"ack\":%lld,\"results\":", (long long)(reads ? pull->now_ms : x->now_ms),
		(long long)x->ack);
	buf_add_str(&out, reads ? STR("[]") : x->results);
	buf_char(&out, ',');
	buf_add_str(&out, buf_str(&items));
	buf_text(&out, ",\"cursor\":");
	cursor_json(&out, &pull->cursor);
	buf_text(&out, ",\"head\":");
	cursor_json(&out, &pull->head);
	buf_fmt(&out, ",\"server\":\"%s\",\"more\":%s%s}", store_identity(f->store),
		pull->more ? "true" : "false", x->offer ? ",\"offer\":true" : "");
	buf_free(&items);
	return keep(f, &out);
}

const char *exchange_answer(struct fixture *f, struct device_id device, const char *body)
{
	struct exchange_job *x = exchange_job_make(f->user, device);
	struct wire_fault fault;
	struct pull pull;
	bool reads = false;
	json_error_t error;
	const char *answer = "409";
	json_t *json = json_loads(body, JSON_REJECT_DUPLICATES, &error);
	assert_non_null(x);
	assert_non_null(json);
	enum err err = wire_exchange(json, OPS_MAX, &x->job.arena, &x->in, &fault);
	json_decref(json);
	if (err == ERR_INVALID) {
		job_free(&x->job);
		return "422";
	}
	assert_int_equal(err, ERR_OK);
	assert_int_equal(exchange_reads(f->reader, x, &pull, &reads), ERR_OK);
	if (!reads) {
		exchange_job_weigh(x);
		fixture_run(f, &x->job);
		pull = exchange_pull_after(x);
	}
	if (!x->forked)
		answer = write_answer(f, x, &pull, reads);
	job_free(&x->job);
	return answer;
}

void below_rekey(struct below *b)
{
	struct replica_rekey *rekey = replica_rekey_make(b->f->user);
	assert_non_null(rekey);
	assert_int_equal(query_id_key(b->up->reader, b->up->user, rekey->id_key), ERR_OK);
	fixture_run(b->f, &rekey->job);
	job_free(&rekey->job);
}

void below_link(struct below *b)
{
	struct replica_link *link = replica_link_make(b->f->user);
	assert_non_null(link);
	assert_int_equal(query_id_key(b->up->reader, b->up->user, link->id_key), ERR_OK);
	fixture_run(b->f, &link->job);
	job_free(&link->job);
}

struct replica_ask *below_ask(struct below *b)
{
	struct replica_ask *ask = replica_ask_make(b->f->user);
	assert_non_null(ask);
	ask->most_ops = OPS_MAX;
	ask->most_bytes = 4 << 20;
	ask->limit = 500;
	fixture_run(b->f, &ask->job);
	return ask;
}

enum replica_outcome below_take(struct below *b, struct replica_ask *ask, const char *answer, bool *more)
{
	struct replica_take *take = replica_take_make(b->f->user);
	json_error_t error;
	json_t *json = json_loads(answer, JSON_REJECT_DUPLICATES, &error);
	assert_non_null(take);
	assert_non_null(json);
	assert_int_equal(answer_read(json, &take->job.arena, &take->answer), ERR_OK);
	json_decref(json);
	take->asked = ask->asked;
	job_free(&ask->job);
	fixture_run(b->f, &take->job);
	enum replica_outcome outcome = take->outcome;
	*more = take->more;
	job_free(&take->job);
	return outcome;
}

void below_exchange(struct below *b)
{
	bool more = true;
	for (int i = 0; more; i++) {
		assert_true(i < ROUNDS_MOST);
		struct replica_ask *ask = below_ask(b);
		const char *answer = exchange_answer(b->up, b->device, ask->body.ptr);
		assert_string_not_equal(answer, "409");
		assert_string_not_equal(answer, "422");
		assert_int_equal(below_take(b, ask, answer, &more), REPLICA_TAKEN);
	}
}

/* Order of the text of items, whatever their seq. */
static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A replica below another tells void registers too, without their values: they are nobody's data. */
static void drop_void(json_t *item, const json_t *cleared)
{
	const char *barrier = json_string_value(
		json_object_get(cleared, json_string_value(json_object_get(item, "collection"))));
	const char *deleted = json_string_value(json_object_get(item, "deletedStamp"));
	json_t *registers = json_object_get(item, "registers");
	for (int reg = 0; reg < REG_COUNT; reg++) {
		const char *name = register_defs[reg].name;
		const char *stamp =
			json_string_value(json_object_get(json_object_get(registers, name), "stamp"));
		if (!(register_defs[reg].flags & DESCRIPTIVE) &&
			(!stamp || (deleted && strcmp(stamp, deleted) <= 0) ||
				(barrier && strcmp(stamp, barrier) <= 0)))
			(void)json_object_del(registers, name);
	}
	/* Of what is gone nobody asks since when it lived. */
	if (json_is_true(json_object_get(item, "deleted")))
		(void)json_object_del(item, "created");
}

/* A row that a void op left, which says nothing. */
static bool hollow(const json_t *item)
{
	return json_object_size(json_object_get(item, "registers")) == 0 &&
	       !json_object_get(item, "deletedStamp");
}

static size_t all_items(struct fixture *f, char **out, size_t most)
{
	json_error_t error;
	const char *answer = exchange_answer(f, f->device, "{\"cursor\":null,\"limit\":1000}");
	json_t *json = json_loads(answer, 0, &error);
	const json_t *items = json_object_get(json, "items");
	size_t count = 0;
	assert_true(json_array_size(items) + 1 < most);
	for (size_t i = 0; i < json_array_size(items); i++) {
		drop_void(json_array_get(items, i), json_object_get(json, "cleared"));
		if (!hollow(json_array_get(items, i)))
			out[count++] = json_dumps(json_array_get(items, i), JSON_SORT_KEYS);
	}
	out[count] = json_dumps(json_object_get(json, "cleared"), JSON_SORT_KEYS);
	json_decref(json);
	qsort(out, count, sizeof *out, by_text);
	return count + 1;
}

void assert_same_items(struct fixture *a, struct fixture *b)
{
	enum { MOST = 2000 };
	static char *left[MOST];
	static char *right[MOST];
	size_t lefts = all_items(a, left, MOST);
	size_t rights = all_items(b, right, MOST);
	for (size_t i = 0; i < lefts && i < rights; i++)
		assert_string_equal(left[i], right[i]);
	assert_int_equal(lefts, rights);
	for (size_t i = 0; i < lefts; i++) {
		free(left[i]);
		free(right[i]);
	}
}
