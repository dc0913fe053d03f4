/* The script's table: one row an act, in order of their steps. A further kind of write is a further row. */
#include "tests/fault/script.h"

#define W COLLECTION_WATCHLIST
#define P COLLECTION_PROGRESS

const struct act acts[] = {
	{0, 0, ACT_REGISTER, W, NULL, 0, 1},
	{1, 1, ACT_REGISTER, W, NULL, 0, 1},
	{1, 2, ACT_REGISTER, W, NULL, 0, 1},
	{2, 0, ACT_ADD, W, "a", 7, 1},
	{2, 0, ACT_OPEN, P, "a", 1, 1},
	{2, 1, ACT_ADD, W, "b", 5, 1},
	{3, 0, ACT_TICK, P, "a", 10, 1},
	{3, 1, ACT_SEEK, P, "b", 700, 1},
	{4, 0, ACT_TICK, P, "a", 20, 1},
	{5, 0, ACT_TICK, P, "a", 30, 1},
	{5, 2, ACT_TICK, P, "c", 5, 1},
	{5, 1, ACT_EDIT, W, "b", 9, 1},
	/* Pages that no later step writes: what a checkpoint copies early must stay copied. */
	{5, 1, ACT_BULK, W, "early", 24, 1},
	{6, 0, ACT_SEEK, P, "a", 900, 2},
	{6, 1, ACT_BULK, P, "many", 12, 1},
	{6, 0, ACT_PUSH, W, NULL, 10, 9},
	{6, 2, ACT_PROFILE, W, NULL, 1, 1},
	{7, 0, ACT_TICK, P, "a", 40, 1}, /* a candidate: another device has the place */
	{7, 0, ACT_TICK, P, "a", 905, 2},
	{7, 1, ACT_LOGIN, W, NULL, 2, 2},
	{8, 0, ACT_BULK, W, "bulk", 24, 1},
	{8, 1, ACT_ADD, W, "d", 3, 2},
	{9, 0, ACT_EDIT, W, "a", 1, 2},
	{9, 0, ACT_PUSH, W, NULL, 20, 9},
	{9, 1, ACT_BROKEN, W, NULL, 0, 1},
	{9, 2, ACT_ADD, W, "c", 8, 1},
	{9, 1, ACT_DELETE, W, "b", 0, 1},
	{10, 3, ACT_REGISTER, W, NULL, 0, 1},
	{10, 0, ACT_RESTORE, P, "a", 2, 1},
	{11, 3, ACT_BULK, P, "many", 12, 1},
	{11, 2, ACT_PASSWORD, W, NULL, 2, 1},
	{12, 1, ACT_CLEAR, P, NULL, 0, 1},
	{12, 0, ACT_TICK, P, "a", 50, 1},
	{12, 0, ACT_OWE_MAIL, W, NULL, 0, 1},
	{13, 1, ACT_SEEK, P, "b", 33, 1},
	{13, 3, ACT_TICK, P, "x", 1, 3},
	{14, 0, ACT_TICK, P, "a", 60, 1},
	{14, 0, ACT_PUSH, W, NULL, 30, 9},
	{14, 1, ACT_PUSH, W, NULL, 10, 9},
	{14, 3, ACT_TICK, P, "x", 2, 3},
	{15, 3, ACT_DELETE_ACCOUNT, W, NULL, 0, 1},
	{15, 1, ACT_LOGOUT, W, NULL, 2, 2},
	{16, 0, ACT_BULK, W, "bulk", 24, 2}, /* the same keys again */
	{17, 1, ACT_ADD, W, "b", 2, 1},	     /* after its delete */
	{17, 0, ACT_DELETE, P, "a", 0, 1},
	{18, 0, ACT_SEEK, P, "a", 70, 1}, /* and alive again */
	{18, 2, ACT_EDIT, W, "c", 6, 1},
	{19, 2, ACT_CLEAR, W, NULL, 0, 1},
	{19, 1, ACT_TICK, P, "b", 44, 1},
	{20, 2, ACT_TICK, P, "c", 15, 1},
	{20, 0, ACT_PROFILE, W, NULL, 5, 1},
};
const unsigned act_count = sizeof acts / sizeof acts[0];
const unsigned step_count = 21;
