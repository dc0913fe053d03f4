#include "tests/fault/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <sqlite3.h>

#include "sync/exchange.h"

enum { STEP_MS = 7000, CHECKPOINT_FRAMES = 24, SMALL_CACHE = 8, NOTES_BYTES = 300 };
static const int64_t start_ms = 1771000000000;

/* What happens after a step's group has been answered. */
enum between {
	THEN_CHECKPOINT = 1,
	THEN_SLICE = 2,
	THEN_READ = 4,
	THEN_HOLD = 8,
	THEN_RELEASE = 16,
	THEN_RESTART = 32
};

static const unsigned between_steps[STEPS_MAX] = {
	[2] = THEN_READ,
	[4] = THEN_CHECKPOINT,
	[5] = THEN_HOLD, /* a snapshot that the next checkpoints must leave alone */
	[6] = THEN_CHECKPOINT | THEN_READ,
	[8] = THEN_CHECKPOINT,
	[9] = THEN_RELEASE | THEN_CHECKPOINT,
	[10] = THEN_RESTART,
	[11] = THEN_CHECKPOINT | THEN_READ,
	[12] = THEN_SLICE,
	[13] = THEN_SLICE | THEN_READ,
	[15] = THEN_CHECKPOINT | THEN_SLICE,
	[16] = THEN_CHECKPOINT,
	[17] = THEN_READ,
	[19] = THEN_SLICE | THEN_CHECKPOINT,
};

/* The store's own connection: the first that a store_open makes. Tests set pragmas on it, nothing else. */
static sqlite3 *newest;

static int on_connection(sqlite3 *db, const char **why, const struct sqlite3_api_routines *api)
{
	(void)why;
	(void)api;
	newest = db;
	return SQLITE_OK;
}

/* The same bytes whatever happened before in this start of the program, so that a part of the script played
 * alone draws them too. */
static void draw(void *context, unsigned char *bytes, size_t len)
{
	const struct run *run = context;
	for (size_t i = 0; i < len; i++)
		bytes[i] = (unsigned char)(0x11u * (run->generation + 1u) + i);
}

uint64_t act_user(unsigned user)
{
	return 4711 + user;
}

static struct device_id device_of(unsigned char number)
{
	return (struct device_id){{0xd0, 0, 0, 0, 0, 0, 0, number}};
}

void run_init(struct run *run, const char *dir, struct script_log *log)
{
	memset(run, 0, sizeof *run);
	(void)snprintf(run->dir, sizeof run->dir, "%s", dir);
	run->log = log;
	run->options = (struct store_options){.dir = run->dir,
		.env = {.random = draw, .context = run},
		.max_items = 1000,
		.history_keep = 50,
		.history_ms = (int64_t)90 * 86400000,
		.checkpoint_frames = CHECKPOINT_FRAMES};
}

static enum err set_pragmas(const struct run *run)
{
	char small[64];
	int code = SQLITE_OK;
	(void)snprintf(small, sizeof small, "PRAGMA cache_size=%d; PRAGMA cache_spill=1", SMALL_CACHE);
	if (run->spill)
		code = sqlite3_exec(newest, small, NULL, NULL, NULL);
	if (run->normal && code == SQLITE_OK)
		code = sqlite3_exec(newest, "PRAGMA synchronous=NORMAL", NULL, NULL, NULL);
	return code == SQLITE_OK ? ERR_OK : ERR_IO;
}

enum err run_open(struct run *run)
{
	struct buf why = buf_make(4096);
	(void)sqlite3_auto_extension((void (*)(void))on_connection);
	enum err err = store_open(&run->options, &run->store, &why);
	/* A refusal says why. */
	if (err && err != ERR_NOMEM && why.len == 0)
		abort();
	buf_free(&why);
	sqlite3_reset_auto_extension();
	if (!err)
		err = set_pragmas(run);
	if (!err)
		err = reader_open(run->dir, &run->reader);
	run->log->opened = err;
	return err;
}

enum err run_start(struct run *run)
{
	if (!run_open(run))
		return ERR_OK;
	run_close(run);
	run->generation--;
	return run_open(run);
}

