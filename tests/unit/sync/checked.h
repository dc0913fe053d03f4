/*
 * What the tests of verify and repair share: collecting findings, damaging the file behind the store's back.
 */
#ifndef TSUZUKI_TESTS_UNIT_SYNC_CHECKED_H
#define TSUZUKI_TESTS_UNIT_SYNC_CHECKED_H

#include "sync/repair.h"
#include "sync/verify.h"
#include "tests/unit/sync/support.h"

struct checked {
	size_t count;
	size_t kinds[FINDING_KINDS];
	struct verify_counts counts;
	struct buf text; /* a line a finding: kind, ": ", sentence */
};

/* A user with items of every sort: rated, deleted, revived, candidates, ticks, a late clear, receipts. */
void checked_populate(struct fixture *f);
/* Verifies f's store through a reader of its own; free with checked_free(). */
struct checked checked_verify(struct fixture *f);
struct checked checked_verify_dir(const char *dir);
/* Repairs through f's store; what was lost. */
struct checked checked_repair(struct fixture *f);
void checked_free(struct checked *c);
/* Closes the store, runs the statements on the file, and opens it again. */
void checked_sql(struct fixture *f, const char *sql);
/* Fails with what was found. */
void checked_agrees(struct fixture *f);
/* The store's slices, at most so many; whether there are more. */
bool checked_slices(struct fixture *f, int most);

#endif
