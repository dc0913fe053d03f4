/* The upper side of an exchange: what is kept of those who send (sync-protocol.md sections 3, 5 and 6). */
#include "sync/receipt.h"
#include "tests/unit/sync/exchange_support.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

enum { PUSHES = 4, PUSH_OPS = 250, OP_BYTES = 200 };

static int setup(void **state)
{
	*state = fixture_open();
	return 0;
}

static int teardown(void **state)
{
	fixture_close(*state);
	return 0;
}

static int64_t number(const struct fixture *f, const char *sql)
{
	char path[96];
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;
	(void)snprintf(path, sizeof path, "%s/tsuzuki.db", f->dir);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	int64_t result = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	(void)sqlite3_close(db);
	return result;
}

/* Every op of another origin: who claims to forward for thousands makes no row for each of them, for ever. */
static void push_of_many(struct fixture *f, unsigned push, unsigned ops)
{
	static char body[PUSH_OPS * OP_BYTES];
	size_t len = (size_t)snprintf(body, sizeof body, "{\"ops\":[");
	for (unsigned i = 0; i < ops; i++) {
		unsigned n = push * PUSH_OPS + i + 1;
		len += (size_t)snprintf(body + len, sizeof body - len,
			"%s{\"n\":%u,\"collection\":\"watchlist\",\"key\":\"k\",\"set\":{\"rating\":%u},"
			"\"origin\":\"%016x\",\"age\":1}",
			i ? "," : "", n, n % 10 + 1, n);
	}
	(void)snprintf(body + len, sizeof body - len, "]}");
	const char *answer = exchange_answer(f, f->device, body);
	assert_int_equal(count_text(answer, "\"outcome\":\"applied\""), ops);
}

static void the_devices_that_a_sender_forwards_for_are_bounded(void **state)
{
	struct fixture *f = *state;
	for (unsigned push = 0; push < PUSHES; push++) {
		fixture_pass(f, 20000);
		push_of_many(f, push, PUSH_OPS);
	}
	assert_in_range(number(f, "SELECT count(*) FROM sender_origin"), 100, ORIGINS_KEPT);
	/* The newest are those that are kept: their next op is still in its place behind the one before. */
	assert_int_equal(
		number(f, "SELECT count(*) FROM sender_origin WHERE origin = x'00000000000003e8'"), 1);
	assert_int_equal(
		number(f, "SELECT count(*) FROM sender_origin WHERE origin = x'0000000000000001'"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_devices_that_a_sender_forwards_for_are_bounded, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
