/*
 * What a user does, before it is an op of a store or the JSON of a client: drawn from chance, with the value
 * id of its act in every register that has room for one.
 */
#ifndef TSUZUKI_TESTS_SIM_DEED_H
#define TSUZUKI_TESTS_SIM_DEED_H

#include "rng.h"
#include "truth.h"

struct deed {
	enum op_kind kind;
	enum collection collection;
	int user;
	int key;
	enum event event;
	char session[16];
	unsigned regs;
	int value;
	int status;
	int rating; /* 0: null */
	int episode;
	double time;
};

/* A set of one register or of all, an opening, a delete or, rarely, a clear. Its value is still 0. */
struct deed deed_draw(struct rng *rng, int user);
/* As an op of a store; strings go to the arena. */
struct op deed_op(const struct deed *d, struct device_id device, struct arena *a);
/* As an op of the wire without n, at and age: a new reference. */
json_t *deed_json(const struct deed *d);
/* An op that must be rejected, and nothing else with it: a new reference. */
json_t *deed_bad(struct rng *rng, int user);

#endif
