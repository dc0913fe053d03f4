#include "daemon/writer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "daemon/limits.h"
#include "daemon/log.h"
#include "sync/base/check.h"

enum { IDLE_MS = 200, BETWEEN_SLICES_MS = 1 };

struct job_list {
	struct job *first;
	struct job **end;
};

struct writer {
	struct loop *loop;
	struct store *store;
	struct writer_hooks hooks;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	/* Below: under the mutex. */
	struct job_list queue;
	unsigned queued_ops;
	struct job_list done;
	bool posted; /* `item` is on its way to the loop */
	bool stop;
	struct writer_stats stats;
	/* The loop's. */
	struct loop_item item;
	bool told; /* on_failed was called */
	void (*moved)(void *context, uint64_t user, int64_t head);
	void *moved_context;
};

static void list_init(struct job_list *l)
{
	l->first = NULL;
	l->end = &l->first;
}

static void list_push(struct job_list *l, struct job *job)
{
	job->next = NULL;
	*l->end = job;
	l->end = &job->next;
}

static void list_append(struct job_list *l, struct job *jobs)
{
	while (jobs) {
		struct job *next = jobs->next;
		list_push(l, jobs);
		jobs = next;
	}
}

/* Takes jobs of at most LIMIT_GROUP_OPS ops off the queue; at least one when there is any. */
static struct job *take_group(struct writer *w)
{
	struct job *first = w->queue.first;
	struct job **end = &w->queue.first;
	unsigned ops = 0;
	while (*end && (ops == 0 || ops + (*end)->ops <= LIMIT_GROUP_OPS)) {
		ops += (*end)->ops;
		end = &(*end)->next;
	}
	w->queue.first = *end;
	*end = NULL;
	if (!w->queue.first)
		w->queue.end = &w->queue.first;
	w->queued_ops -= ops;
	return ops ? first : NULL;
}

static void wait_for_work(struct writer *w, long ms)
{
	struct timespec until;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += ms * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	while (!w->queue.first && !w->stop)
		if (pthread_cond_timedwait(&w->wake, &w->mutex, &until) == ETIMEDOUT)
			return;
}

/* Reports a group to the loop; under the mutex. */
static void report(struct writer *w, struct job *jobs)
{
	w->stats.commits++;
	for (const struct job *job = jobs; job; job = job->next) {
		w->stats.jobs++;
		w->stats.disk_full = job->err == ERR_DISK_FULL;
	}
	w->stats.failed = store_failed(w->store);
	list_append(&w->done, jobs);
	if (!w->posted) {
		w->posted = true;
		loop_post(w->loop, &w->item);
	}
}

/* A failure between commits, of a checkpoint or a slice, is told at once too; under the mutex. */
static void report_failure(struct writer *w)
{
	if (w->stats.failed || !store_failed(w->store))
		return;
	w->stats.failed = true;
	if (!w->posted) {
		w->posted = true;
		loop_post(w->loop, &w->item);
	}
}

static void *writer_thread(void *argument)
{
	struct writer *w = argument;
	long pause = IDLE_MS;
	CHECK(pthread_mutex_lock(&w->mutex) == 0);
	for (;;) {
		wait_for_work(w, pause);
		struct job *jobs = take_group(w);
		if (!jobs && w->stop)
			break;
		CHECK(pthread_mutex_unlock(&w->mutex) == 0);
		if (jobs) {
			store_run(w->store, jobs, loop_now());
			CHECK(pthread_mutex_lock(&w->mutex) == 0);
			report(w, jobs);
			CHECK(pthread_mutex_unlock(&w->mutex) == 0);
			store_checkpoint(w->store);
			pause = IDLE_MS;
		} else {
			/* Only an idle store clears up, and looks at its queue between any two slices. */
			pause = store_slice(w->store, loop_now()) ? BETWEEN_SLICES_MS : IDLE_MS;
		}
		CHECK(pthread_mutex_lock(&w->mutex) == 0);
		report_failure(w);
	}
	CHECK(pthread_mutex_unlock(&w->mutex) == 0);
	return NULL;
}

