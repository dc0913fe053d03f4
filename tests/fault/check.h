/*
 * After a fault: with the plain VFS the store opens, is whole, holds everything acknowledged and nothing that
 * was not asked for, and a clean retry of the rest works.
 */
#ifndef TSUZUKI_TESTS_FAULT_CHECK_H
#define TSUZUKI_TESTS_FAULT_CHECK_H

#include "tests/fault/script.h"

/* reference: a folder in which parts of the script may be played. */
void check_setup(const char *reference);
void check_teardown(void);
/* The folder of a run that has ended. True when all is well; else *why says what is not. */
bool check_run(const char *dir, const struct script_log *log, enum fault fault, struct buf *why);
/* PRAGMA integrity_check, and that the journal's newest rows and the accounts' heads agree. */
bool check_whole(const char *dir, struct buf *why);

#endif
