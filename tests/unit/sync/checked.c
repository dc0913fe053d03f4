#include "tests/unit/sync/checked.h"

#include <stdio.h>
#include <string.h>

#include <sqlite3.h>

static void on_found(void *context, const struct finding *finding)
{
	struct checked *c = context;
	c->count++;
	c->kinds[finding->kind]++;
	buf_fmt(&c->text, "%s: %s\n", finding_names[finding->kind], finding->text);
}

struct checked checked_verify_dir(const char *dir)
{
	struct checked c = {.text = buf_make((size_t)4 << 20)};
	struct reader *reader = NULL;
	buf_text(&c.text, "");
	assert_int_equal(reader_open(dir, &reader), ERR_OK);
	assert_int_equal(verify_run(reader, on_found, &c, &c.counts), ERR_OK);
	assert_int_equal(c.counts.findings, (int64_t)c.count);
	reader_close(reader);
	return c;
}

struct checked checked_verify(struct fixture *f)
{
	return checked_verify_dir(f->dir);
}

struct checked checked_repair(struct fixture *f)
{
	struct checked c = {.text = buf_make((size_t)4 << 20)};
	struct repair *repair = repair_make();
	assert_non_null(repair);
	repair->found = on_found;
	repair->context = &c;
	fixture_run(f, &repair->job);
	c.counts = repair->counts;
	job_free(&repair->job);
	return c;
}

void checked_free(struct checked *c)
{
	buf_free(&c->text);
}

void checked_sql(struct fixture *f, const char *sql)
{
	char path[128];
	char *why = NULL;
	sqlite3 *db = NULL;
	reader_close(f->reader);
	store_close(f->store);
	f->reader = NULL;
	f->store = NULL;
	(void)snprintf(path, sizeof path, "%s/tsuzuki.db", f->dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", sql, why);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	fixture_restart(f);
}

void checked_agrees(struct fixture *f)
{
	struct checked c = checked_verify(f);
	if (c.count)
		fail_msg("%zu findings:\n%s", c.count, c.text.ptr);
	checked_free(&c);
}

bool checked_slices(struct fixture *f, int most)
{
	bool more = true;
	while (most-- > 0 && more)
		more = store_slice(f->store, f->now);
	return more;
}

static void run(struct fixture *f, struct op op)
{
	(void)fixture_op(f, &op);
	fixture_pass(f, 1000);
}

static struct op progress_of(struct fixture *f, const char *key, enum event event, const char *session,
	int64_t episode, double time)
{
	struct op op = test_progress(f, event, session, episode, time);
	op.key = str_from(key);
	return op;
}

static struct op rated(struct fixture *f, const char *key, const char *status, int64_t rating)
{
	struct op op = test_watchlist(f, key, status);
	op.values[REG_RATING].f[0] = (struct field){.i = rating};
	op.values[REG_NOTES].f[0].s = STR("line one\nline \"two\"");
	return op;
}

void checked_populate(struct fixture *f)
{
	struct op op;
	run(f, rated(f, "old", "dropped", 2));
	run(f, op_make(OP_CLEAR, COLLECTION_WATCHLIST, STR(""), f->device));
	run(f, rated(f, "bebop", "completed", 10));
	run(f, rated(f, "naruto", "watching", 6));
	run(f, rated(f, "gone", "on_hold", 3));
	run(f, op_make(OP_DELETE, COLLECTION_WATCHLIST, STR("gone"), f->device));
	run(f, rated(f, "back", "on_hold", 4));
	run(f, op_make(OP_DELETE, COLLECTION_WATCHLIST, STR("back"), f->device));
	op = op_make(OP_SET, COLLECTION_WATCHLIST, STR("back"), f->device);
	op.present = 1u << REG_RATING;
	op.values[REG_RATING].f[0].i = 5;
	run(f, op);
	op.key = STR("naruto");
	op.values[REG_RATING].f[0].i = 7;
	run(f, op);
	for (int i = 0; i < 20; i++)
		run(f, progress_of(f, "bebop", EVENT_HEARTBEAT, "tv", 1, i));
	fixture_pass(f, 60000);
	for (int i = 0; i < 3; i++) {
		op = progress_of(f, "bebop", EVENT_HEARTBEAT, "phone", 1, 900 + i);
		op.device = test_device(2);
		run(f, op);
	}
	fixture_pass(f, 20 * 60000);
	run(f, progress_of(f, "bebop", EVENT_HEARTBEAT, "tv", 1, 19));
	run(f, progress_of(f, "bebop", EVENT_OPEN, "tv", 2, 0));
	run(f, progress_of(f, "naruto", EVENT_MANUAL, "", 5, 300.25));
	run(f, progress_of(f, "gone", EVENT_MANUAL, "", 5, 300));
	run(f, op_make(OP_DELETE, COLLECTION_PROGRESS, STR("gone"), f->device));
	for (int i = 0; i < 3; i++)
		run(f, progress_of(f, "runs", EVENT_HEARTBEAT, "tv", 3, i * 10));
	(void)fixture_register(f, "second");
	while (checked_slices(f, 100))
		;
}
