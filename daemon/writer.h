/*
 * The store thread and its queue: takes everything queued (at most LIMIT_GROUP_OPS ops), runs it in one
 * transaction, commits, reports to the loop.
 */
#ifndef TSUZUKI_DAEMON_WRITER_H
#define TSUZUKI_DAEMON_WRITER_H

#include "daemon/loop.h"
#include "sync/job.h"
#include "sync/store.h"

struct writer;

/* Both run on the loop's thread. */
struct writer_hooks {
	void (*on_commits)(void *context); /* before the answers of jobs that were committed; may be NULL */
	void (*on_failed)(void *context);  /* a commit could not be synced (exit 74) */
	void *context;
};

/* Starts the thread. */
enum err writer_open(struct loop *loop, struct store *store, struct writer_hooks hooks, struct writer **out);
/* Finishes what is queued, then joins; what is done by then is reported. The store still has to be closed. */
void writer_close(struct writer *w);
/*
 * Loop thread. job->done runs on the loop after the commit. false: the queue is full (503 busy); the caller
 * keeps it.
 */
bool writer_submit(struct writer *w, struct job *job);
/* moved() is called after the done() of each job that moved its user's newest seq, to `head`. Loop thread. */
void writer_on_moved(
	struct writer *w, void (*moved)(void *context, uint64_t user, int64_t head), void *context);
/* For /metrics and /health/ready. */
struct writer_stats {
	uint64_t commits;
	uint64_t jobs;
	unsigned queued;
	bool disk_full; /* the last commit failed for want of space */
	bool failed;
};
struct writer_stats writer_stats(struct writer *w);

#endif
