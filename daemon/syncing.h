/*
 * One exchange (sync-protocol.md section 6) from its JSON to the data of its answer, over the threads that it
 * needs: parsing, the store, the delta. The same for POST /api/sync and for a `sync` frame. Loop thread but
 * for what it hands to workers itself.
 */
#ifndef TSUZUKI_DAEMON_SYNCING_H
#define TSUZUKI_DAEMON_SYNCING_H

#include <jansson.h>

#include "daemon/request.h"
#include "daemon/worker.h"
#include "sync/exchange.h"

struct app;

enum syncing_outcome {
	SYNCING_DONE,	  /* data is the answer's */
	SYNCING_BAD_JSON, /* wrong says why, for people */
	SYNCING_FAULT,	  /* fault: malformed as a whole */
	SYNCING_FORKED,	  /* a cloned or restored device */
	SYNCING_FAILED	  /* err */
};

struct syncing {
	struct task task; /* its own */
	struct app *app;
	struct principal who;
	/* In: the text, which lives until done; or, when it was parsed already, the object, which lives
	 * during the call. */
	struct str body;
	const json_t *json;
	unsigned most_ops;
	unsigned most_items; /* of a page */
	size_t most_bytes;
	void (*done)(
		struct syncing *s); /* loop thread, exactly once, perhaps before syncing_start() returns */
	void *context;
	/* Out: */
	enum syncing_outcome outcome;
	const char *wrong;
	struct wire_fault fault;
	enum err err;
	struct buf data; /* the members of `data`, without its braces */
	struct exchange_job *x;
	/* Its own: */
	struct pull pull;
	bool reads;
};

/* The in fields are set, all else is zero. Memory of s is the caller's and lives until done. */
void syncing_start(struct syncing *s);
/* Frees what it made; in done() or later. */
void syncing_free(struct syncing *s);

#endif
