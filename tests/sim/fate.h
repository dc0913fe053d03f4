/*
 * What happens to replicas: they die and start, their clocks are set, they are copied, put back, cloned and
 * linked anew. Each keeps the truth's excuses up to date.
 */
#ifndef TSUZUKI_TESTS_SIM_FATE_H
#define TSUZUKI_TESTS_SIM_FATE_H

#include "world.h"

/* Maybe something. */
void fate_strikes(struct world *w);
/* What goes on in a replica by itself. */
void fate_tick(struct world *w);
/* A replica died over what it did. */
void fate_dies(struct world *w, struct node *n);
/* Everything is up and stays up. */
void fate_calms(struct world *w);
/* Runs a job on a node that is up; buries it when it dies over it. False: nobody hears what came of it. */
bool fate_run(struct world *w, struct node *n, struct job *job);

#endif
