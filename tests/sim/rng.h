/*
 * The one source of chance of a run: a seed gives the same run on every machine. xoshiro256**, seeded by
 * SplitMix64.
 */
#ifndef TSUZUKI_TESTS_SIM_RNG_H
#define TSUZUKI_TESTS_SIM_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rng {
	uint64_t s[4];
};

struct rng rng_make(uint64_t seed);
uint64_t rng_next(struct rng *r);
/* 0 to n - 1; n >= 1. */
uint64_t rng_below(struct rng *r, uint64_t n);
/* low to high, both possible. */
int64_t rng_between(struct rng *r, int64_t low, int64_t high);
/* In so many of a thousand cases. */
bool rng_chance(struct rng *r, unsigned of_thousand);
void rng_bytes(struct rng *r, unsigned char *bytes, size_t len);

#endif
