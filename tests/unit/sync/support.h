/*
 * What the tests of sync/ share: a store in a temporary folder, a clock and random bytes that the test owns.
 */
#ifndef TSUZUKI_TESTS_UNIT_SYNC_SUPPORT_H
#define TSUZUKI_TESTS_UNIT_SYNC_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sync/account.h"
#include "sync/apply.h"
#include "sync/query.h"
#include "sync/store.h"

enum { TEST_START_MS = 1771000000 };

struct fixture {
	char dir[64];
	struct store_options options;
	struct store *store;
	struct reader *reader;
	struct now now;
	uint64_t seed;
	uint64_t user;
	struct device_id device;
	struct arena arena; /* for what a test reads */
};

/* A store with one registered user, at 2026-02-13. */
struct fixture *fixture_open(void);
void fixture_close(struct fixture *f);
/* Closes and opens the store again: a new start of the program. */
void fixture_restart(struct fixture *f);
/* Lets both clocks run. */
void fixture_pass(struct fixture *f, int64_t ms);
/* Runs the job and asserts that the store took it. */
void fixture_run(struct fixture *f, struct job *job);
/* Registers another user; their id. */
uint64_t fixture_register(struct fixture *f, const char *name);
struct device_id test_device(unsigned char number);

/* Runs one op and hands back its result, valid until the next call. */
struct op_result *fixture_op(struct fixture *f, const struct op *op);
/* Ops of a test, by the fixture's device unless changed afterwards. */
struct op test_progress(
	struct fixture *f, enum event event, const char *session, int64_t episode, double time);
struct op test_watchlist(struct fixture *f, const char *key, const char *status);

/* JSON that REST would show; NULL when there is nothing. Valid until the fixture closes. */
const char *fixture_view(struct fixture *f, enum collection collection, const char *key);
const char *fixture_history(struct fixture *f, enum collection collection, const char *key);
/* How often a text stands in another. */
size_t count_text(const char *in, const char *what);

#endif
