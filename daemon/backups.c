#include "daemon/backups.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#include "daemon/app.h"
#include "daemon/limits.h"
#include "daemon/log.h"
#include "sync/backup.h"

enum { TEXT_MAX = 8192 };

struct backups {
	struct app *app;
	struct loop_tick tick;
	struct task task;
	bool running; /* the task is a worker's */
	atomic_bool stop;
	/* What the task works with; the loop leaves it alone while it runs. */
	const char *dir; /* of the start's settings, which stay */
	unsigned keep;
	int64_t now_ms;
	struct buf path;
	struct buf why;
	unsigned removed;
	enum err err;
	/* Whoever waits for it. */
	void (*done)(void *context, enum err err, const char *text);
	void *context;
	/* The loop's. */
	int64_t newest_wall_ms;
	int64_t newest_mono_ms; /* of one that this process made; 0: none */
	int64_t tried_mono_ms;
	uint64_t made;
	uint64_t failures;
	unsigned failing;
};

/* --- when --- */

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* -1: there is none, or its time lies ahead of a clock that was set back. */
static int64_t age(const struct backups *b, struct now now)
{
	int64_t ms = b->newest_mono_ms ? now.mono_ms - b->newest_mono_ms : now.wall_ms - b->newest_wall_ms;
	return b->newest_wall_ms && ms >= 0 ? ms : -1;
}

static bool is_due(const struct backups *b, struct now now)
{
	int64_t every = b->app->config.backup_every_ms;
	int64_t up = now.mono_ms - b->app->started.mono_ms;
	int64_t old = age(b, now);
	if (every == 0 || b->running)
		return false;
	if (b->failing) {
		unsigned doublings = b->failing < 8 ? b->failing - 1 : 7;
		int64_t pause =
			least((int64_t)LIMIT_BACKUP_AGAIN_MS << doublings, LIMIT_BACKUP_AGAIN_MOST_MS);
		return now.mono_ms - b->tried_mono_ms >= least(pause, every);
	}
	/* A start is no time to read everything: what it has to do comes first. */
	if (old < 0)
		return up >= least(every, LIMIT_BACKUP_FIRST_MS);
	return old >= every && up >= least(every, LIMIT_BACKUP_START_MS);
}

/* --- making --- */

static bool is_stopping(void *context)
{
	struct backups *b = context;
	return atomic_load(&b->stop);
}

/* Worker. */
static void run_backup(struct task *task)
{
	struct backups *b = (struct backups *)((char *)task - offsetof(struct backups, task));
	struct backup_how how = {.dir = b->dir,
		.prefix = BACKUP_PREFIX,
		.now_ms = b->now_ms,
		.stop = is_stopping,
		.context = b};
	b->removed = 0;
	b->err = backup_make(&how, &b->path, &b->why);
	if (!b->err && backup_prune(b->dir, b->keep, b->path.ptr, &b->removed))
		log_warn("old backups in %s/backups could not be removed", b->dir);
}

static void note(struct backups *b)
{
	struct now now = loop_now();
	b->tried_mono_ms = now.mono_ms;
	if (!b->err) {
		b->failing = 0;
		b->made++;
		b->newest_wall_ms = b->now_ms;
		b->newest_mono_ms = now.mono_ms;
		log_info("backup made and verified: %s (%u old ones removed)", b->path.ptr, b->removed);
	} else if (b->err != ERR_EXPIRED) {
		b->failing++;
		b->failures++;
		log_error("%s It is tried again.", b->why.ptr ? b->why.ptr : err_name(b->err));
	}
}

static void on_made(struct task *task)
{
	struct backups *b = (struct backups *)((char *)task - offsetof(struct backups, task));
	void (*done)(void *, enum err, const char *) = b->done;
	const char *why = b->err == ERR_EXPIRED ? "The daemon is stopping, so no backup was made."
			  : b->why.ptr		? b->why.ptr
						: err_name(b->err);
	b->running = false;
	b->done = NULL;
	note(b);
	if (done)
		done(b->context, b->err, b->err ? why : b->path.ptr);
}

/* workers_close(): it never ran. */
static void on_dropped(struct task *task)
{
	struct backups *b = (struct backups *)((char *)task - offsetof(struct backups, task));
	b->running = false;
	if (b->done)
		b->done(b->context, ERR_EXPIRED, "The daemon is stopping, so no backup was made.");
	b->done = NULL;
}

static bool start(struct backups *b)
{
	if (b->running || atomic_load(&b->stop))
		return false;
	b->now_ms = loop_now().wall_ms;
	b->keep = b->app->config.backup_keep;
	buf_clear(&b->path);
	buf_clear(&b->why);
	b->running = workers_submit(b->app->workers, LANE_BACKUP, &b->task);
	return b->running;
}

bool backups_now(
	struct backups *b, void (*done)(void *context, enum err err, const char *text), void *context)
{
	if (!start(b))
		return false;
	b->done = done;
	b->context = context;
	return true;
}

static void on_tick(struct loop_tick *tick, int64_t mono_ms)
{
	struct backups *b = (struct backups *)((char *)tick - offsetof(struct backups, tick));
	(void)mono_ms;
	if (is_due(b, loop_now()))
		(void)start(b);
}

/* --- life --- */

enum err backups_open(struct app *app, struct backups **out)
{
	char name[BACKUP_NAME_SIZE];
	struct backups *b = calloc(1, sizeof *b);
	if (!b)
		return ERR_NOMEM;
	b->app = app;
	b->dir = app->config.data_dir;
	b->path = buf_make(TEXT_MAX);
	b->why = buf_make(TEXT_MAX);
	b->task.run = run_backup;
	b->task.done = on_made;
	b->task.drop = on_dropped;
	enum err err = backup_newest(b->dir, name, &b->newest_wall_ms);
	if (err && err != ERR_NOT_FOUND)
		log_warn("%s/backups cannot be read", b->dir);
	b->tick.run = on_tick;
	loop_every_tick(app->loop, &b->tick);
	*out = b;
	return ERR_OK;
}

void backups_stop(struct backups *b)
{
	if (b)
		atomic_store(&b->stop, true);
}

void backups_close(struct backups *b)
{
	if (!b)
		return;
	loop_no_tick(b->app->loop, &b->tick);
	buf_free(&b->path);
	buf_free(&b->why);
	free(b);
}

struct backups_state backups_state(const struct backups *b)
{
	struct backups_state state = {.why = ""};
	struct now now = loop_now();
	if (!b)
		return state;
	int64_t every = b->app->config.backup_every_ms;
	int64_t old = age(b, now);
	int64_t up = now.mono_ms - b->app->started.mono_ms;
	state.newest_ms = b->newest_wall_ms;
	state.age_ms = old > 0 ? old : 0;
	state.made = b->made;
	state.failures = b->failures;
	state.failing = b->failing;
	/* After a long time off there has been no occasion yet. */
	state.overdue = every && up > 2 * every && (old < 0 || old > 2 * every);
	/* While a task runs the text is a worker's. */
	if (b->failing)
		state.why = b->running || !b->why.ptr ? "It is tried again." : b->why.ptr;
	return state;
}
