/*
 * fault_store: plays the script once for every point at which it can go wrong and for every way of going
 * wrong, and checks what is left. See README.md; ends with the line `N passed, N failed`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "schema/schema.h"
#include "sync/migrate.h"
#include "tests/fault/check.h"
#include "tests/fault/disk.h"
#include "tests/fault/folder.h"

enum { FAILURES_SHOWN = 5, POINTS_MAX = 1000000 };

struct options {
	long every; /* each how many points one is tried */
	long cuts;  /* seeds for each point of a power cut */
	uint64_t seed;
	enum fault only; /* FAULT_NONE: all */
	long at;	 /* only this point, -1: all */
	int64_t spill;	 /* only with the large cache (0) or the small one (1), -1: both */
};

struct suite {
	struct options options;
	char base[DIR_MAX];
	char run[DIR_MAX];
	char crashed[DIR_MAX];
	struct script_log *log; /* shared with the children */
	int passed;
	int failed;
};

/* What the child does under the VFS. */
struct trial {
	struct vfs_plan plan;
	bool early;
	bool normal;
	bool spill;
	bool open_only; /* opens and closes: what is interrupted is a start */
};

static void child(const struct suite *s, const struct trial *trial)
{
	bool all[ACTS_MAX];
	struct run run;
	memset(all, 1, sizeof all);
	if (!vfs_install(&trial->plan, &s->log->seen))
		abort();
	run_init(&run, s->run, s->log);
	run.early = trial->early;
	run.normal = trial->normal;
	run.spill = trial->spill;
	if (run_start(&run) == ERR_OK && !trial->open_only)
		run_play(&run, all, true);
	run_close(&run);
	vfs_finish();
	/* Not _exit: what leaks after an error is found here by the sanitizer. */
	exit(0);
}

