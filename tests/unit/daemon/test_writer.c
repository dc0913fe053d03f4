/* The store thread: jobs run there in order and are done here, its queue is bounded, closing finishes it. */
#include <string.h>
#include <unistd.h>

#include <pthread.h>
#include <semaphore.h>

#include "daemon/limits.h"
#include "daemon/writer.h"
#include "tests/unit/sync/support.h"

static struct fixture *f;
static struct loop *loop;
static struct writer *writer;
static sem_t gate;
static sem_t begun;
static pthread_t loop_thread;
static unsigned done_count;
static unsigned stop_at;
static unsigned order;
static unsigned commits_told;
static unsigned done_when_told;

int __real_pthread_join(pthread_t thread, void **result);
int __wrap_pthread_join(pthread_t thread, void **result);

/* By the time the thread is waited for it has been told to stop: only now may the job that waits go on. */
int __wrap_pthread_join(pthread_t thread, void **result)
{
	(void)sem_post(&gate);
	return __real_pthread_join(thread, result);
}

struct probe {
	struct job job; /* first */
	bool waits;
	enum err result;
	unsigned ran; /* its place in the order of running, 0: not yet */
	bool ran_elsewhere;
	unsigned done; /* its place in the order of answers */
	bool done_on_loop;
};

static enum err run(struct tx *tx, struct job *job)
{
	struct probe *p = (struct probe *)job;
	(void)tx;
	p->ran = ++order;
	p->ran_elsewhere = !pthread_equal(pthread_self(), loop_thread);
	if (p->waits) {
		(void)sem_post(&begun);
		(void)sem_wait(&gate);
	}
	return p->result;
}

static void done(struct job *job)
{
	struct probe *p = (struct probe *)job;
	p->done = ++done_count;
	p->done_on_loop = pthread_equal(pthread_self(), loop_thread);
	if (done_count == stop_at)
		loop_stop(loop);
}

static struct probe probe(unsigned ops)
{
	return (struct probe){.job = {.run = run, .done = done, .ops = ops}};
}

/* Until that many are done: the loop stops only once in its life. setup()'s alarm is the deadline. */
static void wait_for(unsigned count)
{
	while (done_count < count) {
		loop_run_posted(loop);
		(void)sched_yield();
	}
}

static void never(void *context)
{
	(void)context;
	fail_msg("the disk did not fail");
}

/* Told before the answers of what was committed. */
static void commits(void *context)
{
	unsigned *told = context;
	(*told)++;
	done_when_told = done_count;
}

static int setup(void **state)
{
	struct loop_options options = {0};
	(void)state;
	(void)alarm(60);
	f = fixture_open();
	loop_thread = pthread_self();
	done_count = stop_at = order = commits_told = done_when_told = 0;
	assert_int_equal(sem_init(&gate, 0, 0), 0);
	assert_int_equal(sem_init(&begun, 0, 0), 0);
	assert_int_equal(loop_open(&options, &loop), ERR_OK);
	struct writer_hooks hooks = {.on_commits = commits, .on_failed = never, .context = &commits_told};
	return writer_open(loop, f->store, hooks, &writer);
}

static int teardown(void **state)
{
	(void)state;
	writer_close(writer);
	writer = NULL;
	writer_close(NULL);
	loop_close(loop);
	(void)sem_destroy(&gate);
	(void)sem_destroy(&begun);
	fixture_close(f);
	return 0;
}

static void jobs_run_there_and_are_done_here_in_order(void **state)
{
	struct probe p[50];
	(void)state;
	for (size_t i = 0; i < 50; i++) {
		p[i] = probe(1);
		assert_true(writer_submit(writer, &p[i].job));
	}
	stop_at = 50;
	loop_run(loop, NULL, NULL);
	for (size_t i = 0; i < 50; i++) {
		assert_int_equal(p[i].job.err, ERR_OK);
		assert_true(p[i].ran_elsewhere && p[i].done_on_loop);
		assert_int_equal(p[i].done, i + 1);
	}
	struct writer_stats stats = writer_stats(writer);
	assert_int_equal(stats.jobs, 50);
	assert_in_range(stats.commits, 1, 50);
	assert_int_equal(stats.queued, 0);
	assert_in_range(commits_told, 1, 50);
	assert_true(done_when_told < 50);
	assert_false(stats.failed);
}

