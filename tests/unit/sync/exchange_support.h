/*
 * Stores of a test that exchange with each other: a round as the daemon makes one, without a network.
 */
#ifndef TSUZUKI_TESTS_UNIT_SYNC_EXCHANGE_SUPPORT_H
#define TSUZUKI_TESTS_UNIT_SYNC_EXCHANGE_SUPPORT_H

#include "sync/exchange.h"
#include "sync/replica.h"
#include "tests/unit/sync/support.h"

/*
 * What `f` answers to a body of POST /api/sync that `device` sends: the whole JSON of `data`, or "409" or
 * "422". Lives until the fixture closes.
 */
const char *exchange_answer(struct fixture *f, struct device_id device, const char *body);

/* A store below another: whose it is, and which device it is up there. */
struct below {
	struct fixture *f;
	struct fixture *up;
	struct device_id device;
};

/* Links it, keeping its user's data. */
void below_link(struct below *b);
/* Takes over the key of item ids that the one above has now. */
void below_rekey(struct below *b);
/* The request that it would send next. */
struct replica_ask *below_ask(struct below *b);
/* Takes an answer to that request; frees the request. *more: another round is due. */
enum replica_outcome below_take(struct below *b, struct replica_ask *ask, const char *answer, bool *more);
/* Rounds until there is nothing left to say. */
void below_exchange(struct below *b);

/* Both show the same, item by item and stamp by stamp: everything a pull from null tells. */
void assert_same_items(struct fixture *a, struct fixture *b);

#endif
