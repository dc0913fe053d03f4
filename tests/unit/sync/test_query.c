/* Reads: order, pages, running items merged in, void registers, one snapshot. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/sync/support.h"

static const char oid[] = "507f1f77bcf86cd799439011";

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

/* The keys of a list, in order, as one text: "a b c". */
static const char *keys_of(const struct buf *list)
{
	static char keys[4096];
	size_t len = 0;
	static const char name[] = "\"animeId\":\"";
	assert_true(buf_ok(list));
	keys[0] = '\0';
	for (const char *at = strstr(list->ptr, name); at; at = strstr(at, name)) {
		at += sizeof name - 1;
		size_t n = strcspn(at, "\"");
		len += (size_t)snprintf(keys + len, sizeof keys - len, "%s%.*s", len ? " " : "", (int)n, at);
	}
	return keys;
}

static const char *watchlist(struct fixture *f, int status, int64_t page, int64_t limit, int64_t *total)
{
	struct buf b = buf_make((size_t)1 << 20);
	struct watchlist_page p = {.status = status, .page = page, .limit = limit};
	assert_int_equal(query_watchlist(f->reader, f->user, oid, &p, &b), ERR_OK);
	const char *keys = keys_of(&b);
	*total = p.total;
	buf_free(&b);
	return keys;
}

static const char *progress(struct fixture *f, int64_t limit, int64_t *count)
{
	struct buf b = buf_make((size_t)1 << 20);
	assert_int_equal(query_progress(f->reader, f->user, oid, limit, &b, count), ERR_OK);
	const char *keys = keys_of(&b);
	buf_free(&b);
	return keys;
}

static void list(struct fixture *f, const char *key, const char *status)
{
	struct op op = test_watchlist(f, key, status);
	fixture_pass(f, 1000);
	(void)fixture_op(f, &op);
}

static void watch(struct fixture *f, enum event event, const char *key, double time)
{
	struct op op = test_progress(f, event, "s", 1, time);
	op.key = str_from(key);
	fixture_pass(f, 1000);
	(void)fixture_op(f, &op);
}

static void pages_are_newest_first_and_do_not_overlap(void **state)
{
	struct fixture *f = *state;
	int64_t total = 0;
	static const char *const keys[] = {"a", "b", "c", "d", "e"};
	for (size_t i = 0; i < 5; i++)
		list(f, keys[i], i % 2 ? "watching" : "completed");
	assert_string_equal(watchlist(f, -1, 1, 20, &total), "e d c b a");
	assert_int_equal(total, 5);
	assert_string_equal(watchlist(f, -1, 1, 2, &total), "e d");
	assert_string_equal(watchlist(f, -1, 2, 2, &total), "c b");
	assert_string_equal(watchlist(f, -1, 3, 2, &total), "a");
	assert_string_equal(watchlist(f, -1, 4, 2, &total), "");
	assert_int_equal(total, 5);
	assert_string_equal(watchlist(f, -1, 1, 0, &total), "e d c b a"); /* 0: all */
	/* An old one that changes comes first. */
	list(f, "a", "completed");
	assert_string_equal(watchlist(f, -1, 1, 2, &total), "a e");
	assert_string_equal(watchlist(f, status_index(STR("completed")), 1, 20, &total), "a e c");
	assert_int_equal(total, 3);
	assert_string_equal(watchlist(f, status_index(STR("completed")), 2, 2, &total), "c");
	assert_int_equal(total, 3);
	assert_string_equal(watchlist(f, status_index(STR("dropped")), 1, 20, &total), "");
	assert_int_equal(total, 0);
}

