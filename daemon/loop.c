#include "daemon/loop.h"

#include <ev.h>
#include <libwebsockets.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "daemon/limits.h"
#include "daemon/log.h"
#include "sync/base/check.h"

enum { SIGNALS = 3 };

/* Bytes of all headers of one request that libwebsockets holds; more and it closes without a reply. */
enum { LWS_HEADER_BYTES = 16384 };
/* Bytes that libwebsockets reads at once: more than a TLS record, so that none is left half read. */
enum { LWS_READ_BYTES = 32768 };

struct loop {
	struct ev_loop *ev;
	struct lws_context *context;
	ev_timer tick;
	ev_prepare prepare;
	ev_signal signals[SIGNALS];
	void (*on_signal)(void *context, int signal);
	void *signal_context;
	struct loop_tick *ticks;
	struct loop_tick *next_tick; /* where the run under way goes on; moved when that one leaves */
	struct loop_before_wait *hooks;
	struct loop_before_wait *next_hook;
	atomic_bool stop;
	pthread_mutex_t lock;	  /* over the two below */
	struct loop_item *posted; /* oldest first */
	struct loop_item *posted_last;
};

struct loop_watch {
	ev_io io;
	struct ev_loop *ev;
	void (*run)(void *context);
	void *context;
};

enum { LOOKS = 8 }; /* at the clocks, until one was not interrupted */

