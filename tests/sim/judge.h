/*
 * The end of a run: the promises of sync-protocol.md section 8, asked of every replica with the truth beside
 * them.
 */
#ifndef TSUZUKI_TESTS_SIM_JUDGE_H
#define TSUZUKI_TESTS_SIM_JUDGE_H

#include "world.h"

/* What survives, before the last exchanges: values that some replica still holds. */
struct survivors {
	unsigned *regs; /* bit per register, by act number */
};
void judge_survey(struct world *w, struct survivors *out);
void judge_free(struct survivors *s);
/* After world_settle(). */
void judge(struct world *w, const struct survivors *s);

#endif