static void run_done(struct loop_item *item)
{
	struct writer *w = (struct writer *)((char *)item - offsetof(struct writer, item));
	CHECK(pthread_mutex_lock(&w->mutex) == 0);
	struct job *jobs = w->done.first;
	list_init(&w->done);
	w->posted = false;
	bool failed = w->stats.failed;
	CHECK(pthread_mutex_unlock(&w->mutex) == 0);
	if (jobs && w->hooks.on_commits)
		w->hooks.on_commits(w->hooks.context);
	while (jobs) {
		struct job *next = jobs->next;
		uint64_t user = jobs->user;
		int64_t head = jobs->err ? 0 : jobs->moved.to;
		jobs->done(jobs);
		if (head && w->moved)
			w->moved(w->moved_context, user, head);
		jobs = next;
	}
	if (failed && !w->told) {
		w->told = true;
		w->hooks.on_failed(w->hooks.context);
	}
}

static enum err init_sync(struct writer *w)
{
	pthread_condattr_t attr;
	if (pthread_mutex_init(&w->mutex, NULL) != 0)
		return ERR_NOMEM;
	int bad = pthread_condattr_init(&attr);
	if (!bad) {
		bad = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
		if (!bad)
			bad = pthread_cond_init(&w->wake, &attr);
		(void)pthread_condattr_destroy(&attr);
	}
	if (bad)
		(void)pthread_mutex_destroy(&w->mutex);
	return bad ? ERR_NOMEM : ERR_OK;
}

/* Signals are the loop's: the thread inherits a mask that blocks them all. */
static int start_thread(struct writer *w)
{
	sigset_t all;
	sigset_t before;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	int code = pthread_create(&w->thread, NULL, writer_thread, w);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return code;
}

enum err writer_open(struct loop *loop, struct store *store, struct writer_hooks hooks, struct writer **out)
{
	struct writer *w = calloc(1, sizeof *w);
	if (!w)
		return ERR_NOMEM;
	*w = (struct writer){.loop = loop, .store = store, .hooks = hooks};
	w->item.run = run_done;
	list_init(&w->queue);
	list_init(&w->done);
	if (init_sync(w)) {
		free(w);
		return ERR_NOMEM;
	}
	if (start_thread(w) != 0) {
		(void)pthread_cond_destroy(&w->wake);
		(void)pthread_mutex_destroy(&w->mutex);
		free(w);
		return ERR_NOMEM;
	}
	(void)pthread_setname_np(w->thread, "store");
	*out = w;
	return ERR_OK;
}

void writer_close(struct writer *w)
{
	if (!w)
		return;
	CHECK(pthread_mutex_lock(&w->mutex) == 0);
	w->stop = true;
	CHECK(pthread_cond_signal(&w->wake) == 0);
	CHECK(pthread_mutex_unlock(&w->mutex) == 0);
	CHECK(pthread_join(w->thread, NULL) == 0);
	/* The last report may be on its way; after this, nothing on the loop points here. */
	loop_run_posted(w->loop);
	run_done(&w->item);
	(void)pthread_cond_destroy(&w->wake);
	(void)pthread_mutex_destroy(&w->mutex);
	free(w);
}

bool writer_submit(struct writer *w, struct job *job)
{
	CHECK(pthread_mutex_lock(&w->mutex) == 0);
	bool room = !w->stop && w->queued_ops + job->ops <= LIMIT_QUEUE_OPS;
	if (room) {
		bool idle = !w->queue.first;
		list_push(&w->queue, job);
		w->queued_ops += job->ops;
		if (idle)
			CHECK(pthread_cond_signal(&w->wake) == 0);
	}
	CHECK(pthread_mutex_unlock(&w->mutex) == 0);
	return room;
}

void writer_on_moved(
	struct writer *w, void (*moved)(void *context, uint64_t user, int64_t head), void *context)
{
	w->moved = moved;
	w->moved_context = context;
}

struct writer_stats writer_stats(struct writer *w)
{
	CHECK(pthread_mutex_lock(&w->mutex) == 0);
	struct writer_stats stats = w->stats;
	stats.queued = w->queued_ops;
	CHECK(pthread_mutex_unlock(&w->mutex) == 0);
	return stats;
}
