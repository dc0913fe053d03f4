#include "daemon/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/limits.h"

enum { LANE_THREADS_MAX = LIMIT_HASH_AT_ONCE };

static const struct {
	const char *name; /* of its threads; 15 bytes with the number */
	unsigned threads;
	unsigned queue;
} lane_shape[LANE_COUNT] = {
	[LANE_HASH] = {"hash", LIMIT_HASH_AT_ONCE, LIMIT_HASH_QUEUE},
	[LANE_READ] = {"read", 1, LIMIT_READ_QUEUE},
	[LANE_MAIL] = {"mail", 1, 1},
	[LANE_BACKUP] = {"backup", 1, 1},
};

struct lane_state {
	struct loop *loop;
	pthread_mutex_t
		lock; /* guards everything below but the threads, which belong to who opens and closes */
	pthread_cond_t wake;
	struct task *head; /* waiting, oldest first */
	struct task *tail;
	unsigned busy; /* waiting or running */
	unsigned room; /* how many may be busy */
	bool stop;
	pthread_t threads[LANE_THREADS_MAX];
	unsigned started;
};

struct workers {
	struct lane_state lanes[LANE_COUNT];
};

/* On the loop: the task is its owner's again, who may free it in done(). */
static void task_done(struct loop_item *item)
{
	struct task *task = (struct task *)((char *)item - offsetof(struct task, item));
	task->done(task);
}

/* The next task to run, or NULL when the lane stops. */
static struct task *lane_take(struct lane_state *lane)
{
	(void)pthread_mutex_lock(&lane->lock);
	while (!lane->head && !lane->stop)
		(void)pthread_cond_wait(&lane->wake, &lane->lock);
	struct task *task = lane->stop ? NULL : lane->head;
	if (task) {
		lane->head = task->next;
		if (!lane->head)
			lane->tail = NULL;
		task->next = NULL;
	}
	(void)pthread_mutex_unlock(&lane->lock);
	return task;
}

static void *lane_main(void *context)
{
	struct lane_state *lane = context;
	struct task *task;
	while ((task = lane_take(lane)) != NULL) {
		task->run(task);
		/* Not busy any more before done() can run: it may hand in the next task. */
		(void)pthread_mutex_lock(&lane->lock);
		lane->busy--;
		(void)pthread_mutex_unlock(&lane->lock);
		loop_post(lane->loop, &task->item);
	}
	return NULL;
}

static enum err lane_open(struct lane_state *lane, enum lane id, struct loop *loop)
{
	lane->loop = loop;
	lane->room = lane_shape[id].threads + lane_shape[id].queue;
	if (pthread_mutex_init(&lane->lock, NULL) != 0)
		return ERR_NOMEM;
	if (pthread_cond_init(&lane->wake, NULL) != 0) {
		(void)pthread_mutex_destroy(&lane->lock);
		return ERR_NOMEM;
	}
	return ERR_OK;
}

static enum err lane_start(struct lane_state *lane, enum lane id)
{
	for (unsigned i = 0; i < lane_shape[id].threads; i++) {
		char name[16];
		if (pthread_create(&lane->threads[i], NULL, lane_main, lane) != 0)
			return ERR_NOMEM;
		lane->started++;
		(void)snprintf(name, sizeof name, "%s-%u", lane_shape[id].name, i + 1);
		(void)pthread_setname_np(lane->threads[i], name);
	}
	return ERR_OK;
}

/* Signals are the loop's: threads inherit a mask that blocks them all. */
static enum err start_all(struct workers *w)
{
	sigset_t all;
	sigset_t before;
	enum err err = ERR_OK;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	for (unsigned i = 0; i < LANE_COUNT && err == ERR_OK; i++)
		err = lane_start(&w->lanes[i], (enum lane)i);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

enum err workers_open(struct loop *loop, struct workers **out)
{
	struct workers *w = calloc(1, sizeof *w);
	if (!w)
		return ERR_NOMEM;
	for (unsigned i = 0; i < LANE_COUNT; i++) {
		if (lane_open(&w->lanes[i], (enum lane)i, loop) == ERR_OK)
			continue;
		while (i-- > 0) {
			(void)pthread_cond_destroy(&w->lanes[i].wake);
			(void)pthread_mutex_destroy(&w->lanes[i].lock);
		}
		free(w);
		return ERR_NOMEM;
	}
	enum err err = start_all(w);
	if (err != ERR_OK) {
		workers_close(w);
		return err;
	}
	*out = w;
	return ERR_OK;
}

static void lane_stop(struct lane_state *lane)
{
	(void)pthread_mutex_lock(&lane->lock);
	lane->stop = true;
	(void)pthread_cond_broadcast(&lane->wake);
	(void)pthread_mutex_unlock(&lane->lock);
}

static void lane_close(struct lane_state *lane)
{
	for (unsigned i = 0; i < lane->started; i++)
		(void)pthread_join(lane->threads[i], NULL);
	for (struct task *task = lane->head; task;) {
		struct task *next = task->next;
		if (task->drop)
			task->drop(task);
		task = next;
	}
	(void)pthread_cond_destroy(&lane->wake);
	(void)pthread_mutex_destroy(&lane->lock);
}

void workers_close(struct workers *w)
{
	if (!w)
		return;
	/* All are told first, so that the wait is the longest task and not the sum. */
	for (unsigned i = 0; i < LANE_COUNT; i++)
		lane_stop(&w->lanes[i]);
	for (unsigned i = 0; i < LANE_COUNT; i++)
		lane_close(&w->lanes[i]);
	free(w);
}

bool workers_submit(struct workers *w, enum lane lane, struct task *task)
{
	struct lane_state *l = &w->lanes[lane];
	task->next = NULL;
	task->item = (struct loop_item){.run = task_done};
	(void)pthread_mutex_lock(&l->lock);
	bool taken = !l->stop && l->busy < l->room;
	if (taken) {
		if (l->tail)
			l->tail->next = task;
		else
			l->head = task;
		l->tail = task;
		l->busy++;
		(void)pthread_cond_signal(&l->wake);
	}
	(void)pthread_mutex_unlock(&l->lock);
	return taken;
}

unsigned workers_busy(struct workers *w, enum lane lane)
{
	struct lane_state *l = &w->lanes[lane];
	(void)pthread_mutex_lock(&l->lock);
	unsigned busy = l->busy;
	(void)pthread_mutex_unlock(&l->lock);
	return busy;
}
