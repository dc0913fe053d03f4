#include "daemon/health.h"

#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "daemon/app.h"
#include "daemon/backups.h"
#include "daemon/limits.h"
#include "daemon/log.h"
#include "sync/manage.h"
#include "sync/query.h"

enum { SPACE_EVERY_MS = 1000, CLOCK_EVERY_MS = 600000, CLOCK_LASTING_MS = 60000 };
/* Below this, or when the database would not fit a second time (its next backup), space is low. */
enum { SPACE_LOW_BYTES = 64 * 1024 * 1024, SPACE_NONE_BYTES = 64 * 1024 };

static const struct {
	const char *word;
	const char *text;
} troubles[HEALTH_TROUBLES] = {
	[HEALTH_DISK_FAILED] = {"disk_failed", "The disk failed. Check it; the server stops itself."},
	[HEALTH_DISK_FULL] = {"disk_full", "The disk is full. Free some space; writes go on by themselves."},
	[HEALTH_BUSY] = {"busy", "The store is busy. Try again soon."},
	[HEALTH_UNREADABLE] = {"unreadable", "The database cannot be read. See the log."},
	[HEALTH_SPACE_LOW] = {"space_low", "There is little space left on the disk. Free some, or move the "
					   "data folder."},
	[HEALTH_BACKUP_FAILED] = {"backup_failed",
		"The last backup failed. See the log; it is tried again by "
		"itself, or by tsuzukid backup."},
	[HEALTH_BACKUP_OLD] = {"backup_old",
		"The newest backup is older than twice BACKUP_EVERY. Run tsuzukid "
		"backup and see the log."},
	[HEALTH_CLOCK] = {"clock_offset", "The clock of this machine was set back. Check it (timedatectl); "
					  "times are counted on from before meanwhile."},
};

struct health {
	struct app *app;
	struct loop_tick tick;
	struct health_numbers numbers;
	int64_t space_ms; /* when it was looked at, by the monotonic clock; 0: never */
	int64_t clock_ms;
	bool space_none;
	struct job *probe; /* under way: whether a write can be taken again */
	struct task task;
	bool looking;	  /* the task is a worker's */
	int64_t found_ms; /* what it found */
	enum err err;
	bool clock_told;
};

const char *health_word(enum health_trouble trouble)
{
	return troubles[trouble].word;
}

const char *health_text(enum health_trouble trouble)
{
	return troubles[trouble].text;
}

bool health_takes_writes(unsigned found)
{
	return (found & ((1u << HEALTH_SPACE_LOW) - 1)) == 0;
}

struct health_numbers health_numbers(const struct health *h)
{
	return h ? h->numbers : (struct health_numbers){0};
}

static bool space_is_low(const struct health *h)
{
	return h->space_ms &&
	       (h->numbers.free_bytes < SPACE_LOW_BYTES || h->numbers.free_bytes < h->numbers.database_bytes);
}

unsigned health_look(struct app *app)
{
	static const struct health nothing_known;
	const struct health *h = app->health ? app->health : &nothing_known;
	struct writer_stats store = writer_stats(app->writer);
	struct backups_state backups = backups_state(app->backups);
	const bool found[HEALTH_TROUBLES] = {
		[HEALTH_DISK_FAILED] = store.failed,
		[HEALTH_DISK_FULL] = store.disk_full || h->space_none,
		[HEALTH_BUSY] = store.queued >= LIMIT_QUEUE_OPS,
		[HEALTH_UNREADABLE] = query_alive(app->reader) != ERR_OK,
		[HEALTH_SPACE_LOW] = space_is_low(h),
		[HEALTH_BACKUP_FAILED] = backups.failing > 0,
		[HEALTH_BACKUP_OLD] = backups.overdue,
		[HEALTH_CLOCK] = h->numbers.clock_offset_ms >= CLOCK_LASTING_MS,
	};
	unsigned bits = 0;
	for (unsigned i = 0; i < HEALTH_TROUBLES; i++)
		bits |= found[i] ? 1u << i : 0;
	return bits;
}

/* --- space --- */

static uint64_t size_of(const char *dir, const char *name)
{
	struct buf path = buf_make(4096);
	struct stat st;
	buf_fmt(&path, "%s/%s", dir, name);
	bool known = buf_ok(&path) && stat(path.ptr, &st) == 0;
	buf_free(&path);
	return known ? (uint64_t)st.st_size : 0;
}

static void look_at_space(struct health *h)
{
	const char *dir = h->app->config.data_dir;
	struct statvfs fs;
	if (statvfs(dir, &fs) != 0)
		return;
	h->numbers.free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	h->numbers.database_bytes = size_of(dir, "tsuzuki.db") + size_of(dir, "tsuzuki.db-wal");
	h->space_none = h->numbers.free_bytes < SPACE_NONE_BYTES;
}

static void on_probed(struct job *job)
{
	struct health *h = job->context;
	h->probe = NULL;
	job_free(job);
}

/*
 * Whoever asks /health/ready sends nothing as long as it says no, so that no write would ever show that there
 * is space again: a small one of our own does.
 */
static void probe(struct health *h)
{
	if (h->probe || !writer_stats(h->app->writer).disk_full)
		return;
	struct job *job = manage_probe_make();
	if (!job)
		return;
	job->context = h;
	job->done = on_probed;
	h->probe = job;
	if (!writer_submit(h->app->writer, job)) {
		h->probe = NULL;
		job_free(job);
	}
}

/* --- clocks --- */

static void run_clocks(struct task *task)
{
	struct health *h = (struct health *)((char *)task - offsetof(struct health, task));
	h->err = manage_clock_offset(h->app->big_reader, &h->found_ms);
}

static void on_clocks(struct task *task)
{
	struct health *h = (struct health *)((char *)task - offsetof(struct health, task));
	h->looking = false;
	if (h->err)
		return;
	h->numbers.clock_offset_ms = h->found_ms;
	bool lasting = h->found_ms >= CLOCK_LASTING_MS;
	if (lasting && !h->clock_told)
		log_warn("the clock of this machine was set back by %lld s; times are counted on from before",
			(long long)h->found_ms / 1000);
	h->clock_told = lasting;
}

static void on_dropped(struct task *task)
{
	struct health *h = (struct health *)((char *)task - offsetof(struct health, task));
	h->looking = false;
}

static void on_tick(struct loop_tick *tick, int64_t mono_ms)
{
	struct health *h = (struct health *)((char *)tick - offsetof(struct health, tick));
	if (h->space_ms == 0 || mono_ms - h->space_ms >= SPACE_EVERY_MS) {
		h->space_ms = mono_ms;
		look_at_space(h);
		probe(h);
	}
	if (!h->looking && (h->clock_ms == 0 || mono_ms - h->clock_ms >= CLOCK_EVERY_MS)) {
		h->clock_ms = mono_ms;
		h->looking = workers_submit(h->app->workers, LANE_READ, &h->task);
	}
}

enum err health_open(struct app *app, struct health **out)
{
	struct health *h = calloc(1, sizeof *h);
	if (!h)
		return ERR_NOMEM;
	h->app = app;
	h->task.run = run_clocks;
	h->task.done = on_clocks;
	h->task.drop = on_dropped;
	h->tick.run = on_tick;
	loop_every_tick(app->loop, &h->tick);
	*out = h;
	return ERR_OK;
}

void health_close(struct health *h)
{
	if (!h)
		return;
	loop_no_tick(h->app->loop, &h->tick);
	free(h);
}
