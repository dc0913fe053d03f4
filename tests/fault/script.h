/*
 * The scripted run: acts of several users in groups, through the store's public door, with checkpoints,
 * slices, reads, held snapshots and a restart between them. What an act is, and at which time it happens,
 * depends on the table alone, so that any part of it can be played again without faults and must lead to the
 * same state.
 */
#ifndef TSUZUKI_TESTS_FAULT_SCRIPT_H
#define TSUZUKI_TESTS_FAULT_SCRIPT_H

#include "sync/apply.h"
#include "sync/query.h"
#include "sync/store.h"
#include "tests/fault/vfs.h"

enum { ACTS_MAX = 128, USERS = 4, STEPS_MAX = 40, DIR_MAX = 256 };

enum act_kind {
	ACT_REGISTER,
	ACT_PROFILE,
	ACT_PASSWORD,
	ACT_LOGIN,
	ACT_LOGOUT,
	ACT_OWE_MAIL,
	ACT_DELETE_ACCOUNT,
	ACT_PUSH,   /* three ops of an exchange, numbered from number on */
	ACT_BROKEN, /* a job that fails by itself: those beside it run again, each alone */
	ACT_ADD,    /* from here on: ops */
	ACT_EDIT,
	ACT_BULK, /* number ops in one job */
	ACT_DELETE,
	ACT_CLEAR,
	ACT_OPEN,
	ACT_TICK,
	ACT_SEEK,
	ACT_RESTORE, /* the history row with that seq */
};

struct act {
	unsigned step;
	unsigned user;
	enum act_kind kind;
	enum collection collection;
	const char *key;
	int number; /* an episode's second, a rating, a count, a seq: whatever the kind varies by */
	unsigned char device;
};
extern const struct act acts[];
extern const unsigned act_count;
extern const unsigned step_count;

enum act_state {
	ACT_UNTOLD,   /* never handed to the store */
	ACT_UNDERWAY, /* the process ended before its answer */
	ACT_REFUSED,  /* answered with an error */
	ACT_ACKNOWLEDGED
};

/* What an acknowledged op said it had made. */
struct act_told {
	struct stamp stamp;
	unsigned holds; /* bit per register that it held after the commit */
};

/* In memory shared with the parent: what the outside world knows of a run. */
struct script_log {
	struct vfs_seen seen;
	enum err opened;   /* of the last store_open */
	bool store_failed; /* at any moment: a restart begins with a store that has not */
	bool acknowledged_after_failure;
	bool read_failed; /* a read while the store was open */
	bool finished;	  /* the script came to its end */
	enum act_state state[ACTS_MAX];
	enum err err[ACTS_MAX]; /* of refused ones */
	struct act_told told[ACTS_MAX];
};

struct run {
	char dir[DIR_MAX];
	struct store_options options;
	struct store *store;
	struct reader *reader;
	unsigned char generation; /* of the program's start: what env.random draws from */
	unsigned delay_steps;	  /* a retry happens that much later */
	struct script_log *log;
	bool early;  /* negative control: acknowledged before the commit */
	bool normal; /* negative control: synchronous=NORMAL */
	bool spill;  /* a page cache so small that transactions are written before they end */
};

void run_init(struct run *run, const char *dir, struct script_log *log);
enum err run_open(struct run *run);
/* The same as whoever keeps a daemon running does it: once more when it fails. */
enum err run_start(struct run *run);
void run_close(struct run *run);
/* Plays the acts of `want` (by number) and, with `between`, what stands between the groups. */
void run_play(struct run *run, const bool want[ACTS_MAX], bool between);

uint64_t act_user(unsigned user);

#endif