static void ties_are_ordered_by_id(void **state)
{
	struct fixture *f = *state;
	char ids[16][25];
	struct buf b = buf_make((size_t)1 << 20);
	for (int i = 0; i < 16; i++) {
		char key[8];
		(void)snprintf(key, sizeof key, "t%d", i);
		struct op op = test_watchlist(f, key, "watching");
		(void)fixture_op(f, &op); /* all in the same millisecond */
	}
	struct watchlist_page p = {.status = -1, .page = 1, .limit = 100};
	assert_int_equal(query_watchlist(f->reader, f->user, oid, &p, &b), ERR_OK);
	int count = 0;
	for (const char *at = strstr(b.ptr, "\"_id\":\""); at; at = strstr(at + 1, "\"_id\":\"")) {
		memcpy(ids[count], at + 7, 24);
		ids[count][24] = '\0';
		if (count)
			assert_true(strcmp(ids[count - 1], ids[count]) < 0);
		count++;
	}
	assert_int_equal(count, 16);
	assert_int_equal(count_text(b.ptr, "\"updatedAt\":\"2026-02-13T16:26:40.000Z\""), 16);
	buf_free(&b);
}

static void deleted_and_cleared_items_are_in_no_list(void **state)
{
	struct fixture *f = *state;
	int64_t total = 0;
	list(f, "a", "watching");
	list(f, "b", "watching");
	fixture_pass(f, 1000);
	struct op del = op_make(OP_DELETE, COLLECTION_WATCHLIST, STR("b"), f->device);
	(void)fixture_op(f, &del);
	assert_string_equal(watchlist(f, -1, 1, 20, &total), "a");
	assert_int_equal(total, 1);
	fixture_pass(f, 1000);
	struct op clear = op_make(OP_CLEAR, COLLECTION_WATCHLIST, STR(""), f->device);
	(void)fixture_op(f, &clear);
	list(f, "c", "dropped");
	/* No slice has run: the lists do not depend on any. */
	assert_string_equal(watchlist(f, -1, 1, 20, &total), "c");
	assert_int_equal(total, 1);
	assert_string_equal(watchlist(f, status_index(STR("watching")), 1, 20, &total), "");
	assert_null(fixture_view(f, COLLECTION_WATCHLIST, "a"));
}

static void running_items_stand_where_they_belong(void **state)
{
	struct fixture *f = *state;
	int64_t count = 0;
	watch(f, EVENT_MANUAL, "m1", 10);
	watch(f, EVENT_HEARTBEAT, "r1", 10);
	watch(f, EVENT_HEARTBEAT, "r1", 11);
	watch(f, EVENT_MANUAL, "m2", 10);
	watch(f, EVENT_HEARTBEAT, "r2", 10);
	watch(f, EVENT_HEARTBEAT, "r2", 11);
	assert_string_equal(progress(f, 20, &count), "r2 m2 r1 m1");
	assert_int_equal(count, 4);
	watch(f, EVENT_HEARTBEAT, "r1", 12);
	assert_string_equal(progress(f, 20, &count), "r1 r2 m2 m1");
	assert_string_equal(progress(f, 2, &count), "r1 r2");
	assert_int_equal(count, 2);
	assert_string_equal(progress(f, 3, &count), "r1 r2 m2");
	assert_string_equal(progress(f, 0, &count), "r1 r2 m2 m1");
	watch(f, EVENT_MANUAL, "m1", 20);
	assert_string_equal(progress(f, 1, &count), "m1");
	/* One that stops running is where it was, once. */
	watch(f, EVENT_STOP, "r1", 13);
	assert_string_equal(progress(f, 20, &count), "r1 m1 r2 m2");
	fixture_restart(f);
	assert_string_equal(progress(f, 20, &count), "r1 m1 r2 m2");
}

static void cleared_running_items_are_not_shown(void **state)
{
	struct fixture *f = *state;
	int64_t count = 0;
	watch(f, EVENT_HEARTBEAT, "r1", 10);
	watch(f, EVENT_HEARTBEAT, "r1", 11);
	watch(f, EVENT_MANUAL, "m1", 11);
	fixture_pass(f, 1000);
	struct op clear = op_make(OP_CLEAR, COLLECTION_PROGRESS, STR(""), f->device);
	(void)fixture_op(f, &clear);
	assert_string_equal(progress(f, 20, &count), "");
	assert_int_equal(count, 0);
	watch(f, EVENT_HEARTBEAT, "r1", 12);
	assert_string_equal(progress(f, 20, &count), "r1");
}

