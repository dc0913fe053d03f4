/* When backups are made: the first one, the overdue one, after failures, after a clock was set back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/app.h"
#include "daemon/backups.h"
#include "daemon/limits.h"
#include "sync/backup.h"

enum { HOUR = 3600000, DAY = 24 * HOUR, WALL = 1771000000 };

/* The clocks, the loop, the worker and the disk are the test's. */
static struct now now;
static struct loop_tick *tick;
static struct task *submitted;
static enum err fails_with;
static int64_t newest_on_disk; /* 0: none */

struct now __wrap_loop_now(void);
void __wrap_loop_every_tick(struct loop *loop, struct loop_tick *t);
void __wrap_loop_no_tick(struct loop *loop, struct loop_tick *t);
bool __wrap_workers_submit(struct workers *w, enum lane lane, struct task *task);
enum err __wrap_backup_newest(const char *dir, char name[BACKUP_NAME_SIZE], int64_t *made_ms);
enum err __wrap_backup_make(const struct backup_how *how, struct buf *path, struct buf *why);
enum err __wrap_backup_prune(const char *dir, unsigned keep, const char *made, unsigned *removed);

struct now __wrap_loop_now(void)
{
	return now;
}

void __wrap_loop_every_tick(struct loop *loop, struct loop_tick *t)
{
	(void)loop;
	tick = t;
}

void __wrap_loop_no_tick(struct loop *loop, struct loop_tick *t)
{
	(void)loop;
	assert_ptr_equal(t, tick);
	tick = NULL;
}

bool __wrap_workers_submit(struct workers *w, enum lane lane, struct task *task)
{
	(void)w;
	assert_int_equal(lane, LANE_BACKUP);
	assert_null(submitted);
	submitted = task;
	return true;
}

enum err __wrap_backup_newest(const char *dir, char name[BACKUP_NAME_SIZE], int64_t *made_ms)
{
	(void)dir;
	(void)name;
	if (!newest_on_disk)
		return ERR_NOT_FOUND;
	*made_ms = newest_on_disk;
	return ERR_OK;
}

enum err __wrap_backup_make(const struct backup_how *how, struct buf *path, struct buf *why)
{
	if (how->stop(how->context))
		return ERR_EXPIRED;
	buf_text(path, "/backups/one.db");
	if (fails_with)
		buf_text(why, "No space.");
	return fails_with;
}

enum err __wrap_backup_prune(const char *dir, unsigned keep, const char *made, unsigned *removed)
{
	(void)dir;
	assert_int_equal(keep, 7);
	assert_string_equal(made, "/backups/one.db");
	*removed = 0;
	return ERR_OK;
}

static struct app app;

static struct backups *open_with(int64_t every_ms)
{
	struct backups *b = NULL;
	now = (struct now){.wall_ms = (int64_t)WALL * 1000, .mono_ms = 5000};
	app = (struct app){.started = now};
	app.config.data_dir = "/data";
	app.config.backup_every_ms = every_ms;
	app.config.backup_keep = 7;
	fails_with = ERR_OK;
	submitted = NULL;
	assert_int_equal(backups_open(&app, &b), ERR_OK);
	return b;
}

static void pass(int64_t ms)
{
	now.wall_ms += ms;
	now.mono_ms += ms;
}

/* Whether a backup is begun `ms` from now, and not one tick earlier. It is run to its end. */
static void assert_due_in(int64_t ms)
{
	pass(ms - LIMIT_TICK_MS);
	tick->run(tick, now.mono_ms);
	assert_null(submitted);
	pass(LIMIT_TICK_MS);
	tick->run(tick, now.mono_ms);
	assert_non_null(submitted);
	struct task *task = submitted;
	task->run(task);
	submitted = NULL;
	task->done(task);
}

static void the_first_one_there_ever_was(void **state)
{
	(void)state;
	newest_on_disk = 0;
	struct backups *b = open_with(DAY);
	assert_int_equal(backups_state(b).newest_ms, 0);
	assert_due_in(LIMIT_BACKUP_FIRST_MS);
	assert_int_equal(backups_state(b).newest_ms, now.wall_ms);
	assert_due_in(DAY);
	assert_int_equal(backups_state(b).made, 2);
	backups_close(b);
}

static void one_that_is_overdue_waits_for_the_start_to_be_over(void **state)
{
	(void)state;
	newest_on_disk = (int64_t)WALL * 1000 - 3 * (int64_t)DAY;
	struct backups *b = open_with(DAY);
	assert_false(backups_state(b).overdue);
	assert_due_in(LIMIT_BACKUP_START_MS);
	backups_close(b);
}

