/* Failed log-ins slow an account down, more with each, never for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "daemon/limits.h"
#include "daemon/slowdown.h"

static struct loop *loop;
static struct slowdown *slow;

struct waiting {
	struct slowdown_wait wait; /* first */
	int64_t ran_ms;		   /* 0: not yet */
};

static void ran(struct slowdown_wait *wait)
{
	((struct waiting *)wait)->ran_ms = loop_now().mono_ms;
}

static int setup(void **state)
{
	struct loop_options options = {0};
	(void)state;
	(void)alarm(60); /* a wait that never ends must not hold up the others */
	assert_int_equal(loop_open(&options, &loop), ERR_OK);
	return slowdown_open(loop, &slow);
}

static int teardown(void **state)
{
	(void)state;
	loop_close(loop);
	slowdown_close(slow);
	return 0;
}

static void fails(const char *email, int times)
{
	for (int i = 0; i < times; i++)
		slowdown_failed(slow, str_from(email));
}

/* How long one more try of that address has to wait; 0: it ran at once. */
static int64_t pause_of(const char *email, struct waiting *w)
{
	*w = (struct waiting){.wait.run = ran};
	int64_t before = loop_now().mono_ms;
	assert_true(slowdown_enter(slow, str_from(email), &w->wait));
	if (w->ran_ms)
		return 0;
	assert_true(w->wait.until_ms >= before);
	return w->wait.until_ms - before;
}

static void a_few_failures_are_free(void **state)
{
	struct waiting w;
	(void)state;
	assert_int_equal(pause_of("a@x.org", &w), 0);
	fails("a@x.org", 2);
	assert_int_equal(pause_of("a@x.org", &w), 0);
}

static void each_further_failure_doubles_the_pause_up_to_a_bound(void **state)
{
	/* The clock may move on between two looks; a promise is kept within five times its worth. */
	static const int64_t pauses[] = {250, 500, 1000, 2000, 4000, 4000, 4000};
	static struct waiting w[8];
	(void)state;
	fails("a@x.org", 3);
	for (size_t i = 0; i < sizeof pauses / sizeof pauses[0]; i++) {
		int64_t pause = pause_of("a@x.org", &w[i]);
		assert_in_range(pause, pauses[i], 5 * pauses[i]);
		if (i)
			assert_true(pause >= pauses[i - 1]);
		fails("a@x.org", 1);
	}
	fails("a@x.org", 1000);
	assert_in_range(pause_of("a@x.org", &w[7]), 4000, 20000);
	/* Nobody else is slowed down. */
	struct waiting other;
	assert_int_equal(pause_of("b@x.org", &other), 0);
}

static void a_success_forgets(void **state)
{
	struct waiting w;
	(void)state;
	fails("a@x.org", 10);
	/* Not anothers', not even of those who fall into the same place of the table. */
	for (int i = 0; i < 20 * LIMIT_SLOW_ACCOUNTS; i++) {
		char other[32];
		(void)snprintf(other, sizeof other, "b%d@x.org", i);
		slowdown_succeeded(slow, str_from(other));
	}
	static struct waiting waits;
	assert_true(pause_of("a@x.org", &waits) > 0);
	slowdown_succeeded(slow, STR("a@x.org"));
	assert_int_equal(pause_of("a@x.org", &w), 0);
	fails("a@x.org", 2);
	assert_int_equal(pause_of("a@x.org", &w), 0);
}

static void waiting_is_bounded(void **state)
{
	static struct waiting w[LIMIT_SLOW_WAITING + 1];
	(void)state;
	fails("a@x.org", 10);
	for (size_t i = 0; i < LIMIT_SLOW_WAITING; i++)
		assert_true(pause_of("a@x.org", &w[i]) > 0);
	w[LIMIT_SLOW_WAITING] = (struct waiting){.wait.run = ran};
	assert_false(slowdown_enter(slow, STR("a@x.org"), &w[LIMIT_SLOW_WAITING].wait));
	assert_int_equal(w[LIMIT_SLOW_WAITING].ran_ms, 0);
	/* Who need not wait still gets through. */
	struct waiting other;
	assert_int_equal(pause_of("b@x.org", &other), 0);
}

/* --- on a running loop --- */

struct on_loop {
	struct waiting waits[3];
	struct loop_tick tick;
};

static struct on_loop on;

static void stop_when_all_ran(struct loop_tick *tick, int64_t mono_ms)
{
	(void)tick;
	(void)mono_ms;
	for (size_t i = 0; i < 3; i++)
		if (!on.waits[i].ran_ms)
			return;
	loop_stop(loop);
}

static void after_the_pause_each_runs_once(void **state)
{
	(void)state;
	on = (struct on_loop){.tick.run = stop_when_all_ran};
	fails("a@x.org", 3);
	assert_true(pause_of("a@x.org", &on.waits[0]) > 0);
	fails("a@x.org", 1);
	assert_true(pause_of("a@x.org", &on.waits[1]) > 0);
	assert_true(pause_of("a@x.org", &on.waits[2]) > 0);
	loop_every_tick(loop, &on.tick);
	loop_run(loop, NULL, NULL);
	for (size_t i = 0; i < 3; i++)
		assert_true(on.waits[i].ran_ms >= on.waits[i].wait.until_ms);
	assert_true(on.waits[0].ran_ms <= on.waits[1].ran_ms);
	/* And there is room again. */
	static struct waiting w[LIMIT_SLOW_WAITING];
	for (size_t i = 0; i < LIMIT_SLOW_WAITING; i++)
		assert_true(pause_of("a@x.org", &w[i]) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_few_failures_are_free, setup, teardown),
		cmocka_unit_test_setup_teardown(
			each_further_failure_doubles_the_pause_up_to_a_bound, setup, teardown),
		cmocka_unit_test_setup_teardown(a_success_forgets, setup, teardown),
		cmocka_unit_test_setup_teardown(waiting_is_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(after_the_pause_each_runs_once, setup, teardown),
	};
	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
