/*
 * Links: requests and answers on their way between a replica or client and its upstream, delayed, lost,
 * repeated, late; what is done when they arrive.
 */
#ifndef TSUZUKI_TESTS_SIM_CARRY_H
#define TSUZUKI_TESTS_SIM_CARRY_H

#include "world.h"

/* The next request of a node (below NODES) or client (NODES and above), unless one is under way. */
void carry_begin(struct world *w, int who);
/* A message is there; it is used up. */
void carry_arrives(struct world *w, struct message *m);

#endif
