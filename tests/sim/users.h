/*
 * Users: they act at a replica, as over REST, or at a client; they watch, which ticks by itself; they take
 * something back out of the history.
 */
#ifndef TSUZUKI_TESTS_SIM_USERS_H
#define TSUZUKI_TESTS_SIM_USERS_H

#include "world.h"

/* Somebody does something somewhere. */
void users_act(struct world *w);
/* Somebody begins to watch. */
void users_play(struct world *w);
/* When the next tick of playback is due; INT64_MAX: none. */
int64_t users_next(const struct world *w);
/* The tick that is due. */
void users_tick(struct world *w);

#endif
