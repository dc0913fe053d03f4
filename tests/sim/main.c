/* The simulator's program: runs seeds, says which failed and how to see them again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "judge.h"
#include "sync/base/check.h"
#include "sync/base/str.h"

struct options {
	int64_t from;
	int64_t seeds;
	bool verbose;
	bool first; /* stop at the first failure */
	struct controls controls;
};

static const struct {
	const char *name;
	size_t at;
} control_names[] = {
	{"early-ack", offsetof(struct controls, early_ack)},
	{"no-skew", offsetof(struct controls, no_skew)},
	{"forgets-receipts", offsetof(struct controls, forgets_receipts)},
	{"new-numbers", offsetof(struct controls, new_numbers)},
	{"mixes-users", offsetof(struct controls, mixes_users)},
	{"loses-items", offsetof(struct controls, loses_items)},
	{"lying-disk", offsetof(struct controls, lying_disk)},
	{"rewinds", offsetof(struct controls, rewinds)},
};

static void usage(void)
{
	(void)fputs("Usage: sim [--seeds N] [--from N] [--seed N] [--verbose] [--first] [--break NAME]\n",
		stderr);
}

static bool read_control(const char *name, struct controls *out)
{
	for (size_t i = 0; i < COUNT_OF(control_names); i++) {
		if (strcmp(control_names[i].name, name) == 0) {
			*((bool *)((char *)out + control_names[i].at)) = true;
			return true;
		}
	}
	return false;
}

static bool read_options(int argc, char **argv, struct options *out)
{
	*out = (struct options){.from = 1, .seeds = 200};
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";
		if (strcmp(argv[i], "--verbose") == 0 || strcmp(argv[i], "--first") == 0) {
			out->verbose |= argv[i][2] == 'v';
			out->first |= argv[i][2] == 'f';
			continue;
		}
		i++;
		if (strcmp(argv[i - 1], "--break") == 0 && read_control(value, &out->controls))
			continue;
		if (strcmp(argv[i - 1], "--seeds") == 0 &&
			str_int(str_from(value), 1, INT32_MAX, &out->seeds))
			continue;
		if (strcmp(argv[i - 1], "--from") == 0 && str_int(str_from(value), 0, INT64_MAX, &out->from))
			continue;
		if (strcmp(argv[i - 1], "--seed") == 0 &&
			str_int(str_from(value), 0, INT64_MAX, &out->from)) {
			out->seeds = 1;
			continue;
		}
		return false;
	}
	return true;
}

static bool run_seed(const struct options *o, int64_t seed, const char *base)
{
	static struct world w;
	struct survivors s = {NULL};
	world_make(&w, (uint64_t)seed, base, o->controls, o->verbose);
	world_live(&w);
	world_calm(&w);
	if (!w.failed)
		judge_survey(&w, &s);
	world_settle(&w);
	if (!w.failed)
		judge(&w, &s);
	judge_free(&s);
	if (w.failed)
		(void)printf("seed %lld: %s: %s\n  again: tests/sim/run --seed %lld --verbose\n",
			(long long)seed, w.promise, w.failure, (long long)seed);
	if (o->verbose)
		(void)printf("%d acts, %d crashes, %d restores, %d clones, %d forks, %d offers, %d jumps, "
			     "%d relinks, %d rejected, %d candidates, %d stale\n",
			w.tally.acts, w.tally.crashes, w.tally.restores, w.tally.clones, w.tally.forks,
			w.tally.offers, w.tally.jumps, w.tally.relinks, w.tally.rejected, w.tally.candidates,
			w.tally.stale);
	bool ok = !w.failed;
	world_free(&w);
	return ok;
}

int main(int argc, char **argv)
{
	struct options o;
	const char *tmp = getenv("TMPDIR");
	char base[64];
	if (!read_options(argc, argv, &o)) {
		usage();
		return 64;
	}
	(void)snprintf(base, sizeof base, "%.40s/tsuzuki-sim-XXXXXX", tmp ? tmp : "/tmp");
	CHECK(mkdtemp(base));
	CHECK(disk_install(&o.verbose));
	long long passed = 0;
	long long failed = 0;
	for (int64_t seed = o.from; seed < o.from + o.seeds && !(o.first && failed); seed++) {
		if (run_seed(&o, seed, base))
			passed++;
		else
			failed++;
		(void)fflush(stdout);
	}
	(void)printf("%lld passed, %lld failed\n", passed, failed);
	return failed ? 1 : 0;
}
