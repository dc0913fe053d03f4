/* One op of a live connection: what its ack says, how far it moves the head, and what the stream says after
 * it. */
#include <string.h>

#include "sync/exchange.h"
#include "sync/tick.h"
#include "tests/unit/sync/support.h"

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

static struct tick *run_tick(struct fixture *f, const struct op *op)
{
	struct tick *t = tick_make(f->user);
	assert_non_null(t);
	t->op = *op;
	fixture_run(f, &t->job);
	return t;
}

static struct buf pull(struct fixture *f, struct pull *p)
{
	struct buf out = buf_make(65536);
	p->limit = LIVE_PULL_LIMIT;
	p->bytes = LIVE_PULL_BYTES;
	assert_int_equal(exchange_pull(f->reader, f->user, f->now, p, &out), ERR_OK);
	return out;
}

static void an_ack_says_what_a_result_says_and_moves_the_head(void **state)
{
	struct fixture *f = *state;
	struct op op = test_progress(f, EVENT_HEARTBEAT, "s", 1, 10);
	struct tick *first = run_tick(f, &op);
	assert_true(str_starts(first->text, STR("\"outcome\":\"applied\",\"stamp\":\"")));
	assert_int_equal(first->job.moved.to, first->head.seq);
	assert_true(first->job.moved.from < first->job.moved.to);
	fixture_pass(f, 1000);
	op = test_progress(f, EVENT_HEARTBEAT, "s", 1, 11);
	struct tick *second = run_tick(f, &op);
	assert_int_equal(second->job.moved.from, first->head.seq);
	assert_int_equal(second->job.moved.to, second->head.seq);
	assert_string_equal(first->head.epoch, second->head.epoch);
	job_free(&first->job);
	job_free(&second->job);
}

static void an_ack_of_a_candidate_names_rule_winner_and_what_holds(void **state)
{
	struct fixture *f = *state;
	struct op op = test_progress(f, EVENT_HEARTBEAT, "phone", 1, 100);
	job_free(&run_tick(f, &op)->job);
	fixture_pass(f, 1000);
	op = test_progress(f, EVENT_HEARTBEAT, "tv", 1, 600);
	op.device = test_device(2);
	job_free(&run_tick(f, &op)->job);
	fixture_pass(f, 1000);
	op = test_progress(f, EVENT_HEARTBEAT, "phone", 1, 100.5);
	struct tick *t = run_tick(f, &op);
	assert_int_equal(t->result.outcome, OUTCOME_CANDIDATE);
	assert_int_equal(count_text(t->text.ptr, "\"rule\":\"paused_player\""), 1);
	assert_int_equal(count_text(t->text.ptr, "\"winner\":{\"stamp\":\""), 1);
	assert_int_equal(count_text(t->text.ptr, "\"currentTime\":600"), 1);
	job_free(&t->job);
}

static void over_the_bound_it_is_refused_and_moves_nothing(void **state)
{
	struct fixture *f = *state;
	f->options.max_items = 1;
	fixture_restart(f);
	struct op op = test_progress(f, EVENT_MANUAL, "", 1, 10);
	job_free(&run_tick(f, &op)->job);
	op.key = STR("another");
	struct tick *t = run_tick(f, &op);
	assert_int_equal(t->result.refusal, REFUSED_TOO_MANY);
	assert_int_equal(t->text.len, 0);
	assert_int_equal(t->job.moved.to, 0);
	job_free(&t->job);
}

static void the_stream_says_no_more_than_the_acks_before_it_cover(void **state)
{
	struct fixture *f = *state;
	struct op op = test_progress(f, EVENT_MANUAL, "", 1, 10);
	struct tick *first = run_tick(f, &op);
	op.key = STR("later");
	struct tick *second = run_tick(f, &op);
	struct pull p = {.since = first->job.moved.from, .upto = first->head.seq};
	struct buf out = pull(f, &p);
	assert_int_equal(p.items, 1);
	assert_int_equal(p.cursor.seq, first->head.seq);
	assert_int_equal(p.head.seq, first->head.seq);
	assert_int_equal(count_text(out.ptr, "\"key\":\"later\""), 0);
	buf_free(&out);
	p = (struct pull){.since = p.cursor.seq, .upto = second->head.seq};
	out = pull(f, &p);
	assert_int_equal(count_text(out.ptr, "\"key\":\"later\""), 1);
	assert_int_equal(p.cursor.seq, second->head.seq);
	buf_free(&out);
	job_free(&first->job);
	job_free(&second->job);
}

static void the_stream_leaves_out_what_acks_told_unless_more_happened(void **state)
{
	struct fixture *f = *state;
	struct told told[2];
	size_t count = 0;
	struct op op = test_progress(f, EVENT_MANUAL, "", 1, 10);
	struct tick *t = run_tick(f, &op);
	int64_t before = t->job.moved.from;
	told_add(told, &count, told_of(&t->result));
	job_free(&t->job);
	fixture_pass(f, 1000);
	op = test_progress(f, EVENT_MANUAL, "", 1, 20);
	t = run_tick(f, &op);
	told_add(told, &count, told_of(&t->result));
	job_free(&t->job);
	assert_int_equal(count, 1);
	struct pull p = {.since = before, .told = told, .told_count = count};
	struct buf out = pull(f, &p);
	assert_int_equal(p.items, 0);
	assert_int_equal(p.cursor.seq, p.head.seq);
	buf_free(&out);
	fixture_pass(f, 1000);
	op = test_progress(f, EVENT_MANUAL, "", 1, 30);
	op.device = test_device(2);
	(void)fixture_op(f, &op);
	p = (struct pull){.since = before, .told = told, .told_count = count};
	out = pull(f, &p);
	assert_int_equal(count_text(out.ptr, "\"currentTime\":30"), 1);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			an_ack_says_what_a_result_says_and_moves_the_head, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_ack_of_a_candidate_names_rule_winner_and_what_holds, setup, teardown),
		cmocka_unit_test_setup_teardown(
			over_the_bound_it_is_refused_and_moves_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_stream_says_no_more_than_the_acks_before_it_cover, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_stream_leaves_out_what_acks_told_unless_more_happened, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
