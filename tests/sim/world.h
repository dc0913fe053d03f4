/*
 * A world: replicas, clients, links between them, users, and the truth beside it. One seed, one run.
 */
#ifndef TSUZUKI_TESTS_SIM_WORLD_H
#define TSUZUKI_TESTS_SIM_WORLD_H

#include "client.h"
#include "deed.h"
#include "node.h"
#include "sync/replica.h"

enum {
	NODES = 10,
	OTHER_HOME = NODES - 1,
	CLIENTS = 8,
	MESSAGES = 256,
	BACKUPS = 12,
	COPIES = 6,
	PLAYERS = 8,
	CLIENT_CODE = 100
};

/* What the generator has in store for this run, in thousandths of its steps. */
struct weather {
	int nodes;
	int clients;
	bool chain; /* laptops below laptops */
	int steps;
	int64_t latency_ms; /* most that a request or answer takes when nothing is wrong */
	unsigned lost;	    /* of each message */
	unsigned repeated;
	unsigned late; /* an answer that comes after it was given up */
	unsigned crash;
	unsigned restart;
	unsigned jump; /* of a wall clock */
	unsigned backup;
	unsigned restore;
	unsigned clone;
	unsigned relink;
	bool other_home; /* a second home server, to which replicas are linked now and then */
	unsigned bad;	 /* ops that must be rejected */
};

/* Ways to break what is simulated, to see that the checks notice. */
struct controls {
	bool early_ack;	       /* an act counts as taken before its commit */
	bool no_skew;	       /* clients say a wrong time beside their `at` */
	bool forgets_receipts; /* an upstream has no receipts when a push is repeated */
	bool new_numbers;      /* a link gives the ops of a repeated request new numbers */
	bool mixes_users;      /* a request is served as the other user's */
	bool loses_items;      /* an answer comes without its items, but with their cursor */
	bool lying_disk;       /* what was said to be synced is not */
	bool rewinds;	       /* every tick is taken as meant */
};

struct message {
	bool used;
	bool answer;
	bool repeated; /* a second copy of the same bytes */
	int64_t at_ms; /* when it arrives */
	int64_t sent_ms;
	int64_t order;
	int sender; /* node, or CLIENT_CODE + client */
	int user;
	int to; /* node that serves */
	int64_t round;
	int64_t boot; /* start of the sender: what it asked before is nothing to it */
	size_t ops;   /* in the request */
	struct device_id device;
	struct replica_round asked; /* of a node's round */
	char asked_text[CLIENT_TEXT];
	int status; /* enum served, of an answer */
	char *text; /* owned */
	size_t len;
};

/* A replica's rounds with its upstream, for one user. */
struct carrier {
	bool waiting;
	int64_t round;
	int64_t deadline_ms;
};

/* Somebody watching an episode. */
struct player {
	bool used;
	int at; /* node, or CLIENT_CODE + client */
	struct device_id device;
	struct deed deed; /* of the next tick */
	int ticks;
	bool paused;
	int64_t next_ms;
	int64_t began_ms;
};

struct world {
	uint64_t seed;
	const char *base; /* the folder of the nodes' folders */
	bool verbose;
	struct controls controls;
	struct weather weather;
	struct rng rng;
	int64_t true_ms;
	struct truth truth;
	struct node nodes[NODES];
	struct carrier carriers[NODES][USERS];
	struct client clients[CLIENTS];
	struct message messages[MESSAGES];
	int64_t orders;
	struct player players[PLAYERS];
	struct {
		bool used;
		int node;
		struct backup backup;
	} backups[BACKUPS];
	struct {
		bool used;
		int64_t true_ms;
		struct client client;
	} copies[COPIES];
	bool calm;     /* no faults any more */
	int64_t moved; /* counts what changed anywhere */
	int relinks;
	bool failed; /* what went wrong first: */
	char promise[8];
	char failure[1024];
	/* How often what was done, for --verbose. */
	struct {
		int acts, crashes, restores, clones, forks, offers, jumps, relinks, rejected, candidates,
			stale;
	} tally;
};

/* Sets up what the seed says; `base` is a folder with room for a folder of each node, 0, 1 and so on. */
void world_make(struct world *w, uint64_t seed, const char *base, struct controls controls, bool verbose);
void world_free(struct world *w);
void world_live(struct world *w);
/* Faults stop, nobody acts any more, everything is up. */
void world_calm(struct world *w);
void world_settle(struct world *w);

void world_fail(struct world *w, const char *promise, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void world_say(const struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
void world_pass(struct world *w, int64_t ms);
void world_folder(const struct world *w, int index, char out[DISK_PATH]);
bool world_above(const struct world *w, int user, int upper, int lower);

#endif
