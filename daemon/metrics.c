#include "daemon/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "daemon/backups.h"
#include "daemon/health.h"
#include "daemon/http.h"
#include "daemon/live.h"

static void number(struct buf *out, const char *name, const char *type, const char *help, uint64_t value)
{
	buf_fmt(out, "# HELP tsuzuki_%s %s\n# TYPE tsuzuki_%s %s\ntsuzuki_%s %" PRIu64 "\n", name, help, name,
		type, name, value);
}

/* Resident memory, from the kernel's second word of statm; 0 where there is none. */
static uint64_t resident_bytes(void)
{
	char line[128] = "";
	int64_t pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");
	if (!file)
		return 0;
	size_t len = fread(line, 1, sizeof line - 1, file);
	(void)fclose(file);
	struct str rest = {line, len};
	(void)str_cut(&rest, ' ');
	(void)str_int(str_cut(&rest, ' '), 0, INT64_MAX / 65536, &pages);
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void write_http(const struct http_stats *s, struct buf *out)
{
	buf_text(out, "# HELP tsuzuki_http_replies_total Replies by class of status.\n"
		      "# TYPE tsuzuki_http_replies_total counter\n");
	for (int class = 2; class <= 5; class ++)
		buf_fmt(out, "tsuzuki_http_replies_total{class=\"%dxx\"} %" PRIu64 "\n", class,
			s->replies[class]);
	number(out, "http_connections", "gauge", "Open connections.", s->open);
	number(out, "http_requests_pending", "gauge", "Requests not answered yet.", s->pending);
	number(out, "http_connections_total", "counter", "Connections accepted.", s->accepted);
	number(out, "http_connections_refused_total", "counter", "Connections over a bound.", s->refused);
	number(out, "http_connections_cut_total", "counter", "Connections that missed a deadline.", s->cut);
	number(out, "http_bad_framing_total", "counter", "Requests with bad framing.", s->bad_framing);
	number(out, "http_rate_limited_total", "counter", "Replies with 429.", s->rate_limited);
}

static void write_live(const struct live_stats *s, struct buf *out)
{
	number(out, "live_connections", "gauge", "Open live connections.", s->open);
	number(out, "live_connections_total", "counter", "Live connections opened.", s->opened);
	number(out, "live_frames_received_total", "counter", "Whole frames that came.", s->frames_in);
	number(out, "live_frames_sent_total", "counter", "Frames that went.", s->frames_out);
	number(out, "live_acks_total", "counter", "Progress acknowledged.", s->acks);
	number(out, "live_items_total", "counter", "Frames of changes.", s->items);
	number(out, "live_errors_total", "counter", "Frames that were refused.", s->errors);
	number(out, "live_slowed_total", "counter", "Times that a connection was over its rate.", s->slowed);
	number(out, "live_cut_total", "counter", "Live connections that missed a deadline.", s->cut);
}

static void write_backups(const struct backups_state *s, struct buf *out)
{
	number(out, "backups_total", "counter", "Backups made and verified.", s->made);
	number(out, "backup_failures_total", "counter", "Backups that failed.", s->failures);
	number(out, "backup_failing", "gauge", "Tries in a row that failed.", s->failing);
	/* None is no time: a rule on its age must not see one of 1970. */
	if (s->newest_ms == 0)
		return;
	number(out, "backup_last_verified_timestamp_seconds", "gauge",
		"When the newest verified backup was made.", (uint64_t)s->newest_ms / 1000);
	number(out, "backup_age_seconds", "gauge", "Age of the newest verified backup.",
		(uint64_t)s->age_ms / 1000);
}

static void write_health(struct app *app, struct buf *out)
{
	struct health_numbers numbers = health_numbers(app->health);
	unsigned found = health_look(app);
	number(out, "free_bytes", "gauge", "Free space where the data folder is.", numbers.free_bytes);
	number(out, "database_bytes", "gauge", "Size of the database with its log.", numbers.database_bytes);
	buf_fmt(out,
		"# HELP tsuzuki_clock_offset_seconds What the stamp clock adds to the machine's.\n"
		"# TYPE tsuzuki_clock_offset_seconds gauge\ntsuzuki_clock_offset_seconds %" PRId64 "\n",
		numbers.clock_offset_ms / 1000);
	number(out, "ready", "gauge", "1 while writes are taken.", health_takes_writes(found));
	buf_text(out, "# HELP tsuzuki_health_trouble 1 while something is wrong.\n"
		      "# TYPE tsuzuki_health_trouble gauge\n");
	for (unsigned i = 0; i < HEALTH_TROUBLES; i++)
		buf_fmt(out, "tsuzuki_health_trouble{reason=\"%s\"} %u\n",
			health_word((enum health_trouble)i), found >> i & 1);
}

void metrics_write(struct app *app, struct buf *out)
{
	static const char *const lanes[LANE_COUNT] = {"hash", "read", "mail", "backup"};
	struct http_stats http = http_stats(app->http);
	struct writer_stats store = writer_stats(app->writer);
	struct now now = loop_now();
	buf_fmt(out,
		"# HELP tsuzuki_build_info The version that runs.\n# TYPE tsuzuki_build_info gauge\n"
		"tsuzuki_build_info{version=\"%s\"} 1\n",
		TSUZUKI_VERSION);
	number(out, "uptime_seconds", "gauge", "Seconds since the start.",
		(uint64_t)(now.mono_ms - app->started.mono_ms) / 1000);
	number(out, "resident_memory_bytes", "gauge", "Resident memory.", resident_bytes());
	write_http(&http, out);
	struct live_stats live = live_stats(app->live);
	write_live(&live, out);
	number(out, "store_commits_total", "counter", "Transactions committed or failed.", store.commits);
	number(out, "store_jobs_total", "counter", "Jobs run.", store.jobs);
	number(out, "store_queue_ops", "gauge", "Ops waiting for the store.", store.queued);
	number(out, "store_disk_full", "gauge", "1 while the disk is full.", store.disk_full);
	buf_text(out,
		"# HELP tsuzuki_worker_tasks Tasks waiting or running.\n# TYPE tsuzuki_worker_tasks gauge\n");
	for (int lane = 0; lane < LANE_COUNT; lane++)
		buf_fmt(out, "tsuzuki_worker_tasks{lane=\"%s\"} %u\n", lanes[lane],
			workers_busy(app->workers, (enum lane)lane));
	struct backups_state backups = backups_state(app->backups);
	write_backups(&backups, out);
	write_health(app, out);
}
