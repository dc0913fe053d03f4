/*
 * One replica: the real store of sync/ on a disk in memory, with clocks of its own. It starts, stops, dies at
 * any operation, is copied and put back. What it is linked to is kept beside its store, as a daemon's
 * settings and tokens are.
 */
#ifndef TSUZUKI_TESTS_SIM_NODE_H
#define TSUZUKI_TESTS_SIM_NODE_H

#include "disk.h"
#include "sync/ids.h"
#include "sync/store.h"

enum { USERS = 2, NO_PARENT = -1, LOSSES = 32 };

/* What is copied with a store: whom it is for the upstream. */
struct credentials {
	struct device_id device;
};

struct place {
	uint64_t user; /* the account's id in this store */
	int parent;    /* index of the upstream, NO_PARENT: this is the home server */
	bool linked;   /* its store has been told */
	struct credentials as;
};

struct backup {
	struct image *image;
	struct credentials as[USERS];
	bool linked[USERS];
	int64_t true_ms;
};

struct node {
	int index;
	bool used;
	bool up;
	char dir[DISK_PATH];
	struct disk *disk;
	struct store *store;
	struct reader *reader;
	struct rng *rng;
	const int64_t *true_ms; /* the world's time */
	int64_t wall_off;	/* how far its wall clock is off */
	int64_t boot_ms;	/* when it was switched on */
	unsigned max_items;
	unsigned history_keep;
	struct place places[USERS];
	/* What the model must know of its past: stretches of true time that a restore took away. */
	struct {
		int64_t from;
		int64_t to;
	} lost[LOSSES];
	int losses;
	bool jumped_since_start; /* its wall clock was set while it ran or was off */
	bool jumped_ever;
	bool twin; /* a clone, or cloned: nobody is linked to it */
};

/* A new, empty replica whose folder is `dir` (there already). It is not up yet. */
void node_init(struct node *n, int index, const char *dir, struct rng *rng, const int64_t *true_ms);
void node_free(struct node *n);
struct now node_now(const struct node *n);
/* Opens its store; false when it died over it, or the store refused (*why says what). */
bool node_start(struct node *n, struct buf *why);
/* Closes it: SIGTERM. */
void node_stop(struct node *n);
/* It is dead: closes what is left and brings the disk up again. */
void node_bury(struct node *n, enum disk_loss loss);
/* Runs one job. False when it died meanwhile: then nobody hears what came of it. */
bool node_run(struct node *n, struct job *job);
/* What goes on by itself: slices, checkpoints, a look at the clock. False when it died. */
bool node_tick(struct node *n);
/* Makes the account of a user. */
bool node_register(struct node *n, int user);

/* Not up, or between two jobs. */
bool node_backup(const struct node *n, struct backup *out);
void backup_free(struct backup *b);
/* The node is down. */
bool node_restore(struct node *n, const struct backup *b);
/* What it said at that time was taken away by a restore. */
bool node_lost(const struct node *n, int64_t true_ms);

#endif
