/* The Prometheus text: well-formed line by line, and each number in its own place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/backups.h"
#include "daemon/health.h"
#include "daemon/http.h"
#include "daemon/live.h"
#include "daemon/metrics.h"
#include "sync/base/check.h"

/* In the place of those that count. */
struct http_stats __wrap_http_stats(const struct http *http);
struct live_stats __wrap_live_stats(const struct lives *lives);
struct writer_stats __wrap_writer_stats(struct writer *w);
unsigned __wrap_workers_busy(struct workers *w, enum lane lane);

struct http_stats __wrap_http_stats(const struct http *http)
{
	(void)http;
	return (struct http_stats){.replies = {0, 0, 102, 103, 104, UINT64_MAX},
		.accepted = 106,
		.refused = 107,
		.cut = 108,
		.bad_framing = 109,
		.rate_limited = 110,
		.open = 111,
		.pending = 112};
}

struct live_stats __wrap_live_stats(const struct lives *lives)
{
	(void)lives;
	return (struct live_stats){.open = 201,
		.opened = 202,
		.frames_in = 203,
		.frames_out = 204,
		.acks = 205,
		.items = 206,
		.errors = 207,
		.slowed = 208,
		.cut = 209};
}

struct writer_stats __wrap_writer_stats(struct writer *w)
{
	(void)w;
	return (struct writer_stats){.commits = 113, .jobs = 114, .queued = 115, .disk_full = true};
}

unsigned __wrap_workers_busy(struct workers *w, enum lane lane)
{
	(void)w;
	return 120 + (unsigned)lane;
}

struct backups_state __wrap_backups_state(const struct backups *b);
struct health_numbers __wrap_health_numbers(const struct health *h);
unsigned __wrap_health_look(struct app *app);

struct backups_state __wrap_backups_state(const struct backups *b)
{
	(void)b;
	return (struct backups_state){
		.newest_ms = 1771000000999, .age_ms = 301999, .made = 302, .failures = 303, .failing = 304};
}

struct health_numbers __wrap_health_numbers(const struct health *h)
{
	(void)h;
	return (struct health_numbers){
		.free_bytes = UINT64_MAX, .database_bytes = 306, .clock_offset_ms = 307000};
}

unsigned __wrap_health_look(struct app *app)
{
	(void)app;
	return 1u << HEALTH_DISK_FULL | 1u << HEALTH_CLOCK;
}

static struct buf out;

static int setup(void **state)
{
	static struct app app;
	(void)state;
	out = buf_make(65536);
	app.started = loop_now();
	app.started.mono_ms -= 90500;
	metrics_write(&app, &out);
	assert_true(buf_ok(&out));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_free(&out);
	return 0;
}

static void every_number_is_where_it_belongs(void **state)
{
	static const char *const lines[] = {"\ntsuzuki_build_info{version=\"" TSUZUKI_VERSION "\"} 1\n",
		"\ntsuzuki_http_replies_total{class=\"2xx\"} 102\n",
		"\ntsuzuki_http_replies_total{class=\"3xx\"} 103\n",
		"\ntsuzuki_http_replies_total{class=\"4xx\"} 104\n",
		"\ntsuzuki_http_replies_total{class=\"5xx\"} 18446744073709551615\n",
		"\ntsuzuki_http_connections_total 106\n", "\ntsuzuki_http_connections_refused_total 107\n",
		"\ntsuzuki_http_connections_cut_total 108\n", "\ntsuzuki_http_bad_framing_total 109\n",
		"\ntsuzuki_http_rate_limited_total 110\n", "\ntsuzuki_http_connections 111\n",
		"\ntsuzuki_http_requests_pending 112\n", "\ntsuzuki_store_commits_total 113\n",
		"\ntsuzuki_store_jobs_total 114\n", "\ntsuzuki_store_queue_ops 115\n",
		"\ntsuzuki_store_disk_full 1\n", "\ntsuzuki_live_connections 201\n",
		"\ntsuzuki_live_connections_total 202\n", "\ntsuzuki_live_frames_received_total 203\n",
		"\ntsuzuki_live_frames_sent_total 204\n", "\ntsuzuki_live_acks_total 205\n",
		"\ntsuzuki_live_items_total 206\n", "\ntsuzuki_live_errors_total 207\n",
		"\ntsuzuki_live_slowed_total 208\n", "\ntsuzuki_live_cut_total 209\n",
		"\ntsuzuki_worker_tasks{lane=\"hash\"} 120\n", "\ntsuzuki_worker_tasks{lane=\"read\"} 121\n",
		"\ntsuzuki_worker_tasks{lane=\"mail\"} 122\n",
		"\ntsuzuki_worker_tasks{lane=\"backup\"} 123\n", "\ntsuzuki_backup_age_seconds 301\n",
		"\ntsuzuki_backup_last_verified_timestamp_seconds 1771000000\n",
		"\ntsuzuki_backups_total 302\n", "\ntsuzuki_backup_failures_total 303\n",
		"\ntsuzuki_backup_failing 304\n", "\ntsuzuki_free_bytes 18446744073709551615\n",
		"\ntsuzuki_database_bytes 306\n", "\ntsuzuki_clock_offset_seconds 307\n",
		"\ntsuzuki_ready 0\n", "\ntsuzuki_health_trouble{reason=\"disk_full\"} 1\n",
		"\ntsuzuki_health_trouble{reason=\"clock_offset\"} 1\n",
		"\ntsuzuki_health_trouble{reason=\"busy\"} 0\n"};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(lines); i++)
		if (!strstr(out.ptr, lines[i]))
			fail_msg("%s is not in %s", lines[i], out.ptr);
	int64_t uptime = 0;
	const char *at = strstr(out.ptr, "\ntsuzuki_uptime_seconds ");
	assert_non_null(at);
	assert_int_equal(sscanf(at, "\ntsuzuki_uptime_seconds %ld", &uptime), 1);
	assert_in_range(uptime, 90, 5 * 90);
	at = strstr(out.ptr, "\ntsuzuki_resident_memory_bytes ");
	assert_non_null(at);
	assert_int_equal(sscanf(at, "\ntsuzuki_resident_memory_bytes %ld", &uptime), 1);
	assert_in_range(uptime, 1000000, INT64_MAX);
}

/* # HELP name text, # TYPE name kind, then samples of that name; each name once. */
static void every_sample_has_its_help_and_type(void **state)
{
	struct str rest = buf_str(&out);
	struct str name = STR("");
	size_t samples = 0;
	(void)state;
	assert_int_equal(out.ptr[out.len - 1], '\n');
	while (rest.len) {
		struct str line = str_cut(&rest, '\n');
		if (str_starts(line, STR("# HELP "))) {
			line.ptr += 7;
			line.len -= 7;
			name = str_cut(&line, ' ');
			assert_true(line.len > 0);
			line = str_cut(&rest, '\n');
			assert_true(str_starts(line, STR("# TYPE ")));
			line.ptr += 7;
			line.len -= 7;
			assert_true(str_eq(str_cut(&line, ' '), name));
			bool total = name.len > 6 && memcmp(name.ptr + name.len - 6, "_total", 6) == 0;
			assert_true(str_eq(line, total ? STR("counter") : STR("gauge")));
			continue;
		}
		assert_true(str_starts(line, name));
		assert_true(line.ptr[name.len] == ' ' || line.ptr[name.len] == '{');
		samples++;
	}
	assert_true(samples >= 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_number_is_where_it_belongs, setup, teardown),
		cmocka_unit_test_setup_teardown(every_sample_has_its_help_and_type, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