void run_close(struct run *run)
{
	reader_close(run->reader);
	store_close(run->store);
	run->reader = NULL;
	run->store = NULL;
	run->generation++;
}

static struct now now_of(const struct run *run, unsigned step)
{
	int64_t passed = (int64_t)(step + run->delay_steps) * STEP_MS;
	return (struct now){start_ms + passed, 1000 + passed};
}

/* --- acts as jobs --- */

static struct str text(struct job *job, const char *before, int number, const char *after)
{
	char out[64];
	struct str kept;
	int len = snprintf(out, sizeof out, "%s%d%s", before, number, after);
	if (len < 0 || !arena_str(&job->arena, (struct str){out, (size_t)len}, &kept))
		abort();
	return kept;
}

static struct session_begin session_of(const struct act *act, struct now now)
{
	return (struct session_begin){/* A client that tries again draws another session. */
		.session = {{9, (unsigned char)act->user, (unsigned char)act->number, act->device,
			(unsigned char)(now.wall_ms > start_ms + (int64_t)STEPS_MAX * STEP_MS)}},
		.device = device_of(act->device),
		.device_name = STR("Kitchen"),
		.now_ms = now.wall_ms,
		.expires_ms = now.wall_ms + (int64_t)86400000 * 30,
		.most_devices = 100,
		.most_sessions = 8};
}

static enum err broken(struct tx *tx, struct job *job)
{
	(void)tx;
	(void)job;
	return ERR_INVALID;
}

static struct job *command_register(const struct act *act, uint64_t user, struct now now)
{
	struct account_register *r = account_register_make(user);
	if (!r)
		return NULL;
	r->username = text(&r->job, "viewer", (int)act->user, "");
	r->email = text(&r->job, "viewer", (int)act->user, "@example.com");
	r->password_hash = STR("hash");
	r->session = session_of(act, now);
	return &r->job;
}

static struct job *command_update(const struct act *act, uint64_t user)
{
	struct account_update *u = account_update_make(user);
	if (!u)
		return NULL;
	u->avatar = text(&u->job, "https://a.example/", act->number, ".png");
	return &u->job;
}

static struct job *command_password(const struct act *act, uint64_t user)
{
	struct account_password *p = account_password_make(user);
	if (!p)
		return NULL;
	p->password_hash = text(&p->job, "hash-", act->number, "");
	return &p->job;
}

static struct job *command_login(const struct act *act, uint64_t user, struct now now)
{
	struct session_login *l = session_login_make(user);
	if (l)
		l->begin = session_of(act, now);
	return l ? &l->job : NULL;
}

static struct job *command_logout(const struct act *act, uint64_t user, struct now now)
{
	struct session_end *e = session_end_make(user);
	if (e)
		e->session = session_of(act, now).session;
	return e ? &e->job : NULL;
}

static struct job *command_owe(uint64_t user)
{
	struct mail_owe *m = mail_owe_make(user);
	if (!m)
		return NULL;
	m->per_hour = 3;
	m->most = 100;
	return &m->job;
}

static struct job *command_push(const struct act *act, uint64_t user)
{
	char body[1024];
	json_error_t error;
	struct wire_fault fault;
	struct exchange_job *x = exchange_job_make(user, device_of(act->device));
	if (!x)
		return NULL;
	(void)snprintf(body, sizeof body,
		"{\"ops\":[{\"n\":%d,\"collection\":\"watchlist\",\"key\":\"d\",\"set\":{\"rating\":%d}},"
		"{\"n\":%d,\"collection\":\"progress\",\"key\":\"c\",\"event\":\"heartbeat\",\"session\":"
		"\"p\","
		"\"set\":{\"position\":{\"currentEpisode\":2,\"currentTime\":%d,\"duration\":1440}}},"
		"{\"n\":%d,\"collection\":\"watchlist\",\"key\":\"bulk0\",\"delete\":true}]}",
		act->number, 1 + act->number % 10, act->number + 1, act->number, act->number + 2);
	json_t *json = json_loads(body, JSON_REJECT_DUPLICATES, &error);
	if (!json || wire_exchange(json, OPS_MAX, &x->job.arena, &x->in, &fault))
		abort();
	json_decref(json);
	exchange_job_weigh(x);
	return &x->job;
}

