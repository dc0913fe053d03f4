/* Worker threads: tasks run elsewhere and come back, lanes are bounded and apart, closing loses nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>
#include <semaphore.h>

#include "daemon/limits.h"
#include "daemon/worker.h"

enum { TASKS = LIMIT_HASH_AT_ONCE + LIMIT_HASH_QUEUE + 1 };

static struct loop *loop;
static struct workers *workers;
static sem_t gate; /* tasks that wait, wait here */
static sem_t begun;
static pthread_t loop_thread;
static unsigned done_count;
static unsigned stop_at;

int __real_pthread_join(pthread_t thread, void **result);
int __wrap_pthread_join(pthread_t thread, void **result);

/* By the time anybody is waited for, all have been told to stop: only now may those that wait go on. */
int __wrap_pthread_join(pthread_t thread, void **result)
{
	for (int i = 0; i < TASKS; i++)
		(void)sem_post(&gate);
	return __real_pthread_join(thread, result);
}

struct probe {
	struct task task; /* first */
	bool waits;
	bool ran;
	bool ran_elsewhere;
	bool done;
	bool done_on_loop;
	bool dropped;
};

static void run(struct task *task)
{
	struct probe *p = (struct probe *)task;
	p->ran = true;
	p->ran_elsewhere = !pthread_equal(pthread_self(), loop_thread);
	(void)sem_post(&begun);
	if (p->waits)
		(void)sem_wait(&gate);
}

static void done(struct task *task)
{
	struct probe *p = (struct probe *)task;
	p->done = true;
	p->done_on_loop = pthread_equal(pthread_self(), loop_thread);
	if (++done_count == stop_at)
		loop_stop(loop);
}

static void drop(struct task *task)
{
	((struct probe *)task)->dropped = true;
}

static struct probe probe(bool waits)
{
	return (struct probe){.task = {.run = run, .done = done, .drop = drop}, .waits = waits};
}

static int setup(void **state)
{
	struct loop_options options = {0};
	(void)state;
	(void)alarm(60);
	loop_thread = pthread_self();
	done_count = stop_at = 0;
	assert_int_equal(sem_init(&gate, 0, 0), 0);
	assert_int_equal(sem_init(&begun, 0, 0), 0);
	assert_int_equal(loop_open(&options, &loop), ERR_OK);
	return workers_open(loop, &workers);
}

static int teardown(void **state)
{
	(void)state;
	workers_close(workers);
	workers = NULL;
	workers_close(NULL);
	loop_close(loop);
	(void)sem_destroy(&gate);
	(void)sem_destroy(&begun);
	return 0;
}

static void a_task_runs_elsewhere_and_is_done_here(void **state)
{
	struct probe p[LANE_COUNT];
	(void)state;
	for (int lane = 0; lane < LANE_COUNT; lane++)
		p[lane] = probe(false);
	for (int lane = 0; lane < LANE_COUNT; lane++)
		assert_true(workers_submit(workers, (enum lane)lane, &p[lane].task));
	stop_at = LANE_COUNT;
	loop_run(loop, NULL, NULL);
	for (int lane = 0; lane < LANE_COUNT; lane++) {
		assert_true(p[lane].ran && p[lane].ran_elsewhere);
		assert_true(p[lane].done && p[lane].done_on_loop);
		assert_false(p[lane].dropped);
		assert_int_equal(workers_busy(workers, (enum lane)lane), 0);
	}
}

static void a_full_lane_refuses_and_holds_up_no_other(void **state)
{
	static struct probe p[TASKS];
	struct probe read = probe(false);
	(void)state;
	for (unsigned i = 0; i < TASKS; i++)
		p[i] = probe(true);
	for (unsigned i = 0; i < TASKS - 1; i++)
		assert_true(workers_submit(workers, LANE_HASH, &p[i].task));
	assert_int_equal(workers_busy(workers, LANE_HASH), TASKS - 1);
	assert_false(workers_submit(workers, LANE_HASH, &p[TASKS - 1].task));
	assert_int_equal(workers_busy(workers, LANE_HASH), TASKS - 1);
	stop_at = 1;
	assert_true(workers_submit(workers, LANE_READ, &read.task));
	loop_run(loop, NULL, NULL);
	assert_true(read.done);
	for (unsigned i = 0; i < TASKS - 1; i++)
		(void)sem_post(&gate);
	while (workers_busy(workers, LANE_HASH))
		(void)sched_yield();
	loop_run_posted(loop);
	for (unsigned i = 0; i < TASKS - 1; i++)
		assert_true(p[i].done);
	/* There is room again. */
	assert_true(workers_submit(workers, LANE_HASH, &p[TASKS - 1].task));
	(void)sem_post(&gate);
	while (workers_busy(workers, LANE_HASH))
		(void)sched_yield();
}

static void closing_ends_what_runs_and_drops_what_waits(void **state)
{
	struct probe running = probe(true);
	struct probe waiting = probe(false);
	struct probe careless = probe(false);
	(void)state;
	careless.task.drop = NULL;
	assert_true(workers_submit(workers, LANE_READ, &running.task));
	assert_int_equal(sem_wait(&begun), 0);
	assert_true(workers_submit(workers, LANE_READ, &waiting.task));
	assert_true(workers_submit(workers, LANE_READ, &careless.task));
	workers_close(workers);
	workers = NULL;
	loop_run_posted(loop);
	assert_true(running.done);
	assert_false(running.dropped);
	assert_true(waiting.dropped);
	assert_false(waiting.ran || waiting.done);
	assert_false(careless.ran || careless.done);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_task_runs_elsewhere_and_is_done_here, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_lane_refuses_and_holds_up_no_other, setup, teardown),
		cmocka_unit_test_setup_teardown(closing_ends_what_runs_and_drops_what_waits, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
