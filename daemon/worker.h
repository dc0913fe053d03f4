/*
 * Worker threads for what blocks or burns CPU. A task runs on a worker, then its done() on the loop. Each
 * lane has its own threads and a bounded queue, so that a slow mail server never delays a log-in.
 */
#ifndef TSUZUKI_DAEMON_WORKER_H
#define TSUZUKI_DAEMON_WORKER_H

#include "daemon/loop.h"

enum lane {
	LANE_HASH,   /* LIMIT_HASH_AT_ONCE threads, LIMIT_HASH_QUEUE waiting */
	LANE_READ,   /* one thread, LIMIT_READ_QUEUE waiting */
	LANE_MAIL,   /* one thread, a queue of 1: the mailer hands in one at a time */
	LANE_BACKUP, /* one thread, a queue of 1: one backup at a time */
	LANE_COUNT
};

struct task {
	struct loop_item item;		 /* the pool's */
	struct task *next;		 /* the pool's */
	void (*run)(struct task *task);	 /* worker thread; only plain data crosses */
	void (*done)(struct task *task); /* loop thread; owns the task again */
	void (*drop)(
		struct task *task); /* workers_close(): it will never run; frees it. NULL: nothing to do */
};

struct workers;

/* Starts the threads ("hash-1", ...), which take no signals. ERR_NOMEM when one cannot be had. */
enum err workers_open(struct loop *loop, struct workers **out);
/*
 * Lets running tasks end (their done() is posted), joins the threads, then calls drop(), not done(), for
 * those that wait. NULL is fine. Loop thread.
 */
void workers_close(struct workers *w);
/*
 * false: the lane is full (answer 503), which it is when as many tasks are busy as it has threads and places
 * to wait. Loop thread.
 */
bool workers_submit(struct workers *w, enum lane lane, struct task *task);
/* Tasks waiting or running in a lane, for /metrics. */
unsigned workers_busy(struct workers *w, enum lane lane);

#endif
