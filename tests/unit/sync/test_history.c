/* History within its bounds: what is pruned, and what never is (sync-protocol.md section 5). */
#include <stdio.h>
#include <string.h>

#include "tests/unit/sync/support.h"

static int setup(void **state)
{
	struct fixture *f = fixture_open();
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	fixture_close(*state);
	return 0;
}

static void keep(struct fixture *f, unsigned rows)
{
	f->options.history_keep = rows;
	fixture_restart(f);
}

static size_t rows(struct fixture *f)
{
	return count_text(fixture_history(f, COLLECTION_PROGRESS, "anime-1"), "\"seq\":");
}

static size_t current(struct fixture *f)
{
	return count_text(fixture_history(f, COLLECTION_PROGRESS, "anime-1"), "\"current\":true");
}

static void write_at(struct fixture *f, double time, int64_t age_ms)
{
	struct op op = test_progress(f, EVENT_MANUAL, "", 1, time);
	op.age_ms = age_ms;
	fixture_pass(f, 1000);
	(void)fixture_op(f, &op);
}

static void the_oldest_superseded_rows_go(void **state)
{
	struct fixture *f = *state;
	keep(f, 5);
	for (int i = 0; i < 100; i++) {
		write_at(f, 10 * i, -1);
		/* Pruned in small lots, so a few more than asked for may stand there for a while. */
		assert_in_range(rows(f), 1, 5 + 9);
	}
	assert_true(rows(f) >= 5);
	const char *all = fixture_history(f, COLLECTION_PROGRESS, "anime-1");
	assert_non_null(strstr(all, "\"currentTime\":990,"));
	assert_non_null(strstr(all, "\"currentTime\":950,"));
	assert_null(strstr(all, "\"currentTime\":100,"));
	/* The first one opened the episode, and still holds that register. */
	assert_non_null(strstr(all, "\"seq\":1,"));
	assert_int_equal(current(f), 2);
}

static void what_holds_something_stays_with_no_history_kept(void **state)
{
	struct fixture *f = *state;
	keep(f, 0);
	struct op title = test_progress(f, EVENT_MANUAL, "", 1, 5);
	title.present |= 1u << REG_TITLE;
	title.values[REG_TITLE].f[0].s = STR("The title");
	(void)fixture_op(f, &title);
	for (int i = 0; i < 40; i++)
		write_at(f, 10 * i, -1);
	assert_in_range(rows(f), 2, 9);
	assert_non_null(strstr(fixture_history(f, COLLECTION_PROGRESS, "anime-1"), "The title"));
	assert_non_null(strstr(fixture_view(f, COLLECTION_PROGRESS, "anime-1"), "\"currentTime\":390,"));
	fixture_pass(f, 1000);
	struct op del = op_make(OP_DELETE, COLLECTION_PROGRESS, STR("anime-1"), f->device);
	(void)fixture_op(f, &del);
	fixture_pass(f, 60000);
	for (int i = 0; i < 40; i++)
		write_at(f, i, 62000 + 1000 * i); /* all before the delete */
	const char *all = fixture_history(f, COLLECTION_PROGRESS, "anime-1");
	assert_int_equal(count_text(all, "\"delete\":true"), 1);
	assert_null(fixture_view(f, COLLECTION_PROGRESS, "anime-1"));
}

/* Without it the next start would give its seq out again. */
static void the_row_with_the_highest_seq_is_never_removed(void **state)
{
	struct fixture *f = *state;
	keep(f, 0);
	write_at(f, 600, -1);
	for (int i = 0; i < 30; i++) {
		write_at(f, i, 2000 * i + 1500); /* older than the place: each one loses */
		const char *all = fixture_history(f, COLLECTION_PROGRESS, "anime-1");
		char newest[64];
		(void)snprintf(newest, sizeof newest, "[{\"seq\":%d,", i + 2);
		assert_int_equal(strncmp(all, newest, strlen(newest)), 0);
		fixture_pass(f, 1000);
	}
	assert_int_equal(current(f), 1);
}

static void a_pruned_candidate_is_no_stumbling_block(void **state)
{
	struct fixture *f = *state;
	keep(f, 0);
	write_at(f, 1000, -1);
	struct op p = test_progress(f, EVENT_HEARTBEAT, "p", 1, 100);
	p.device = test_device(2);
	fixture_pass(f, 1000);
	assert_int_equal(fixture_op(f, &p)->outcome, OUTCOME_CANDIDATE);
	for (int i = 0; i < 20; i++)
		write_at(f, 1000 + i, -1);
	assert_null(strstr(fixture_history(f, COLLECTION_PROGRESS, "anime-1"), "candidate"));
	p.values[REG_POSITION].f[POSITION_TIME].r = 102;
	fixture_pass(f, 1000);
	assert_int_equal(fixture_op(f, &p)->outcome, OUTCOME_CANDIDATE);
	assert_non_null(strstr(fixture_history(f, COLLECTION_PROGRESS, "anime-1"), "\"currentTime\":102,"));
}

static void one_items_bound_is_not_anothers(void **state)
{
	struct fixture *f = *state;
	keep(f, 5);
	struct op other = test_progress(f, EVENT_MANUAL, "", 1, 7);
	other.key = STR("anime-2");
	(void)fixture_op(f, &other);
	fixture_pass(f, 1000);
	other.values[REG_POSITION].f[POSITION_TIME].r = 8;
	(void)fixture_op(f, &other);
	for (int i = 0; i < 60; i++)
		write_at(f, i, -1);
	assert_int_equal(count_text(fixture_history(f, COLLECTION_PROGRESS, "anime-2"), "\"seq\":"), 2);
	assert_string_equal(fixture_history(f, COLLECTION_PROGRESS, "anime-3"), "[]");
	assert_string_equal(fixture_history(f, COLLECTION_WATCHLIST, "anime-1"), "[]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_oldest_superseded_rows_go, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_holds_something_stays_with_no_history_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_row_with_the_highest_seq_is_never_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_pruned_candidate_is_no_stumbling_block, setup, teardown),
		cmocka_unit_test_setup_teardown(one_items_bound_is_not_anothers, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
