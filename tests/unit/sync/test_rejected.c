/* Ops that an upstream can never accept: kept, named with their reason, never sent again by themselves. */
#include "tests/unit/sync/exchange_support.h"

#include <string.h>

#include "sync/rejected.h"

struct world {
	struct fixture *home;
	struct below b;
};

static int setup(void **state)
{
	static struct world w;
	w.home = fixture_open();
	w.b = (struct below){.f = fixture_open(), .up = w.home, .device = test_device(20)};
	w.b.f->device = test_device(2);
	below_link(&w.b);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	fixture_close(w->b.f);
	fixture_close(w->home);
	return 0;
}

static json_t *rejected(struct world *w)
{
	struct buf out = buf_make(1 << 20);
	assert_int_equal(rejected_json(w->b.f->reader, w->b.f->user, &out), ERR_OK);
	assert_true(buf_ok(&out));
	json_t *json = json_loads(out.ptr, JSON_REJECT_DUPLICATES, NULL);
	assert_true(json_is_array(json));
	buf_free(&out);
	return json;
}

static const char *text(const json_t *json, size_t at, const char *name)
{
	return json_string_value(json_object_get(json_array_get(json, at), name));
}

static void test_none(void **state)
{
	json_t *json = rejected(*state);
	assert_int_equal(json_array_size(json), 0);
	json_decref(json);
}

static void test_each_kind_is_named(void **state)
{
	struct world *w = *state;
	struct op set = test_watchlist(w->b.f, "quoted \"key\"", "watching");
	struct op delete = op_make(OP_DELETE, COLLECTION_WATCHLIST, STR("quoted \"key\""), w->b.f->device);
	struct op clear = op_make(OP_CLEAR, COLLECTION_PROGRESS, STR(""), w->b.f->device);
	struct buf answer = buf_make(1 << 20);
	bool more = false;
	delete.session = clear.session = STR("");
	(void)fixture_op(w->b.f, &set);
	(void)fixture_op(w->b.f, &delete);
	(void)fixture_op(w->b.f, &clear);
	struct replica_ask *ask = below_ask(&w->b);
	assert_int_equal(ask->ops, 3);
	buf_text(&answer, "{\"now\":1771000000000,\"ack\":3,\"results\":[");
	for (int n = 1; n <= 3; n++)
		buf_fmt(&answer,
			"%s{\"n\":%d,\"outcome\":\"rejected\",\"code\":\"too_many_items\",\"message\":\"No "
			"\\\"room\\\" %d\"}",
			n > 1 ? "," : "", n, n);
	buf_fmt(&answer,
		"],\"items\":[],\"cleared\":{},\"cursor\":\"0123abcd:1\",\"head\":\"0123abcd:1\",\"server\":"
		"\"%s\",\"more\":false}",
		store_identity(w->home->store));
	assert_int_equal(below_take(&w->b, ask, answer.ptr, &more), REPLICA_TAKEN);
	assert_false(more);
	buf_free(&answer);

	json_t *json = rejected(w);
	assert_int_equal(json_array_size(json), 3);
	assert_string_equal(text(json, 0, "collection"), "watchlist");
	assert_string_equal(text(json, 0, "key"), "quoted \"key\"");
	assert_string_equal(text(json, 0, "code"), "too_many_items");
	assert_string_equal(text(json, 0, "message"), "No \"room\" 1");
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(json_array_get(json, 0), "set"), "status")),
		"watching");
	assert_true(json_is_true(json_object_get(json_array_get(json, 1), "delete")));
	assert_string_equal(text(json, 2, "collection"), "progress");
	assert_true(json_is_null(json_object_get(json_array_get(json, 2), "key")));
	assert_true(json_is_true(json_object_get(json_array_get(json, 2), "clear")));
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_none, setup, teardown),
		cmocka_unit_test_setup_teardown(test_each_kind_is_named, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