static void what_queues_up_shares_a_commit(void **state)
{
	struct probe first = probe(1);
	struct probe p[20];
	(void)state;
	first.waits = true;
	assert_true(writer_submit(writer, &first.job));
	assert_int_equal(sem_wait(&begun), 0);
	for (size_t i = 0; i < 20; i++) {
		p[i] = probe(1);
		p[i].result = i == 7 ? ERR_CORRUPT : ERR_OK;
		assert_true(writer_submit(writer, &p[i].job));
	}
	assert_int_equal(writer_stats(writer).queued, 20);
	assert_int_equal(sem_post(&gate), 0);
	wait_for(21);
	for (size_t i = 0; i < 20; i++)
		assert_int_equal(p[i].job.err, i == 7 ? ERR_CORRUPT : ERR_OK);
	assert_int_equal(writer_stats(writer).commits, 2); /* the first one's, and theirs */
}

static void a_group_is_bounded_and_a_large_job_is_one(void **state)
{
	struct probe first = probe(1);
	struct probe large = probe(LIMIT_GROUP_OPS);
	struct probe small = probe(1);
	(void)state;
	first.waits = true;
	assert_true(writer_submit(writer, &first.job));
	assert_int_equal(sem_wait(&begun), 0);
	assert_true(writer_submit(writer, &large.job));
	assert_true(writer_submit(writer, &small.job));
	assert_int_equal(sem_post(&gate), 0);
	wait_for(3);
	assert_int_equal(writer_stats(writer).commits, 3);
}

static void a_full_queue_refuses(void **state)
{
	enum { LARGE = LIMIT_QUEUE_OPS / 4 };
	struct probe first = probe(1);
	struct probe p[4];
	struct probe more = probe(1);
	(void)state;
	first.waits = true;
	assert_true(writer_submit(writer, &first.job));
	assert_int_equal(sem_wait(&begun), 0);
	for (size_t i = 0; i < 4; i++) {
		p[i] = probe(LARGE);
		assert_true(writer_submit(writer, &p[i].job));
	}
	assert_int_equal(writer_stats(writer).queued, LIMIT_QUEUE_OPS);
	assert_false(writer_submit(writer, &more.job));
	assert_int_equal(sem_post(&gate), 0);
	wait_for(5);
	assert_int_equal(more.ran, 0);
	assert_true(writer_submit(writer, &more.job));
	wait_for(6);
	assert_int_equal(more.job.err, ERR_OK);
}

static void closing_finishes_what_is_queued(void **state)
{
	struct probe first = probe(1);
	struct probe p[30];
	(void)state;
	first.waits = true;
	assert_true(writer_submit(writer, &first.job));
	assert_int_equal(sem_wait(&begun), 0);
	for (size_t i = 0; i < 30; i++) {
		p[i] = probe(1);
		assert_true(writer_submit(writer, &p[i].job));
	}
	writer_close(writer);
	writer = NULL;
	assert_int_equal(done_count, 31);
	for (size_t i = 0; i < 30; i++) {
		assert_int_equal(p[i].job.err, ERR_OK);
		assert_int_equal(p[i].done, i + 2);
	}
}

static void a_full_disk_shows_and_passes(void **state)
{
	struct probe full = probe(1);
	struct probe well = probe(1);
	(void)state;
	full.result = ERR_DISK_FULL;
	assert_true(writer_submit(writer, &full.job));
	wait_for(1);
	assert_true(writer_stats(writer).disk_full);
	assert_true(writer_submit(writer, &well.job));
	wait_for(2);
	assert_false(writer_stats(writer).disk_full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(jobs_run_there_and_are_done_here_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(what_queues_up_shares_a_commit, setup, teardown),
		cmocka_unit_test_setup_teardown(a_group_is_bounded_and_a_large_job_is_one, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_queue_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(closing_finishes_what_is_queued, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_disk_shows_and_passes, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