/* Plays in a process of its own; false when that one ended in a way that the fault does not explain. */
static bool play(const struct suite *s, const struct trial *trial, struct buf *why)
{
	int status = 0;
	(void)fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		child(s, trial);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		abort();
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	bool hit = s->log->seen.hit;
	if (code == 0 || (hit && (code == VFS_EXIT_KILL || code == VFS_EXIT_CUT)))
		return true;
	buf_fmt(why, "the process ended with code %d, signal %d. ", code,
		WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	return false;
}

static double seconds(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void verdict(struct suite *s, bool good, const char *name, long runs, long bad, double since)
{
	s->passed += good;
	s->failed += !good;
	(void)printf("%s %d - %s: %ld runs, %ld bad, %.1f s\n", good ? "ok" : "not ok", s->passed + s->failed,
		name, runs, bad, seconds() - since);
	(void)fflush(stdout);
}

static void complain(const struct suite *s, const struct trial *t, const struct buf *why)
{
	(void)printf("# %s at %ld (%s of %s), seed %llu%s: %s\n", fault_names[t->plan.fault], t->plan.at,
		s->log->seen.what, s->log->seen.file, (unsigned long long)t->plan.seed,
		t->spill ? ", spill" : "", why->ptr ? why->ptr : "?");
}

/* One run and its check. *hit: the fault was met. */
static bool try_one(struct suite *s, const struct trial *trial, bool quiet, bool *hit)
{
	struct buf why = buf_make(8192);
	memset(s->log, 0, sizeof *s->log);
	folder_empty(s->run);
	bool good = play(s, trial, &why);
	*hit = s->log->seen.hit;
	good = good && check_run(s->run, s->log, trial->plan.fault, &why);
	if (!good && !quiet)
		complain(s, trial, &why);
	buf_free(&why);
	return good;
}

struct totals {
	long runs;
	long bad;
};

/* Every point, or every k-th of them from a seeded first one, until a run meets no fault. */
static struct totals loop_points(struct suite *s, struct trial trial, long every, long seeds, bool quiet)
{
	struct totals totals = {0, 0};
	uint64_t chance = s->options.seed;
	long first = every > 1 ? (long)(disk_random(&chance) % (uint64_t)every) : 0;
	bool hit = true;
	for (long at = first; hit && at < POINTS_MAX; at += every) {
		for (long i = 0; i < seeds && hit; i++) {
			trial.plan.at = s->options.at >= 0 ? s->options.at : at;
			trial.plan.seed = s->options.seed + (uint64_t)(at * 1000 + i);
			if (s->options.at >= 0)
				trial.plan.seed = s->options.seed + (uint64_t)i;
			bool good = try_one(s, &trial, quiet || totals.bad >= FAILURES_SHOWN, &hit);
			totals.runs++;
			totals.bad += !good;
		}
		if (s->options.at >= 0)
			break;
	}
	return totals;
}

static long seeds_of(const struct suite *s, enum fault fault)
{
	return fault == FAULT_CUT || fault == FAULT_LOST_SYNC ? s->options.cuts : 1;
}

static void each_fault(struct suite *s, bool spill)
{
	char name[64];
	for (int f = FAULT_KILL; f < FAULT_COUNT; f++) {
		if (s->options.only != FAULT_NONE && s->options.only != (enum fault)f)
			continue;
		struct trial trial = {.plan = {.fault = (enum fault)f}, .spill = spill};
		/* Reads are many and alike; syncs are few. */
		long every = s->options.every;
		if (f == FAULT_READ || f == FAULT_READ_FOREVER)
			every *= 2;
		else if (f == FAULT_LOST_SYNC)
			every = every > 4 ? every / 4 : 1;
		double since = seconds();
		struct totals t = loop_points(s, trial, every, seeds_of(s, trial.plan.fault), false);
		(void)snprintf(name, sizeof name, "%s%s", fault_names[f], spill ? ", small cache" : "");
		verdict(s, t.bad == 0 && (t.runs > 1 || s->options.at >= 0), name, t.runs, t.bad, since);
	}
}

/* --- a start that is interrupted too, after a cut that left something to recover --- */

static void copy_points(
	struct suite *s, enum fault fault, const struct script_log *before, struct totals *totals)
{
	bool hit = true;
	for (long at = 0; hit && at < POINTS_MAX; at += 1 + s->options.every / 8) {
		struct trial trial = {
			.plan = {.fault = fault, .at = at, .seed = s->options.seed + (uint64_t)at},
			.open_only = true};
		struct buf why = buf_make(8192);
		folder_copy(s->crashed, s->run);
		*s->log = *before;
		memset(&s->log->seen, 0, sizeof s->log->seen);
		bool good = play(s, &trial, &why);
		hit = s->log->seen.hit;
		s->log->opened = ERR_OK;
		good = good && check_run(s->run, s->log, FAULT_CUT, &why);
		totals->runs++;
		totals->bad += !good;
		if (!good && totals->bad <= FAILURES_SHOWN)
			complain(s, &trial, &why);
		buf_free(&why);
	}
}

static void interrupted_recovery(struct suite *s)
{
	static const enum fault faults[] = {FAULT_KILL, FAULT_CUT, FAULT_IO, FAULT_FULL, FAULT_LOST_SYNC};
	struct totals totals = {0, 0};
	double since = seconds();
	bool hit = true;
	long every = 17 + s->options.every * 2 / 3;
	for (long at = every / 2; hit && at < POINTS_MAX; at += every) {
		struct trial trial = {
			.plan = {.fault = FAULT_CUT, .at = at, .seed = s->options.seed + (uint64_t)at}};
		struct script_log before;
		struct buf why = buf_make(8192);
		memset(s->log, 0, sizeof *s->log);
		folder_empty(s->run);
		totals.bad += !play(s, &trial, &why);
		hit = s->log->seen.hit;
		buf_free(&why);
		before = *s->log;
		folder_copy(s->run, s->crashed);
		for (size_t i = 0; i < sizeof faults / sizeof faults[0] && hit; i++)
			copy_points(s, faults[i], &before, &totals);
	}
	verdict(s, totals.bad == 0 && totals.runs > 20, "a start after a power cut, interrupted too",
		totals.runs, totals.bad, since);
}

/* --- a start that migrates --- */

static void make_old(const char *dir, int version)
{
	char path[DIR_MAX + 16];
	char mark[128];
	sqlite3 *db = NULL;
	folder_empty(dir);
	(void)snprintf(path, sizeof path, "%s/tsuzuki.db", dir);
	(void)snprintf(mark, sizeof mark, "PRAGMA application_id=%d; PRAGMA user_version=%d",
		MIGRATE_APPLICATION, version);
	if (sqlite_open(path, 0, &db) || sqlite_setup(db, 0))
		abort();
	for (int i = 0; i < version; i++)
		if (sqlite_exec(db, (const char *)migrations[i].sql))
			abort();
	if (sqlite_exec(db, mark) ||
		sqlite_exec(db, "INSERT INTO meta VALUES ('server', '00112233445566778899aabb')"))
		abort();
	sqlite_close(db);
}

static bool migrated(struct suite *s, enum fault fault, struct buf *why)
{
	static struct script_log own;
	struct run run;
	memset(&own, 0, sizeof own);
	run_init(&run, s->run, &own);
	bool good = run_open(&run) == ERR_OK;
	if (!good)
		buf_fmt(why, "it does not open any more: %s. ", err_name(own.opened));
	if (good && strcmp(store_identity(run.store), "00112233445566778899aabb") != 0) {
		buf_text(why, "it is another server. ");
		good = false;
	}
	good = good && check_whole(s->run, why);
	run_close(&run);
	if (s->log->opened == ERR_OK || s->log->opened == ERR_IO || fault == FAULT_KILL ||
		fault == FAULT_CUT || s->log->opened == ERR_DISK_FULL)
		return good;
	buf_fmt(why, "opening said %s. ", err_name(s->log->opened));
	return false;
}

static void interrupted_migrations(struct suite *s)
{
	static const enum fault faults[] = {FAULT_KILL, FAULT_CUT, FAULT_IO, FAULT_IO_FOREVER, FAULT_FULL,
		FAULT_FULL_FOREVER, FAULT_READ};
	char name[64];
	for (int version = 1; version < (int)migration_count; version++) {
		struct totals totals = {0, 0};
		double since = seconds();
		make_old(s->crashed, version);
		for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
			bool hit = true;
			for (long at = 0; hit && at < POINTS_MAX; at += 1 + s->options.every / 6) {
				struct trial trial = {.plan = {.fault = faults[i],
							      .at = at,
							      .seed = s->options.seed + (uint64_t)at},
					.open_only = true};
				struct buf why = buf_make(8192);
				memset(s->log, 0, sizeof *s->log);
				folder_copy(s->crashed, s->run);
				bool good = play(s, &trial, &why);
				hit = s->log->seen.hit;
				good = good && migrated(s, faults[i], &why);
				totals.runs++;
				totals.bad += !good;
				if (!good && totals.bad <= FAILURES_SHOWN)
					complain(s, &trial, &why);
				buf_free(&why);
			}
		}
		(void)snprintf(name, sizeof name, "a start that migrates from %d", version);
		verdict(s, totals.bad == 0, name, totals.runs, totals.bad, since);
	}
}

/* --- negative controls: the check must find what is wrong --- */

static void negative(struct suite *s, struct trial trial, const char *name)
{
	double since = seconds();
	long every = s->options.every > 8 ? s->options.every / 4 : s->options.every;
	struct totals t = loop_points(s, trial, every, seeds_of(s, trial.plan.fault), true);
	verdict(s, t.bad > 0, name, t.runs, t.bad, since);
}

static void negative_controls(struct suite *s)
{
	struct trial normal = {.plan = {.fault = FAULT_CUT}, .normal = true};
	struct trial early = {.plan = {.fault = FAULT_CUT}, .early = true};
	struct trial deaf = {.plan = {.fault = FAULT_CUT, .deaf = DEAF_DATABASE}};
	negative(s, normal, "negative control: synchronous=NORMAL loses under power cuts");
	negative(s, early, "negative control: an acknowledgement before the commit is found");
	negative(s, deaf, "negative control: checkpoints without a sync of the database lose");
}

/* --- arguments --- */

static int usage(void)
{
	(void)fprintf(stderr, "Usage: fault_store [--every K] [--cuts N] [--seed N] [--fault NAME [--at N]]\n"
			      "  --every K   every K-th point only, from a seeded first one (1)\n"
			      "  --cuts N    seeds for each power cut (4)\n"
			      "  --seed N    of the points, the cuts and what they leave (1)\n"
			      "  --spill N   only with the large page cache (0) or the small one (1)\n"
			      "  --fault     only this one of:");
	for (int f = FAULT_KILL; f < FAULT_COUNT; f++)
		(void)fprintf(stderr, " %s", fault_names[f]);
	(void)fprintf(stderr, "\n  --at N      only at this point, with exactly that seed\n");
	return 64;
}

static bool take_number(const char *text, int64_t *out)
{
	return text && str_int(str_from(text), 0, INT32_MAX, out);
}

static bool parse(int argc, char **argv, struct options *o)
{
	*o = (struct options){.every = 1, .cuts = 4, .seed = 1, .only = FAULT_NONE, .at = -1, .spill = -1};
	for (int i = 1; i + 1 < argc; i += 2) {
		int64_t n = 0;
		bool number = take_number(argv[i + 1], &n);
		if (strcmp(argv[i], "--every") == 0 && number && n > 0)
			o->every = (long)n;
		else if (strcmp(argv[i], "--cuts") == 0 && number && n > 0)
			o->cuts = (long)n;
		else if (strcmp(argv[i], "--seed") == 0 && number)
			o->seed = (uint64_t)n;
		else if (strcmp(argv[i], "--spill") == 0 && number && n <= 1)
			o->spill = n;
		else if (strcmp(argv[i], "--at") == 0 && number)
			o->at = (long)n;
		else if (strcmp(argv[i], "--fault") == 0) {
			for (int f = FAULT_KILL; f < FAULT_COUNT; f++)
				if (strcmp(argv[i + 1], fault_names[f]) == 0)
					o->only = (enum fault)f;
			if (o->only == FAULT_NONE)
				return false;
		} else
			return false;
	}
	return argc % 2 == 1;
}

int main(int argc, char **argv)
{
	struct suite s;
	char reference[DIR_MAX];
	memset(&s, 0, sizeof s);
	if (!parse(argc, argv, &s.options))
		return usage();
	s.log = mmap(NULL, sizeof *s.log, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s.log == MAP_FAILED)
		return 1;
	folder_base(s.base);
	(void)snprintf(s.run, sizeof s.run, "%.200s/run", s.base);
	(void)snprintf(s.crashed, sizeof s.crashed, "%.200s/crashed", s.base);
	(void)snprintf(reference, sizeof reference, "%.200s/reference", s.base);
	check_setup(reference);
	(void)printf("# every %ld, cuts %ld, seed %llu\n", s.options.every, s.options.cuts,
		(unsigned long long)s.options.seed);
	for (int spill = 0; spill <= 1; spill++)
		if (s.options.spill < 0 || s.options.spill == spill)
			each_fault(&s, spill == 1);
	if (s.options.only == FAULT_NONE && s.options.spill < 0) {
		interrupted_recovery(&s);
		interrupted_migrations(&s);
		negative_controls(&s);
	}
	check_teardown();
	folder_empty(s.run);
	folder_empty(s.crashed);
	folder_empty(reference);
	folder_remove(s.run);
	folder_remove(s.crashed);
	folder_remove(reference);
	folder_remove(s.base);
	(void)printf("%d passed, %d failed\n", s.passed, s.failed);
	return s.failed || !s.passed;
}