static void fill_watchlist(struct op *op, const struct act *act)
{
	static char notes[NOTES_BYTES];
	for (int reg = 0; reg < REG_COUNT; reg++) {
		if (!register_of((enum reg)reg, COLLECTION_WATCHLIST))
			continue;
		op->present |= 1u << reg;
		op->values[reg] = value_default((enum reg)reg);
	}
	memset(notes, 'n', sizeof notes);
	op->values[REG_TITLE].f[0].s = STR("Title");
	op->values[REG_STATUS].f[0].s = STR("watching");
	op->values[REG_RATING].f[0] = (struct field){.i = 1 + act->number % 10};
	op->values[REG_NOTES].f[0].s = (struct str){notes, sizeof notes};
	if (act->kind == ACT_EDIT)
		op->present = 1u << REG_RATING | 1u << REG_WATCHED;
	op->values[REG_WATCHED].f[0].i = act->number;
}

static void fill_progress(struct op *op, const struct act *act)
{
	op->event = act->kind == ACT_OPEN   ? EVENT_OPEN
		    : act->kind == ACT_TICK ? EVENT_HEARTBEAT
					    : EVENT_MANUAL;
	op->session = act->device == 1 ? STR("tv") : STR("phone");
	op->present = 1u << REG_OPENED;
	op->values[REG_OPENED].f[OPENED_EPISODE].i = 1;
	if (act->kind == ACT_OPEN)
		return;
	op->present |= 1u << REG_POSITION;
	op->partial[REG_POSITION] = 1u << POSITION_TIME | 1u << POSITION_DURATION;
	op->values[REG_POSITION].f[POSITION_EPISODE].i = 1;
	op->values[REG_POSITION].f[POSITION_TIME].r = act->number;
	op->values[REG_POSITION].f[POSITION_DURATION].r = 1440;
}

static struct job *command_ops(const struct act *act, uint64_t user)
{
	unsigned count = act->kind == ACT_BULK ? (unsigned)act->number : 1;
	struct apply *a = apply_make(user, count);
	for (unsigned i = 0; a && i < count; i++) {
		struct str key = str_from(act->key);
		if (act->kind == ACT_BULK)
			key = text(&a->job, act->key, (int)i, "");
		enum op_kind kind = act->kind == ACT_DELETE  ? OP_DELETE
				    : act->kind == ACT_CLEAR ? OP_CLEAR
							     : OP_SET;
		a->ops[i] = op_make(kind, act->collection, key, device_of(act->device));
		if (act->kind == ACT_RESTORE)
			a->ops[i].restore_seq = act->number;
		else if (kind == OP_SET && act->collection == COLLECTION_WATCHLIST)
			fill_watchlist(&a->ops[i], act);
		else if (kind == OP_SET)
			fill_progress(&a->ops[i], act);
	}
	return a ? &a->job : NULL;
}

static struct job *job_of(const struct act *act, struct now now)
{
	uint64_t user = act_user(act->user);
	switch (act->kind) {
	case ACT_REGISTER:
		return command_register(act, user, now);
	case ACT_PROFILE:
		return command_update(act, user);
	case ACT_PASSWORD:
		return command_password(act, user);
	case ACT_LOGIN:
		return command_login(act, user, now);
	case ACT_LOGOUT:
		return command_logout(act, user, now);
	case ACT_OWE_MAIL:
		return command_owe(user);
	case ACT_PUSH:
		return command_push(act, user);
	case ACT_DELETE_ACCOUNT: {
		struct account_delete *d = account_delete_make(user);
		return d ? &d->job : NULL;
	}
	case ACT_BROKEN:
		return job_make(sizeof(struct job), broken, 64);
	default:
		return command_ops(act, user);
	}
}

/* --- playing --- */

