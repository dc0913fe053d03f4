/* Statements: bound in order, the first error sticks, always ready for the next use. */
#include <stdio.h>
#include <string.h>

#include "sync/stmt.h"
#include "tests/unit/sync/support.h"

struct db {
	struct fixture *f;
	sqlite3 *handle;
	struct statements s;
};

static int setup(void **state)
{
	static struct db d;
	char path[128];
	d = (struct db){.f = fixture_open()};
	(void)snprintf(path, sizeof path, "%s/tsuzuki.db", d.f->dir);
	assert_int_equal(sqlite_open(path, 0, &d.handle), ERR_OK);
	stmt_open(&d.s, d.handle);
	*state = &d;
	return 0;
}

static int teardown(void **state)
{
	struct db *d = *state;
	stmt_close(&d->s);
	sqlite_close(d->handle);
	fixture_close(d->f);
	return 0;
}

/* A named value of meta, whose column takes any type. */
static struct query put(struct db *d, const char *name)
{
	struct query q = stmt_query(&d->s, STMT_META_PUT);
	query_text(&q, str_from(name));
	return q;
}

static struct query get(struct db *d, const char *name)
{
	struct query q = stmt_query(&d->s, STMT_META_GET);
	query_text(&q, str_from(name));
	assert_true(query_row(&q));
	return q;
}

static void every_type_comes_back(void **state)
{
	struct db *d = *state;
	struct device_id device = test_device(9);
	struct session_id session = {{1, 2, 3}};
	struct stamp stamp = stamp_make(1234, 5, device);
	struct arena arena = arena_make(4096);
	unsigned char bytes[16];
	struct query q = put(d, "int");
	query_int(&q, INT64_MIN);
	assert_int_equal(query_run(&q), ERR_OK);
	q = put(d, "real");
	query_real(&q, 0.1);
	assert_int_equal(query_run(&q), ERR_OK);
	q = put(d, "null");
	query_null(&q);
	assert_int_equal(query_run(&q), ERR_OK);
	q = put(d, "empty");
	query_text(&q, str_from(NULL));
	assert_int_equal(query_run(&q), ERR_OK);
	q = put(d, "stamp");
	query_stamp(&q, stamp);
	assert_int_equal(query_run(&q), ERR_OK);
	q = put(d, "device");
	query_device(&q, device);
	assert_int_equal(query_run(&q), ERR_OK);
	q = put(d, "session");
	query_session(&q, session);
	assert_int_equal(query_run(&q), ERR_OK);

	q = get(d, "int");
	assert_true(query_get_int(&q, 0) == INT64_MIN);
	assert_false(query_get_null(&q, 0));
	assert_int_equal(query_end(&q), ERR_OK);
	q = get(d, "real");
	assert_true(query_get_real(&q, 0) == 0.1);
	assert_int_equal(query_end(&q), ERR_OK);
	q = get(d, "null");
	assert_true(query_get_null(&q, 0));
	assert_int_equal(query_get_str(&q, 0).len, 0);
	assert_false(stamp_set(query_get_stamp(&q, 0)));
	assert_int_equal(query_end(&q), ERR_OK);
	q = get(d, "empty"); /* an empty text is no NULL */
	assert_false(query_get_null(&q, 0));
	struct str copy = query_get_copy(&q, 0, &arena);
	assert_int_equal(query_end(&q), ERR_OK);
	assert_string_equal(copy.ptr, "");
	q = get(d, "stamp");
	assert_int_equal(stamp_cmp(query_get_stamp(&q, 0), stamp), 0);
	assert_int_equal(query_end(&q), ERR_OK);
	q = get(d, "device");
	query_get_bytes(&q, 0, bytes, DEVICE_SIZE);
	assert_memory_equal(bytes, device.bytes, DEVICE_SIZE);
	assert_int_equal(query_end(&q), ERR_OK);
	q = get(d, "session");
	query_get_bytes(&q, 0, bytes, SESSION_SIZE);
	assert_memory_equal(bytes, session.bytes, SESSION_SIZE);
	assert_int_equal(query_end(&q), ERR_OK);
	arena_free(&arena);
}

static void a_stamp_that_is_not_set_is_null(void **state)
{
	static const struct stamp none = {{0}};
	struct db *d = *state;
	struct query q = put(d, "stamp");
	query_stamp(&q, none);
	assert_int_equal(query_run(&q), ERR_OK);
	q = get(d, "stamp");
	assert_true(query_get_null(&q, 0));
	assert_int_equal(query_end(&q), ERR_OK);
}

