/*
 * Worker threads for what blocks or burns CPU. A task runs on a worker, then its done() on the loop. Each lane has
 * its own threads and a bounded queue, so that a slow mail server never delays a log-in.
 */
#ifndef TSUZUKI_DAEMON_WORKER_H
#define TSUZUKI_DAEMON_WORKER_H

#include "daemon/loop.h"

enum lane {
	LANE_HASH, /* LIMIT_HASH_AT_ONCE threads, LIMIT_HASH_QUEUE waiting */
	LANE_READ, /* one thread, LIMIT_READ_QUEUE waiting */
	LANE_MAIL, /* one thread, a queue of 1: the mailer hands in one at a time */
	LANE_COUNT
};

struct task {
	struct loop_item item; /* the pool's */
	struct task *next;     /* the pool's */
	void (*run)(struct task *task);  /* worker thread; only plain data crosses */
	void (*done)(struct task *task); /* loop thread; owns the task again */
};

struct workers;

enum err workers_open(struct loop *loop, struct workers **out);
/* Lets running tasks end, calls done() for none of those that wait, joins the threads. */
void workers_close(struct workers *w);
/* false: the lane's queue is full (answer 503). Loop thread. */
bool workers_submit(struct workers *w, enum lane lane, struct task *task);
/* Tasks waiting or running in a lane, for /metrics. */
unsigned workers_busy(struct workers *w, enum lane lane);

#endif