static void note(struct run *run, unsigned number, const struct job *job)
{
	struct script_log *log = run->log;
	log->state[number] = job->err ? ACT_REFUSED : ACT_ACKNOWLEDGED;
	log->err[number] = job->err;
	if (job->err || acts[number].kind < ACT_ADD)
		return;
	/* A bulk's last op stands for all: they are one job. */
	const struct apply *a = (const struct apply *)(const void *)job;
	const struct op_result *result = &a->results[a->job.ops - 1];
	if (result->refusal != REFUSED_NOT)
		return;
	log->told[number].stamp = result->stamp;
	for (int reg = 0; acts[number].kind != ACT_CLEAR && reg < REG_COUNT; reg++)
		if (register_of((enum reg)reg, acts[number].collection) &&
			stamp_cmp(result->item.cells[reg].stamp, result->stamp) == 0)
			log->told[number].holds |= 1u << reg;
}

static void play_group(struct run *run, unsigned step, const bool want[ACTS_MAX])
{
	struct job *jobs = NULL;
	struct job **end = &jobs;
	unsigned numbers[ACTS_MAX];
	unsigned count = 0;
	struct now now = now_of(run, step);
	bool failed = store_failed(run->store);
	for (unsigned i = 0; i < act_count; i++) {
		if (acts[i].step != step || !want[i])
			continue;
		struct job *job = job_of(&acts[i], now);
		if (!job)
			abort();
		numbers[count++] = i;
		*end = job;
		end = &job->next;
		run->log->state[i] = run->early ? ACT_ACKNOWLEDGED : ACT_UNDERWAY;
	}
	if (!jobs)
		return;
	store_run(run->store, jobs, now);
	run->log->store_failed |= store_failed(run->store);
	for (unsigned i = 0; i < count; i++) {
		struct job *next = jobs->next;
		note(run, numbers[i], jobs);
		if (failed && !jobs->err)
			run->log->acknowledged_after_failure = true;
		job_free(jobs);
		jobs = next;
	}
}

static void read_all(struct run *run)
{
	struct buf b = buf_make(1 << 20);
	enum err err = ERR_OK;
	for (unsigned user = 0; user < USERS && !err; user++) {
		int64_t count = 0;
		struct watchlist_page page = {.status = -1, .page = 1, .limit = 20};
		err = query_watchlist(run->reader, act_user(user), "507f1f77bcf86cd799439011", &page, &b);
		if (!err)
			err = query_progress(
				run->reader, act_user(user), "507f1f77bcf86cd799439011", 20, &b, &count);
		if (err == ERR_NOT_FOUND)
			err = ERR_OK;
	}
	if (!err)
		err = query_history(run->reader, act_user(0), COLLECTION_PROGRESS, STR("a"), &b);
	if (err)
		run->log->read_failed = true;
	buf_free(&b);
}

/* A reader that keeps its snapshot while the store goes on. */
static sqlite3 *hold_snapshot(const struct run *run)
{
	char path[DIR_MAX + 16];
	sqlite3 *db = NULL;
	(void)snprintf(path, sizeof path, "%s/tsuzuki.db", run->dir);
	int code = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_exec(db, "BEGIN; SELECT count(*) FROM journal", NULL, NULL, NULL);
	if (code != SQLITE_OK)
		run->log->read_failed = true;
	return db;
}

/* False when the store could not be opened again. */
static bool play_between(struct run *run, unsigned step, sqlite3 **snapshot)
{
	unsigned what = between_steps[step];
	if (what & THEN_RELEASE) {
		(void)sqlite3_close_v2(*snapshot);
		*snapshot = NULL;
	}
	if (what & THEN_CHECKPOINT)
		store_checkpoint(run->store);
	if (what & THEN_SLICE)
		for (int most = 20; store_slice(run->store, now_of(run, step)) && most > 0; most--)
			continue;
	if (what & THEN_READ)
		read_all(run);
	if (what & THEN_HOLD)
		*snapshot = hold_snapshot(run);
	run->log->store_failed |= store_failed(run->store);
	if (!(what & THEN_RESTART))
		return true;
	run_close(run);
	return run_start(run) == ERR_OK;
}

void run_play(struct run *run, const bool want[ACTS_MAX], bool between)
{
	sqlite3 *snapshot = NULL;
	bool open = true;
	for (unsigned step = 0; step < step_count && open; step++) {
		play_group(run, step, want);
		if (between)
			open = play_between(run, step, &snapshot);
	}
	(void)sqlite3_close_v2(snapshot);
	run->log->finished = open;
}
