#include "tests/fault/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fault/dump.h"
#include "tests/fault/folder.h"

enum { DUMP_BYTES = 4 << 20, REFERENCES_MAX = 512, RETRY_STEPS = 100 };

/* What the store shows after exactly these acts, played without a fault. */
struct reference {
	bool want[ACTS_MAX];
	char *text;
};

static struct reference references[REFERENCES_MAX];
static size_t reference_count;
static char reference_dir[DIR_MAX];

void check_setup(const char *dir)
{
	(void)snprintf(reference_dir, sizeof reference_dir, "%s", dir);
}

void check_teardown(void)
{
	while (reference_count > 0)
		free(references[--reference_count].text);
}

static sqlite3 *connect(const char *dir)
{
	char path[DIR_MAX + 16];
	sqlite3 *db = NULL;
	(void)snprintf(path, sizeof path, "%s/tsuzuki.db", dir);
	/* Never the last one: an open store is beside it. */
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
		sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL) != SQLITE_OK)
		abort();
	return db;
}

static char *show(struct run *run, struct buf *why)
{
	struct buf text = buf_make(DUMP_BYTES);
	sqlite3 *db = connect(run->dir);
	enum err err = dump_store(run->reader, db, &text);
	(void)sqlite3_close_v2(db);
	if (err) {
		buf_fmt(why, "what it shows cannot be read: %s. ", err_name(err));
		buf_free(&text);
	}
	return text.ptr;
}

static const char *reference_text(const bool want[ACTS_MAX])
{
	static struct script_log log;
	struct run run;
	struct buf why = buf_make(4096);
	for (size_t i = 0; i < reference_count; i++)
		if (memcmp(references[i].want, want, sizeof references[i].want) == 0)
			return references[i].text;
	if (reference_count == REFERENCES_MAX)
		free(references[--reference_count].text);
	folder_empty(reference_dir);
	memset(&log, 0, sizeof log);
	run_init(&run, reference_dir, &log);
	if (run_open(&run))
		abort();
	run_play(&run, want, true);
	struct reference *kept = &references[reference_count++];
	memcpy(kept->want, want, sizeof kept->want);
	kept->text = show(&run, &why);
	run_close(&run);
	if (!log.finished || !kept->text)
		abort();
	buf_free(&why);
	return kept->text;
}

/* --- acknowledged, each by itself --- */

static const char *const columns[REG_COUNT] = {[REG_TITLE] = "title",
	[REG_IMAGE] = "image",
	[REG_TOTAL] = "total",
	[REG_WATCHED] = "watched",
	[REG_STATUS] = "status",
	[REG_RATING] = "rating",
	[REG_NOTES] = "notes",
	[REG_POSITION] = "position",
	[REG_OPENED] = "opened"};

/* Whether the stamp in that column is the act's or newer. */
static bool reached(sqlite3 *db, const char *sql, const struct act *act, struct stamp stamp)
{
	char key[16];
	sqlite3_stmt *stmt = NULL;
	bool good = false;
	if (act->kind == ACT_BULK)
		(void)snprintf(key, sizeof key, "%s%d", act->key, act->number - 1);
	else
		(void)snprintf(key, sizeof key, "%s", act->key ? act->key : "");
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
		sqlite3_bind_int64(stmt, 1, (int64_t)act_user(act->user)) == SQLITE_OK &&
		(sqlite3_bind_parameter_count(stmt) < 2 ||
			sqlite3_bind_text(stmt, 2, key, -1, SQLITE_STATIC) == SQLITE_OK) &&
		sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_bytes(stmt, 0) == STAMP_SIZE)
		good = memcmp(sqlite3_column_blob(stmt, 0), stamp.bytes, STAMP_SIZE) >= 0;
	(void)sqlite3_finalize(stmt);
	return good;
}

static bool act_is_there(sqlite3 *db, const struct act *act, const struct act_told *told)
{
	const char *table = collection_names[act->collection];
	char sql[160];
	if (act->kind == ACT_CLEAR || act->kind == ACT_DELETE) {
		(void)snprintf(sql, sizeof sql,
			act->kind == ACT_CLEAR ? "SELECT %s_cleared FROM account WHERE user = ?1"
					       : "SELECT deleted FROM %s WHERE user = ?1 AND key = ?2",
			table);
		return reached(db, sql, act, told->stamp);
	}
	for (int reg = 0; reg < REG_COUNT; reg++) {
		if (!(told->holds & 1u << reg))
			continue;
		(void)snprintf(sql, sizeof sql, "SELECT %s_stamp FROM %s WHERE user = ?1 AND key = ?2",
			columns[reg], table);
		if (!reached(db, sql, act, told->stamp))
			return false;
	}
	return true;
}

/* A user whose deletion was acknowledged, or may be on the disk without an answer. */
static bool user_leaves(const struct script_log *log, unsigned user)
{
	for (unsigned i = 0; i < act_count; i++)
		if (acts[i].user == user && acts[i].kind == ACT_DELETE_ACCOUNT && log->state[i] != ACT_UNTOLD)
			return true;
	return false;
}

