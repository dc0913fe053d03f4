/*
 * The event loop: the only owner of libwebsockets' context, of its tick, and of what other threads want run
 * on it. Everything here but loop_post() and loop_stop() belongs to the loop's own thread.
 *
 * libwebsockets writes its log through one function of the process, so loop.c holds the one counter that
 * keeps it from flooding ours.
 */
#ifndef TSUZUKI_DAEMON_LOOP_H
#define TSUZUKI_DAEMON_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "sync/base/env.h"
#include "sync/base/err.h"

struct loop;
struct loop_watch;
struct lws_context;
struct lws_protocols;

/* Something to run on the loop's thread. Embedded in what is posted; untouched by others until it has run. */
struct loop_item {
	struct loop_item *next;
	void (*run)(struct loop_item *item);
};

/* Called every LIMIT_TICK_MS. */
struct loop_tick {
	struct loop_tick *next;
	void (*run)(struct loop_tick *tick, int64_t mono_ms);
};

/* Called each time before the loop waits for the outside, after everything posted has run. */
struct loop_before_wait {
	struct loop_before_wait *next;
	void (*run)(struct loop_before_wait *hook);
};

struct loop_options {
	const struct lws_protocols
		*protocols; /* not used: whoever makes a vhost brings its own; may be NULL */
	void *context_user; /* lws_context_user() of callbacks */
	bool tls;	    /* some vhost will use TLS */
};

/*
 * Makes the libev loop and the libwebsockets context (limits.md section 2), which has no vhost yet. SIGPIPE
 * is ignored from here on. ERR_NOMEM when that fails; the log says more.
 */
enum err loop_open(const struct loop_options *options, struct loop **out);
void loop_close(struct loop *loop);
struct lws_context *loop_context(struct loop *loop);

/*
 * Runs until loop_stop(). SIGTERM, SIGINT and SIGHUP call on_signal on the loop's thread; afterwards that
 * thread blocks them, so that a second one cannot cut the stop short. Every other thread must block them from
 * its start.
 */
void loop_run(struct loop *loop, void (*on_signal)(void *context, int signal), void *context);
/* From any thread, at any time. */
void loop_stop(struct loop *loop);

/* From any thread: item->run() is called once on the loop's thread, in the order of posting. Wake-ups
 * coalesce. */
void loop_post(struct loop *loop, struct loop_item *item);
/* Runs what was posted. loop_run() does so by itself; this is for what is posted after it has returned. */
void loop_run_posted(struct loop *loop);

/* Adds tick to those called every LIMIT_TICK_MS, until the loop closes. */
void loop_every_tick(struct loop *loop, struct loop_tick *tick);
/* Adds hook to those called before each wait, until loop_not_before_wait(). */
void loop_before_wait(struct loop *loop, struct loop_before_wait *hook);
void loop_not_before_wait(struct loop *loop, struct loop_before_wait *hook);
void loop_no_tick(struct loop *loop, struct loop_tick *tick);

enum loop_interest { LOOP_READABLE, LOOP_WRITABLE };

/*
 * Calls run(context) whenever descriptor fd can be read (or written), from now on. The descriptor stays the
 * caller's, who forgets the watch before closing it. NULL when memory is short.
 */
struct loop_watch *loop_watch(
	struct loop *loop, int fd, enum loop_interest interest, void (*run)(void *context), void *context);
/* Stops looking for a while, and looks again. */
void loop_watch_pause(struct loop_watch *watch, bool pause);
/* Takes NULL. */
void loop_watch_forget(struct loop_watch *watch);

/* Both clocks, now. Any thread. */
struct now loop_now(void);

#endif
