/*
 * Thirty days of playback at 1 Hz, in simulated time, through the real store: how large the journal becomes.
 *
 *   playback FOLDER DAYS
 *
 * One device plays episodes of 24 minutes one after the other, without a pause, a tick every second; 60
 * episodes make a show. FOLDER must be empty. Prints one JSON object.
 */
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/account.h"
#include "sync/apply.h"
#include "sync/store.h"

enum { EPISODE_S = 1440, SHOW_EPISODES = 60, GROUP = 240 };

static void draw(void *context, unsigned char *bytes, size_t len)
{
	unsigned *seed = context;
	for (size_t i = 0; i < len; i++) {
		bytes[i] = (unsigned char)(rand_r(seed) >> 7);
	}
}

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "playback: %s\n", what);
	exit(1);
}

static void run(struct store *store, struct job *jobs, struct now now)
{
	store_run(store, jobs, now);
	for (struct job *job = jobs; job; job = job->next) {
		if (job->err) {
			die(err_name(job->err));
		}
	}
	store_checkpoint(store);
}

static uint64_t register_user(struct store *store, struct env env, struct now now)
{
	uint64_t user = user_draw(env);
	struct account_register *r = account_register_make(user);
	if (!r) {
		die("no memory");
	}
	r->username = STR("viewer");
	r->email = STR("viewer@example.com");
	r->password_hash = STR("hash");
	r->session = (struct session_begin){.session = {{1}},
		.device = {{1}},
		.device_name = STR("TV"),
		.now_ms = now.wall_ms,
		.expires_ms = now.wall_ms + 86400000,
		.most_devices = 100,
		.most_sessions = 8};
	run(store, &r->job, now);
	job_free(&r->job);
	return user;
}

/* The tick of second s since the beginning, `late` seconds ago. */
static struct apply *tick(uint64_t user, long long s, long long late)
{
	struct apply *a = apply_make(user, 1);
	struct str key;
	char text[32];
	if (!a) {
		die("no memory");
	}
	long long episode = s / EPISODE_S;
	int len = snprintf(text, sizeof text, "show-%06lld", episode / SHOW_EPISODES);
	if (!arena_str(&a->job.arena, (struct str){text, (size_t)len}, &key)) {
		die("no memory");
	}
	struct op *op = &a->ops[0];
	*op = op_make(OP_SET, COLLECTION_PROGRESS, key, (struct device_id){{1}});
	op->event = EVENT_HEARTBEAT;
	op->session = STR("living-room");
	op->age_ms = late * 1000;
	op->present = 1u << REG_POSITION;
	op->partial[REG_POSITION] = 7;
	op->values[REG_POSITION].f[POSITION_EPISODE].i = 1 + episode % SHOW_EPISODES;
	op->values[REG_POSITION].f[POSITION_TIME].r = (double)(s % EPISODE_S);
	op->values[REG_POSITION].f[POSITION_DURATION].r = EPISODE_S;
	return a;
}

static long long number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s = NULL;
	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK || sqlite3_step(s) != SQLITE_ROW) {
		die(sqlite3_errmsg(db));
	}
	long long n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return n;
}

int main(int argc, char **argv)
{
	unsigned seed = 1;
	struct store_options options = {.dir = argc == 3 ? argv[1] : NULL,
		.env = {.random = draw, .context = &seed},
		.max_items = 100000,
		.history_keep = 50,
		.history_ms = 90LL * 86400000};
	struct store *store = NULL;
	struct buf why = buf_make(4096);
	struct now now = {1771000000000, 1000};
	char path[4096];
	if (argc != 3) {
		fputs("usage: playback FOLDER DAYS\n", stderr);
		return 64;
	}
	if (store_open(&options, &store, &why)) {
		die(why.ptr);
	}
	uint64_t user = register_user(store, options.env, now);
	long long total = atoll(argv[2]) * 86400;
	for (long long s = 0; s < total; s += GROUP) {
		struct job *jobs = NULL;
		struct job **end = &jobs;
		now.wall_ms += GROUP * 1000;
		now.mono_ms += GROUP * 1000;
		for (int i = 0; i < GROUP; i++) {
			struct apply *a = tick(user, s + i, GROUP - i);
			*end = &a->job;
			end = &a->job.next;
		}
		*end = NULL;
		run(store, jobs, now);
		while (jobs) {
			struct job *next = jobs->next;
			job_free(jobs);
			jobs = next;
		}
	}
	while (store_slice(store, now)) {
	}
	store_close(store);
	buf_free(&why);
	(void)snprintf(path, sizeof path, "%s/tsuzuki.db", argv[1]);
	sqlite3 *db = NULL;
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK) {
		die("the database cannot be opened");
	}
	printf("{\"ticks\":%lld,\"episodes\":%lld,\"rows\":%lld,\"bytes\":%lld}\n", total, total / EPISODE_S,
		number(db, "SELECT count(*) FROM journal"),
		number(db, "SELECT sum(pgsize) FROM dbstat WHERE name LIKE 'journal%'"));
	(void)sqlite3_close(db);
	return 0;
}