static bool acknowledged_are_there(sqlite3 *db, const struct script_log *log, struct buf *why)
{
	char stamp[STAMP_TEXT_SIZE];
	for (unsigned i = 0; i < act_count; i++) {
		if (log->state[i] != ACT_ACKNOWLEDGED || acts[i].kind < ACT_ADD ||
			user_leaves(log, acts[i].user))
			continue;
		if (act_is_there(db, &acts[i], &log->told[i]))
			continue;
		stamp_text(log->told[i].stamp, stamp);
		buf_fmt(why, "act %u of step %u (%s) was acknowledged and is lost. ", i, acts[i].step, stamp);
		return false;
	}
	return true;
}

/* --- all of them together --- */

/* Refused or unanswered because of the fault, not by the act's own nature. */
static bool in_doubt(const struct script_log *log, unsigned act)
{
	return acts[act].kind != ACT_BROKEN &&
	       (log->state[act] == ACT_UNDERWAY ||
		       (log->state[act] == ACT_REFUSED && log->err[act] != ERR_NOT_FOUND));
}

static bool later_acknowledged(const struct script_log *log, unsigned step)
{
	for (unsigned i = 0; i < act_count; i++)
		if (acts[i].step > step && log->state[i] == ACT_ACKNOWLEDGED)
			return true;
	return false;
}

/* A job that fails by itself, or for an account that could not be made: the group runs again, each act alone.
 */
static bool has_broken(const struct script_log *log, unsigned step)
{
	bool known[USERS] = {false};
	for (unsigned i = 0; i < act_count; i++) {
		if (acts[i].kind == ACT_REGISTER && log->state[i] == ACT_ACKNOWLEDGED)
			known[acts[i].user] = true;
		if (acts[i].step == step && acts[i].kind != ACT_REGISTER &&
			(acts[i].kind == ACT_BROKEN || !known[acts[i].user]))
			return true;
	}
	return false;
}

/* A group that failed before its commit runs again, each act alone: the one whose commit then could not be
 * written is answered with an error, and may be there. */
static bool alone(const char *text, const bool given[ACTS_MAX], unsigned act)
{
	bool want[ACTS_MAX];
	memcpy(want, given, sizeof want);
	want[act] = true;
	return strcmp(text, reference_text(want)) == 0;
}

/*
 * Whether text is what the acts of `want` make, with the doubtful ones of at most `groups` groups from `step`
 * on: of each all or none, or, when they ran each alone, a first part or one. A commit that could not be
 * synced may be found by the next start, and others come after it; otherwise only the last group is in doubt.
 */
static bool matches(const char *text, const struct script_log *log, const bool given[ACTS_MAX], unsigned step,
	unsigned groups)
{
	bool want[ACTS_MAX];
	if (strcmp(text, reference_text(given)) == 0)
		return true;
	for (; groups > 0 && step < step_count; step++) {
		bool any = false;
		if (!log->store_failed && later_acknowledged(log, step))
			continue;
		memcpy(want, given, sizeof want);
		for (unsigned i = 0; i < act_count; i++) {
			if (acts[i].step != step || !in_doubt(log, i))
				continue;
			if (any && has_broken(log, step) && matches(text, log, want, step + 1, groups - 1))
				return true;
			if (log->store_failed && alone(text, given, i))
				return true;
			want[i] = true;
			any = true;
		}
		if (any && matches(text, log, want, step + 1, groups - 1))
			return true;
	}
	return false;
}

static bool shows_what_it_should(struct run *run, const struct script_log *log, struct buf *why)
{
	bool want[ACTS_MAX] = {false};
	char *text = show(run, why);
	if (!text)
		return false;
	for (unsigned i = 0; i < act_count; i++)
		want[i] = log->state[i] == ACT_ACKNOWLEDGED;
	bool good = matches(text, log, want, 0, log->store_failed ? 2 : 1);
	if (!good)
		buf_text(why, "it shows neither what was acknowledged nor that and one whole group more. ");
	if (!good && getenv("TSUZUKI_FAULT_SHOW"))
		(void)fprintf(stderr, "--- shows ---\n%s--- should ---\n%s", text, reference_text(want));
	free(text);
	return good;
}

/* --- whole --- */