static int64_t read_ms(clockid_t clock)
{
	struct timespec at;
	/* Cannot fail with these clocks on Linux. */
	CHECK(clock_gettime(clock, &at) == 0);
	return (int64_t)at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

struct now loop_now(void)
{
	struct now now = {0, 0};
	int64_t before = read_ms(CLOCK_MONOTONIC);
	/* Interrupted between the two, the thread would take the one clock for set. */
	for (int tries = 0; tries < LOOKS; tries++) {
		now.wall_ms = read_ms(CLOCK_REALTIME);
		now.mono_ms = read_ms(CLOCK_MONOTONIC);
		if (now.mono_ms - before <= 1)
			break;
		before = now.mono_ms;
	}
	return now;
}

/*
 * What libwebsockets says is of use to those who look for a fault, and much of it can be provoked from
 * outside: it is shown at debug, except for one line a second of its errors.
 */
static void on_lws_log(int level, const char *line)
{
	static atomic_llong last_ms = -1000;
	size_t len = strcspn(line, "\n");
	long long now = loop_now().mono_ms, last = atomic_load(&last_ms);
	bool loud = level == LLL_ERR && now - last >= 1000 &&
		    atomic_compare_exchange_strong(&last_ms, &last, now);
	if (loud)
		log_warn("libwebsockets: %.*s", (int)len, line);
	else
		log_debug("libwebsockets: %.*s", (int)len, line);
}

static struct lws_context *make_context(struct loop *loop, const struct loop_options *options)
{
	void *loops[] = {loop->ev};
	struct lws_context_creation_info info = {0};
	info.port = CONTEXT_PORT_NO_LISTEN;
	info.options = LWS_SERVER_OPTION_LIBEV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
	if (options->tls)
		info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	info.foreign_loops = loops;
	info.user = options->context_user;
	info.max_http_header_data = LWS_HEADER_BYTES;
	info.pt_serv_buf_size = LWS_READ_BYTES;
	/*
	 * No fd_limit_per_thread: with it the library searches its connections one by one for every event.
	 * Nor is it needed: connections are accepted by ourselves, within a bound of our own (http_listen.c).
	 */
	/* Later than our own deadlines, so that only those count. */
	info.timeout_secs = 2 * LIMIT_BODY_MS / 1000;
	info.gid = -1;
	info.uid = -1;
	lws_set_log_level(LLL_ERR | LLL_WARN, on_lws_log);
	return lws_create_context(&info);
}

static void run_ticks(struct loop *loop)
{
	int64_t now = loop_now().mono_ms;
	for (struct loop_tick *t = loop->ticks; t; t = loop->next_tick) {
		loop->next_tick = t->next;
		t->run(t, now);
	}
	loop->next_tick = NULL;
}

static void on_tick(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct loop *loop = timer->data;
	(void)ev;
	(void)events;
	run_ticks(loop);
	/* With libev the library looks at its own timers only when something happens. */
	lws_cancel_service(loop->context);
}

static void on_prepare(struct ev_loop *ev, ev_prepare *prepare, int events)
{
	struct loop *loop = prepare->data;
	(void)events;
	loop_run_posted(loop);
	for (struct loop_before_wait *h = loop->hooks; h; h = loop->next_hook) {
		loop->next_hook = h->next;
		h->run(h);
	}
	loop->next_hook = NULL;
	if (atomic_load(&loop->stop))
		ev_break(ev, EVBREAK_ALL);
}

static void on_signal(struct ev_loop *ev, ev_signal *watcher, int events)
{
	struct loop *loop = watcher->data;
	(void)ev;
	(void)events;
	if (loop->on_signal)
		loop->on_signal(loop->signal_context, watcher->signum);
}

static void ignore_sigpipe(void)
{
	struct sigaction action = {.sa_handler = SIG_IGN};
	CHECK(sigaction(SIGPIPE, &action, NULL) == 0);
}

enum err loop_open(const struct loop_options *options, struct loop **out)
{
	struct loop *loop = calloc(1, sizeof *loop);
	if (!loop)
		return ERR_NOMEM;
	if (pthread_mutex_init(&loop->lock, NULL) != 0) {
		free(loop);
		return ERR_NOMEM;
	}
	ignore_sigpipe();
	loop->ev = ev_loop_new(EVFLAG_NOENV | EVBACKEND_EPOLL);
	if (loop->ev)
		loop->context = make_context(loop, options);
	if (!loop->context) {
		log_error("The event loop cannot be made: memory is short, or the package "
			  "libwebsockets-evlib-ev is missing");
		loop_close(loop);
		return ERR_NOMEM;
	}
	ev_timer_init(&loop->tick, on_tick, LIMIT_TICK_MS / 1000.0, LIMIT_TICK_MS / 1000.0);
	loop->tick.data = loop;
	ev_timer_start(loop->ev, &loop->tick);
	ev_prepare_init(&loop->prepare, on_prepare);
	loop->prepare.data = loop;
	ev_prepare_start(loop->ev, &loop->prepare);
	*out = loop;
	return ERR_OK;
}

void loop_close(struct loop *loop)
{
	if (!loop)
		return;
	if (loop->context) {
		ev_timer_stop(loop->ev, &loop->tick);
		ev_prepare_stop(loop->ev, &loop->prepare);
		lws_context_destroy(loop->context);
	}
	if (loop->ev)
		ev_loop_destroy(loop->ev);
	(void)pthread_mutex_destroy(&loop->lock);
	free(loop);
}

struct lws_context *loop_context(struct loop *loop)
{
	return loop->context;
}

void loop_run(struct loop *loop, void (*handler)(void *context, int signal), void *context)
{
	static const int numbers[SIGNALS] = {SIGTERM, SIGINT, SIGHUP};
	loop->on_signal = handler;
	loop->signal_context = context;
	for (size_t i = 0; i < SIGNALS; i++) {
		ev_signal_init(&loop->signals[i], on_signal, numbers[i]);
		loop->signals[i].data = loop;
		ev_signal_start(loop->ev, &loop->signals[i]);
	}
	(void)ev_run(loop->ev, 0);
	/*
	 * Stopping a watcher brings the default action back, and a second SIGTERM must not cut short what the
	 * first one asked for. All other threads block every signal already.
	 */
	sigset_t handled;
	(void)sigemptyset(&handled);
	for (size_t i = 0; i < SIGNALS; i++)
		(void)sigaddset(&handled, numbers[i]);
	(void)pthread_sigmask(SIG_BLOCK, &handled, NULL);
	for (size_t i = 0; i < SIGNALS; i++)
		ev_signal_stop(loop->ev, &loop->signals[i]);
}

void loop_stop(struct loop *loop)
{
	atomic_store(&loop->stop, true);
	lws_cancel_service(loop->context);
}

void loop_post(struct loop *loop, struct loop_item *item)
{
	item->next = NULL;
	CHECK(pthread_mutex_lock(&loop->lock) == 0);
	bool first = !loop->posted;
	if (first)
		loop->posted = item;
	else
		loop->posted_last->next = item;
	loop->posted_last = item;
	CHECK(pthread_mutex_unlock(&loop->lock) == 0);
	/* Whoever found the list empty wakes the loop; the rest is found by it. */
	if (first)
		lws_cancel_service(loop->context);
}

void loop_run_posted(struct loop *loop)
{
	CHECK(pthread_mutex_lock(&loop->lock) == 0);
	struct loop_item *item = loop->posted;
	loop->posted = NULL;
	loop->posted_last = NULL;
	CHECK(pthread_mutex_unlock(&loop->lock) == 0);
	while (item) {
		struct loop_item *next = item->next;
		item->run(item);
		item = next;
	}
}

void loop_every_tick(struct loop *loop, struct loop_tick *tick)
{
	tick->next = loop->ticks;
	loop->ticks = tick;
}

void loop_no_tick(struct loop *loop, struct loop_tick *tick)
{
	struct loop_tick **at = &loop->ticks;
	while (*at && *at != tick)
		at = &(*at)->next;
	if (*at)
		*at = tick->next;
	if (loop->next_tick == tick)
		loop->next_tick = tick->next;
}

void loop_before_wait(struct loop *loop, struct loop_before_wait *hook)
{
	hook->next = loop->hooks;
	loop->hooks = hook;
}

void loop_not_before_wait(struct loop *loop, struct loop_before_wait *hook)
{
	struct loop_before_wait **at = &loop->hooks;
	while (*at && *at != hook)
		at = &(*at)->next;
	if (*at)
		*at = hook->next;
	if (loop->next_hook == hook)
		loop->next_hook = hook->next;
}

static void on_ready(struct ev_loop *ev, ev_io *io, int events)
{
	struct loop_watch *watch = io->data;
	(void)ev;
	(void)events;
	watch->run(watch->context);
}

struct loop_watch *loop_watch(
	struct loop *loop, int fd, enum loop_interest interest, void (*run)(void *context), void *context)
{
	struct loop_watch *watch = calloc(1, sizeof *watch);
	if (!watch)
		return NULL;
	watch->ev = loop->ev;
	watch->run = run;
	watch->context = context;
	ev_io_init(&watch->io, on_ready, fd, interest == LOOP_READABLE ? EV_READ : EV_WRITE);
	watch->io.data = watch;
	ev_io_start(loop->ev, &watch->io);
	return watch;
}

void loop_watch_pause(struct loop_watch *watch, bool pause)
{
	if (pause)
		ev_io_stop(watch->ev, &watch->io);
	else
		ev_io_start(watch->ev, &watch->io);
}

void loop_watch_forget(struct loop_watch *watch)
{
	if (!watch)
		return;
	ev_io_stop(watch->ev, &watch->io);
	free(watch);
}