static void nobody_reads_anothers(void **state)
{
	struct fixture *f = *state;
	int64_t count = 0;
	uint64_t first = f->user;
	list(f, "a", "watching");
	watch(f, EVENT_MANUAL, "a", 10);
	watch(f, EVENT_HEARTBEAT, "b", 10);
	watch(f, EVENT_HEARTBEAT, "b", 11);
	f->user = fixture_register(f, "second");
	assert_string_equal(progress(f, 20, &count), "");
	assert_string_equal(watchlist(f, -1, 1, 20, &count), "");
	assert_null(fixture_view(f, COLLECTION_WATCHLIST, "a"));
	assert_string_equal(fixture_history(f, COLLECTION_PROGRESS, "b"), "[]");
	f->user = first;
	assert_string_equal(progress(f, 20, &count), "b a");
}

static void a_list_too_large_for_its_buffer_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct buf b = buf_make(300);
	int64_t count = 0;
	for (int i = 0; i < 3; i++) {
		char key[8];
		(void)snprintf(key, sizeof key, "k%d", i);
		list(f, key, "watching");
		watch(f, EVENT_MANUAL, key, 1);
	}
	struct watchlist_page p = {.status = -1, .page = 1, .limit = 20};
	assert_int_equal(query_watchlist(f->reader, f->user, oid, &p, &b), ERR_NOMEM);
	buf_clear(&b);
	assert_int_equal(query_progress(f->reader, f->user, oid, 20, &b, &count), ERR_NOMEM);
	buf_clear(&b);
	assert_int_equal(query_history(f->reader, f->user, COLLECTION_PROGRESS, STR("k1"), &b), ERR_NOMEM);
	buf_free(&b);
	/* And the reader's snapshot is over: a later read sees a later write. */
	list(f, "later", "watching");
	assert_string_equal(watchlist(f, -1, 1, 1, &count), "later");
}

static void unknown_users_are_not_found(void **state)
{
	struct fixture *f = *state;
	struct buf b = buf_make(4096);
	struct watchlist_page p = {.status = -1, .page = 1, .limit = 20};
	struct watchlist_stats stats;
	struct query_identity identity;
	unsigned char key[ID_KEY_SIZE];
	int64_t count = 0;
	uint64_t nobody = f->user ^ 1;
	struct session_id session = {{1, 2, 3}};
	assert_int_equal(query_watchlist(f->reader, nobody, oid, &p, &b), ERR_NOT_FOUND);
	assert_int_equal(query_watchlist_stats(f->reader, nobody, &stats), ERR_NOT_FOUND);
	assert_int_equal(query_progress(f->reader, nobody, oid, 20, &b, &count), ERR_NOT_FOUND);
	assert_int_equal(query_id_key(f->reader, nobody, key), ERR_NOT_FOUND);
	assert_int_equal(query_identity(f->reader, nobody, session, &identity), ERR_NOT_FOUND);
	assert_int_equal(query_identity(f->reader, f->user, session, &identity), ERR_OK);
	assert_true(identity.session_known);
	assert_false(identity.session.ended);
	assert_false(identity.admin);
	session.bytes[0] ^= 1;
	assert_int_equal(query_identity(f->reader, f->user, session, &identity), ERR_OK);
	assert_false(identity.session_known);
	assert_int_equal(query_alive(f->reader), ERR_OK);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(pages_are_newest_first_and_do_not_overlap, setup, teardown),
		cmocka_unit_test_setup_teardown(ties_are_ordered_by_id, setup, teardown),
		cmocka_unit_test_setup_teardown(deleted_and_cleared_items_are_in_no_list, setup, teardown),
		cmocka_unit_test_setup_teardown(running_items_stand_where_they_belong, setup, teardown),
		cmocka_unit_test_setup_teardown(cleared_running_items_are_not_shown, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_reads_anothers, setup, teardown),
		cmocka_unit_test_setup_teardown(a_list_too_large_for_its_buffer_is_an_error, setup, teardown),
		cmocka_unit_test_setup_teardown(unknown_users_are_not_found, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
