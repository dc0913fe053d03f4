/*
 * The reference model of plain truth: every act with the time at which it really happened, who took it in,
 * and what may excuse its loss. Nothing in here knows a stamp.
 *
 * An act's registers carry its value id (its number plus one) wherever they have room for one, so that what a
 * replica holds in the end says which act it came from.
 */
#ifndef TSUZUKI_TESTS_SIM_TRUTH_H
#define TSUZUKI_TESTS_SIM_TRUTH_H

#include <jansson.h>

#include "sync/op.h"

enum { KEYS = 6, ACTS_MAX = 20000, NOBODY = -1 };

struct act {
	int user;
	enum op_kind kind;
	enum collection collection;
	int key;       /* 0 to KEYS - 1 */
	unsigned regs; /* bit per register */
	int value;     /* value id */
	int64_t true_ms;
	int where;	  /* who holds it and has not passed it on yet; NOBODY: it is where it should be */
	int taken_by;	  /* whose word it is that it was taken, NOBODY: nobody's */
	int64_t taken_ms; /* when they said so */
	bool certain;	  /* taken_by's word still counts: what it said has not been undone by a restore */
	bool candidate;	  /* journalled, not written */
	bool loose;	  /* its stamp may be off: promise S4 leaves it out */
	bool rebooted;	  /* its holder started anew since */
	bool jumped;	  /* its holder's wall clock was set since */
};

struct truth {
	struct act *acts;
	size_t count;
};

void truth_init(struct truth *t);
void truth_free(struct truth *t);
/* A new act, taken by nobody; its value is its own. */
struct act *truth_add(struct truth *t, int user, enum op_kind kind, enum collection collection, int key);
int truth_number(const struct truth *t, const struct act *a);
/* The name of a key: users have names of their own, so that one of another user shows. */
void truth_key(int user, int key, char out[32]);
/* -1 when it is none of this user's. */
int truth_key_of(int user, const char *key);

/* The value id that a register of the wire carries; 0: it carries none. */
int truth_value(enum reg reg, const json_t *value);

#endif
