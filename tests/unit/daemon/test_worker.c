/* The worker threads, with a loop of the test's own: what is posted is run when the test says so. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/limits.h"
#include "daemon/worker.h"
#include "sync/base/check.h"

struct loop {
	pthread_mutex_t lock;
	pthread_cond_t posted;
	struct loop_item *head;
	struct loop_item **tail;
};

void loop_post(struct loop *loop, struct loop_item *item)
{
	(void)pthread_mutex_lock(&loop->lock);
	item->next = NULL;
	*loop->tail = item;
	loop->tail = &item->next;
	(void)pthread_cond_signal(&loop->posted);
	(void)pthread_mutex_unlock(&loop->lock);
}

/* Waits for one item and runs it here, as the loop's thread would. */
static void loop_run_one(struct loop *loop)
{
	(void)pthread_mutex_lock(&loop->lock);
	while (!loop->head)
		(void)pthread_cond_wait(&loop->posted, &loop->lock);
	struct loop_item *item = loop->head;
	loop->head = item->next;
	if (!loop->head)
		loop->tail = &loop->head;
	(void)pthread_mutex_unlock(&loop->lock);
	item->run(item);
}

static bool loop_empty(struct loop *loop)
{
	(void)pthread_mutex_lock(&loop->lock);
	bool empty = !loop->head;
	(void)pthread_mutex_unlock(&loop->lock);
	return empty;
}

/* A door that tasks stand before until the test opens it. */
struct gate {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool open;
	unsigned inside; /* tasks that have come as far as the door */
};

struct job {
	struct task task;
	struct gate *gate; /* NULL: none */
	unsigned ran;
	unsigned done;
	unsigned dropped;
	char thread[16];
	bool takes_sigterm;
	bool on_worker;
	pthread_t loop_thread;
};

static void job_run(struct task *task)
{
	struct job *job = (struct job *)task;
	sigset_t mask;
	(void)pthread_getname_np(pthread_self(), job->thread, sizeof job->thread);
	(void)pthread_sigmask(SIG_SETMASK, NULL, &mask);
	job->takes_sigterm = sigismember(&mask, SIGTERM) == 0;
	job->on_worker = !pthread_equal(pthread_self(), job->loop_thread);
	job->ran++;
	if (!job->gate)
		return;
	(void)pthread_mutex_lock(&job->gate->lock);
	job->gate->inside++;
	(void)pthread_cond_broadcast(&job->gate->changed);
	while (!job->gate->open)
		(void)pthread_cond_wait(&job->gate->changed, &job->gate->lock);
	(void)pthread_mutex_unlock(&job->gate->lock);
}

static void job_done(struct task *task)
{
	struct job *job = (struct job *)task;
	assert_true(pthread_equal(pthread_self(), job->loop_thread));
	job->done++;
}

static void job_drop(struct task *task)
{
	((struct job *)task)->dropped++;
}

static struct job job_make(struct gate *gate)
{
	return (struct job){.task = {.run = job_run, .done = job_done, .drop = job_drop},
		.gate = gate,
		.loop_thread = pthread_self()};
}

static void gate_wait(struct gate *gate, unsigned inside)
{
	(void)pthread_mutex_lock(&gate->lock);
	while (gate->inside < inside)
		(void)pthread_cond_wait(&gate->changed, &gate->lock);
	(void)pthread_mutex_unlock(&gate->lock);
}

static void gate_open(struct gate *gate)
{
	(void)pthread_mutex_lock(&gate->lock);
	gate->open = true;
	(void)pthread_cond_broadcast(&gate->changed);
	(void)pthread_mutex_unlock(&gate->lock);
}

struct world {
	struct loop loop;
	struct gate gate;
	struct workers *workers;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	if (!w)
		return -1;
	w->loop.tail = &w->loop.head;
	(void)pthread_mutex_init(&w->loop.lock, NULL);
	(void)pthread_cond_init(&w->loop.posted, NULL);
	(void)pthread_mutex_init(&w->gate.lock, NULL);
	(void)pthread_cond_init(&w->gate.changed, NULL);
	*state = w;
	return workers_open(&w->loop, &w->workers) == ERR_OK ? 0 : -1;
}

static int teardown(void **state)
{
	struct world *w = *state;
	workers_close(w->workers);
	(void)pthread_mutex_destroy(&w->loop.lock);
	(void)pthread_cond_destroy(&w->loop.posted);
	(void)pthread_mutex_destroy(&w->gate.lock);
	(void)pthread_cond_destroy(&w->gate.changed);
	free(w);
	return 0;
}

static void test_runs_on_its_lane(void **state)
{
	struct world *w = *state;
	static const char *const names[LANE_COUNT] = {"hash-", "read-", "mail-"};
	for (unsigned lane = 0; lane < LANE_COUNT; lane++) {
		struct job job = job_make(NULL);
		assert_true(workers_submit(w->workers, (enum lane)lane, &job.task));
		loop_run_one(&w->loop);
		assert_int_equal(job.ran, 1);
		assert_int_equal(job.done, 1);
		assert_int_equal(job.dropped, 0);
		assert_true(job.on_worker);
		assert_false(job.takes_sigterm);
		assert_memory_equal(job.thread, names[lane], 5);
		assert_int_equal(workers_busy(w->workers, (enum lane)lane), 0);
	}
}

