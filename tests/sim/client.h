/*
 * A client of the exchange that shares no code with sync/: what a browser keeps of its upstream, written
 * after sync-protocol.md section 6. It queues ops, sends them again until it hears of them, keeps what it is
 * told and offers it to an upstream that has lost it. Its storage never fails; copies of it are clones and
 * backups.
 */
#ifndef TSUZUKI_TESTS_SIM_CLIENT_H
#define TSUZUKI_TESTS_SIM_CLIENT_H

#include <jansson.h>

#include "rng.h"
#include "sync/base/buf.h"
#include "sync/stamp.h"

enum { CLIENT_OPS = 4000, CLIENT_TEXT = 40 };

struct client_op {
	json_t *body; /* all fields but n, at and age */
	int64_t n;
	int act; /* its number in the truth, -1: an offer, -2: one that must be rejected */
	int64_t made_true_ms;
	int64_t made_wall_ms;
	int64_t made_off; /* how far the wall clock was off then */
	int64_t boot;
};

struct client {
	int index;
	bool used;
	int user;
	int parent;
	struct device_id device;
	int64_t wall_off;
	int64_t boot; /* counts its starts */
	bool jumped_since_start;
	bool pulls; /* it keeps what it is told; else it only pushes */
	struct client_op *ops;
	size_t count;
	int64_t next_n;
	json_t *items;	 /* "collection/key": {"created", "deletedStamp", "registers"} */
	json_t *cleared; /* settled barriers */
	char cursor[CLIENT_TEXT];
	char head[CLIENT_TEXT];
	/* The request under way. */
	int64_t round;
	bool waiting;
	int64_t deadline_ms;
	char asked[CLIENT_TEXT];
};

void client_init(struct client *c, int index, int user, int parent, bool pulls, struct rng *rng);
void client_free(struct client *c);
/* A clone, or a backup. */
void client_copy(struct client *to, const struct client *from);
/* Queues an op; takes over the reference. */
void client_queue(struct client *c, json_t *body, int act, int64_t true_ms);
/* The next request. no_skew: a control, which says another time than its own clock's. */
void client_ask(struct client *c, int64_t true_ms, bool no_skew, size_t most_ops, int limit, struct buf *out);
/* A new device: everything is numbered anew. */
void client_renumber(struct client *c, struct rng *rng);

enum client_took { CLIENT_TOOK, CLIENT_STALE, CLIENT_RESTORED };
/* What is told of each op. */
typedef void client_told(void *context, struct client *c, const struct client_op *op, const json_t *result);
/* Takes the answer to the request that asked from `asked`. */
enum client_took client_take(
	struct client *c, const json_t *answer, const char *asked, client_told *told, void *context);
/* What it holds, in the form of serve_view(): a new reference. */
json_t *client_view(const struct client *c);

#endif