static bool is_whole(sqlite3 *db, struct buf *why)
{
	sqlite3_stmt *stmt = NULL;
	bool good = false;
	int64_t bad = 0;
	if (sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL) == SQLITE_OK &&
		sqlite3_step(stmt) == SQLITE_ROW) {
		const char *said = (const char *)sqlite3_column_text(stmt, 0);
		good = said && strcmp(said, "ok") == 0;
		if (!good)
			buf_fmt(why, "integrity_check: %s. ", said ? said : "nothing");
	} else {
		buf_fmt(why, "integrity_check: %s. ", sqlite3_errmsg(db));
	}
	(void)sqlite3_finalize(stmt);
	if (!good)
		return false;
	enum err err = dump_number(db,
		"SELECT count(*) FROM account WHERE head <> coalesce("
		"(SELECT max(seq) FROM journal WHERE journal.user = account.user), 0)",
		0, NULL, &bad);
	if (err || bad)
		buf_fmt(why, "%lld accounts' heads are not their journal's. ", (long long)bad);
	return !err && !bad;
}

bool check_whole(const char *dir, struct buf *why)
{
	sqlite3 *db = connect(dir);
	bool good = is_whole(db, why);
	(void)sqlite3_close_v2(db);
	return good;
}

/* --- what was said while it ran --- */

static enum err expected_error(enum fault fault)
{
	switch (fault) {
	case FAULT_FULL:
	case FAULT_FULL_FOREVER:
		return ERR_DISK_FULL;
	case FAULT_IO:
	case FAULT_IO_FOREVER:
	case FAULT_READ:
	case FAULT_READ_FOREVER:
	case FAULT_LOST_SYNC:
		return ERR_IO;
	default:
		return ERR_OK;
	}
}

static bool error_is_known(const struct script_log *log, unsigned act, enum err expected)
{
	enum err err = log->err[act];
	return err == expected || (acts[act].kind == ACT_BROKEN && err == ERR_INVALID) ||
	       err == ERR_NOT_FOUND; /* its account could not be made */
}

static bool said_what_it_should(const struct script_log *log, enum fault fault, struct buf *why)
{
	enum err expected = expected_error(fault);
	bool full = expected == ERR_DISK_FULL;
	size_t before = why->len;
	if (log->acknowledged_after_failure)
		buf_text(why, "something was acknowledged after a commit that was not synced. ");
	if (log->opened && log->opened != expected)
		buf_fmt(why, "opening said %s. ", err_name(log->opened));
	if (full && log->store_failed)
		buf_text(why, "a full disk counts as a broken one. ");
	if (log->read_failed && fault != FAULT_READ && fault != FAULT_READ_FOREVER)
		buf_text(why, "a read failed while only writing was faulty. ");
	for (unsigned i = 0; i < act_count; i++)
		if (log->state[i] == ACT_REFUSED && !error_is_known(log, i, expected))
			buf_fmt(why, "act %u said %s. ", i, err_name(log->err[i]));
	/* Faults that happen once leave a store that goes on, unless a commit could not be synced. */
	if ((fault == FAULT_FULL || fault == FAULT_READ) && !log->opened && !log->store_failed) {
		unsigned last = 0;
		unsigned steps = 0;
		for (unsigned i = 0; i < act_count; i++) {
			if (log->state[i] != ACT_REFUSED || log->err[i] != expected)
				continue;
			steps += acts[i].step + 1 != last;
			last = acts[i].step + 1;
		}
		if (steps > 1)
			buf_fmt(why, "%u groups failed by one fault. ", steps);
	}
	return why->len == before;
}

/* --- the whole check --- */

static bool retry_works(const char *dir, const struct script_log *log, struct buf *why)
{
	static struct script_log again;
	struct run run;
	bool want[ACTS_MAX] = {false};
	bool good = true;
	memset(&again, 0, sizeof again);
	run_init(&run, dir, &again);
	run.delay_steps = RETRY_STEPS;
	run.generation = 7;
	if (run_open(&run)) {
		buf_text(why, "it does not open a second time. ");
		return false;
	}
	for (unsigned i = 0; i < act_count; i++)
		want[i] = log->state[i] != ACT_ACKNOWLEDGED && !user_leaves(log, acts[i].user);
	run_play(&run, want, false);
	for (unsigned i = 0; i < act_count && good; i++) {
		good = !want[i] || acts[i].kind == ACT_BROKEN || again.state[i] == ACT_ACKNOWLEDGED;
		if (!good)
			buf_fmt(why, "the retry of act %u said %s. ", i, err_name(again.err[i]));
	}
	if (good)
		good = check_whole(dir, why);
	run_close(&run);
	return good;
}

bool check_run(const char *dir, const struct script_log *log, enum fault fault, struct buf *why)
{
	static struct script_log own;
	struct run run;
	bool good = said_what_it_should(log, fault, why);
	memset(&own, 0, sizeof own);
	run_init(&run, dir, &own);
	run.generation = 5;
	if (run_open(&run)) {
		buf_fmt(why, "it does not open any more: %s. ", err_name(own.opened));
		run_close(&run);
		return false;
	}
	good = check_whole(dir, why) && good;
	sqlite3 *db = connect(dir);
	good = good && acknowledged_are_there(db, log, why);
	(void)sqlite3_close_v2(db);
	good = good && shows_what_it_should(&run, log, why);
	run_close(&run);
	return good && retry_works(dir, log, why);
}