static void a_blob_of_another_size_is_damage_and_sticks(void **state)
{
	struct db *d = *state;
	unsigned char bytes[8];
	static const unsigned char seven[7] = {1, 2, 3, 4, 5, 6, 7};
	struct query q = put(d, "blob");
	query_blob(&q, seven, sizeof seven);
	assert_int_equal(query_run(&q), ERR_OK);
	q = get(d, "blob");
	memset(bytes, 0xff, sizeof bytes);
	query_get_bytes(&q, 0, bytes, sizeof bytes);
	for (size_t i = 0; i < sizeof bytes; i++)
		assert_int_equal(bytes[i], 0);
	assert_int_equal(q.err, ERR_CORRUPT);
	/* A right size later does not mend it, and no further row is handed out. */
	query_get_bytes(&q, 0, bytes, 7);
	assert_int_equal(bytes[0], 0);
	assert_false(query_row(&q));
	assert_int_equal(query_end(&q), ERR_CORRUPT);
	q = get(d, "blob");
	query_get_bytes(&q, 0, bytes, 7);
	assert_memory_equal(bytes, seven, 7);
	assert_int_equal(query_end(&q), ERR_OK);
}

static void a_shortage_sticks(void **state)
{
	struct db *d = *state;
	struct arena none = arena_make(0);
	struct query q = get(d, "server");
	assert_int_equal(query_get_copy(&q, 0, &none).len, 0);
	assert_int_equal(query_end(&q), ERR_NOMEM);
}

static void a_failed_statement_can_be_used_again(void **state)
{
	struct db *d = *state;
	struct query q = put(d, "twice");
	query_int(&q, 1);
	assert_int_equal(query_run(&q), ERR_OK);
	q = put(d, "twice");
	query_int(&q, 2);
	assert_int_equal(query_run(&q), ERR_CONFLICT);
	q = get(d, "twice");
	assert_int_equal(query_get_int(&q, 0), 1);
	assert_int_equal(query_end(&q), ERR_OK);
	/* Parameters of one use are not left to the next: an unbound one is NULL, here refused by the key. */
	q = stmt_query(&d->s, STMT_LOGIN_PUT);
	query_text(&q, STR("e:x"));
	query_int(&q, 5);
	assert_int_equal(query_run(&q), ERR_OK);
	q = stmt_query(&d->s, STMT_LOGIN_PUT);
	query_text(&q, STR("e:y"));
	assert_int_equal(query_run(&q), ERR_CONFLICT);
}

static void too_many_parameters_are_an_error(void **state)
{
	struct db *d = *state;
	struct query q = put(d, "more");
	query_int(&q, 1);
	query_int(&q, 2);
	assert_int_equal(query_run(&q), ERR_INVALID);
	q = stmt_query(&d->s, STMT_META_GET);
	query_text(&q, STR("more"));
	assert_false(query_row(&q));
	assert_int_equal(query_end(&q), ERR_OK);
}

static void a_statement_that_cannot_be_prepared_says_so(void **state)
{
	struct db *d = *state;
	struct statements empty;
	sqlite3 *memory = NULL;
	assert_int_equal(sqlite_open(":memory:", 0, &memory), ERR_OK);
	stmt_open(&empty, memory);
	struct query q = stmt_query(&empty, STMT_META_GET);
	query_text(&q, STR("x"));
	query_int(&q, 1);
	query_null(&q);
	assert_false(query_row(&q));
	assert_int_not_equal(query_end(&q), ERR_OK);
	assert_int_not_equal(stmt_prepare_all(&empty), ERR_OK);
	stmt_close(&empty);
	stmt_close(&empty);
	sqlite_close(memory);
	(void)d;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_type_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(a_stamp_that_is_not_set_is_null, setup, teardown),
		cmocka_unit_test_setup_teardown(a_blob_of_another_size_is_damage_and_sticks, setup, teardown),
		cmocka_unit_test_setup_teardown(a_shortage_sticks, setup, teardown),
		cmocka_unit_test_setup_teardown(a_failed_statement_can_be_used_again, setup, teardown),
		cmocka_unit_test_setup_teardown(too_many_parameters_are_an_error, setup, teardown),
		cmocka_unit_test_setup_teardown(a_statement_that_cannot_be_prepared_says_so, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