static void a_young_one_is_waited_for(void **state)
{
	(void)state;
	newest_on_disk = (int64_t)WALL * 1000 - 10 * (int64_t)HOUR;
	struct backups *b = open_with(DAY);
	assert_int_equal(backups_state(b).age_ms, 10 * HOUR);
	assert_due_in(14 * (int64_t)HOUR);
	assert_int_equal(backups_state(b).age_ms, 0);
	/* A clock that was set back by a year delays nothing. */
	now.wall_ms -= 365 * (int64_t)DAY;
	assert_due_in(DAY);
	backups_close(b);
}

static void failures_are_tried_again_with_growing_pauses(void **state)
{
	(void)state;
	newest_on_disk = 0;
	struct backups *b = open_with(DAY);
	fails_with = ERR_DISK_FULL;
	assert_due_in(LIMIT_BACKUP_FIRST_MS);
	assert_int_equal(backups_state(b).failing, 1);
	assert_string_equal(backups_state(b).why, "No space.");
	int64_t pause = LIMIT_BACKUP_AGAIN_MS;
	for (int i = 0; i < 12; i++) {
		assert_due_in(pause);
		pause = 2 * pause < LIMIT_BACKUP_AGAIN_MOST_MS ? 2 * pause : LIMIT_BACKUP_AGAIN_MOST_MS;
	}
	assert_int_equal(backups_state(b).failures, 13);
	fails_with = ERR_OK;
	assert_due_in(pause);
	assert_int_equal(backups_state(b).failing, 0);
	assert_string_equal(backups_state(b).why, "");
	assert_due_in(DAY);
	backups_close(b);
}

static void it_is_overdue_when_two_were_missed(void **state)
{
	(void)state;
	newest_on_disk = 0;
	struct backups *b = open_with(HOUR);
	pass(2 * HOUR);
	assert_false(backups_state(b).overdue);
	pass(1);
	assert_true(backups_state(b).overdue);
	app.config.backup_every_ms = 0;
	assert_false(backups_state(b).overdue);
	tick->run(tick, now.mono_ms);
	assert_null(submitted);
	backups_close(b);
}

static enum err told;
static char told_text[64];

static void on_done(void *context, enum err err, const char *text)
{
	assert_ptr_equal(context, &told);
	told = err;
	(void)strncpy(told_text, text, sizeof told_text - 1);
}

static void on_demand_also_when_off_but_one_at_a_time(void **state)
{
	(void)state;
	newest_on_disk = 0;
	struct backups *b = open_with(0);
	assert_true(backups_now(b, on_done, &told));
	assert_false(backups_now(b, on_done, &told));
	told = ERR_COUNT;
	struct task *task = submitted;
	task->run(task);
	submitted = NULL;
	task->done(task);
	assert_int_equal(told, ERR_OK);
	assert_string_equal(told_text, "/backups/one.db");
	fails_with = ERR_IO;
	assert_true(backups_now(b, on_done, &told));
	task->run(task);
	submitted = NULL;
	task->done(task);
	assert_int_equal(told, ERR_IO);
	assert_string_equal(told_text, "No space.");
	backups_close(b);
}

static void stopping_gives_up_and_answers(void **state)
{
	(void)state;
	newest_on_disk = 0;
	struct backups *b = open_with(0);
	assert_true(backups_now(b, on_done, &told));
	backups_stop(b);
	struct task *task = submitted;
	task->run(task);
	submitted = NULL;
	task->done(task);
	assert_int_equal(told, ERR_EXPIRED);
	assert_int_equal(backups_state(b).failures, 0);
	assert_false(backups_now(b, on_done, &told));
	backups_close(b);
	b = open_with(0);
	assert_true(backups_now(b, on_done, &told));
	told = ERR_OK;
	submitted->drop(submitted);
	assert_int_equal(told, ERR_EXPIRED);
	backups_close(b);
	backups_stop(NULL);
	backups_close(NULL);
	assert_int_equal(backups_state(NULL).made, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_one_there_ever_was),
		cmocka_unit_test(one_that_is_overdue_waits_for_the_start_to_be_over),
		cmocka_unit_test(a_young_one_is_waited_for),
		cmocka_unit_test(failures_are_tried_again_with_growing_pauses),
		cmocka_unit_test(it_is_overdue_when_two_were_missed),
		cmocka_unit_test(on_demand_also_when_off_but_one_at_a_time),
		cmocka_unit_test(stopping_gives_up_and_answers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