/* Exactly as many as have a thread or a place to wait; one that is refused stays its owner's. */
static void test_bounds(void **state)
{
	struct world *w = *state;
	static struct job jobs[LIMIT_HASH_AT_ONCE + LIMIT_HASH_QUEUE];
	struct job extra = job_make(&w->gate);
	for (size_t i = 0; i < COUNT_OF(jobs); i++) {
		jobs[i] = job_make(&w->gate);
		assert_true(workers_submit(w->workers, LANE_HASH, &jobs[i].task));
	}
	assert_false(workers_submit(w->workers, LANE_HASH, &extra.task));
	assert_int_equal(workers_busy(w->workers, LANE_HASH), COUNT_OF(jobs));
	gate_wait(&w->gate, LIMIT_HASH_AT_ONCE);

	/* A full lane does not stop another. */
	struct job read = job_make(NULL);
	assert_true(workers_submit(w->workers, LANE_READ, &read.task));
	loop_run_one(&w->loop);
	assert_int_equal(read.done, 1);

	gate_open(&w->gate);
	for (size_t i = 0; i < COUNT_OF(jobs); i++)
		loop_run_one(&w->loop);
	for (size_t i = 0; i < COUNT_OF(jobs); i++) {
		assert_int_equal(jobs[i].ran, 1);
		assert_int_equal(jobs[i].done, 1);
	}
	assert_int_equal(extra.ran + extra.done + extra.dropped, 0);
	assert_true(workers_submit(w->workers, LANE_HASH, &extra.task));
	loop_run_one(&w->loop);
	assert_int_equal(extra.done, 1);
}

/* One thread takes them in the order of handing in. */
static void test_order(void **state)
{
	struct world *w = *state;
	static struct job jobs[LIMIT_READ_QUEUE];
	for (size_t i = 0; i < COUNT_OF(jobs); i++) {
		jobs[i] = job_make(NULL);
		assert_true(workers_submit(w->workers, LANE_READ, &jobs[i].task));
	}
	for (size_t i = 0; i < COUNT_OF(jobs); i++) {
		loop_run_one(&w->loop);
		assert_int_equal(jobs[i].done, 1);
		if (i + 1 < COUNT_OF(jobs))
			assert_int_equal(jobs[i + 1].done, 0);
	}
}

struct chain {
	struct job job;
	struct workers *workers;
	unsigned left;
};

static void chain_done(struct task *task)
{
	struct chain *chain = (struct chain *)task;
	if (chain->left == 0)
		return;
	chain->left--;
	assert_true(workers_submit(chain->workers, LANE_MAIL, task));
}

/* done() may hand the same task in again. */
static void test_handed_in_again(void **state)
{
	struct world *w = *state;
	struct chain chain = {.job = job_make(NULL), .workers = w->workers, .left = 50};
	chain.job.task.done = chain_done;
	assert_true(workers_submit(w->workers, LANE_MAIL, &chain.job.task));
	for (int i = 0; i <= 50; i++)
		loop_run_one(&w->loop);
	assert_int_equal(chain.job.ran, 51);
	assert_true(loop_empty(&w->loop));
}

static void *open_later(void *context)
{
	struct world *w = context;
	/* close() has told the lanes to stop once they take nothing more. */
	struct job probe = job_make(NULL);
	while (workers_submit(w->workers, LANE_READ, &probe.task))
		loop_run_one(&w->loop);
	gate_open(&w->gate);
	return NULL;
}

/* What runs ends and is reported; what waits is dropped and never done. */
static void test_close(void **state)
{
	struct world *w = *state;
	static struct job jobs[LIMIT_HASH_AT_ONCE + 5];
	pthread_t opener;
	for (size_t i = 0; i < COUNT_OF(jobs); i++) {
		jobs[i] = job_make(&w->gate);
		assert_true(workers_submit(w->workers, LANE_HASH, &jobs[i].task));
	}
	jobs[COUNT_OF(jobs) - 1].task.drop = NULL;
	gate_wait(&w->gate, LIMIT_HASH_AT_ONCE);
	assert_int_equal(pthread_create(&opener, NULL, open_later, w), 0);
	/* The opener's probes use the workers, so they are freed only after it has ended: here it is joined by the lane
	 * order (hash tasks end only when it has opened the gate, which is its last use of them). */
	workers_close(w->workers);
	w->workers = NULL;
	assert_int_equal(pthread_join(opener, NULL), 0);
	unsigned dropped = 0;
	for (size_t i = 0; i < COUNT_OF(jobs); i++) {
		assert_int_equal(jobs[i].done, 0);
		assert_int_equal(jobs[i].ran, i < LIMIT_HASH_AT_ONCE);
		dropped += jobs[i].dropped;
	}
	assert_int_equal(dropped, 4);
	for (size_t i = 0; i < LIMIT_HASH_AT_ONCE; i++)
		loop_run_one(&w->loop);
	for (size_t i = 0; i < COUNT_OF(jobs); i++)
		assert_int_equal(jobs[i].done, i < LIMIT_HASH_AT_ONCE);
	assert_true(loop_empty(&w->loop));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_runs_on_its_lane, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_handed_in_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_close, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
