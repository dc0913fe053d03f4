/* What a store shows, as text: two stores that show the same have the same text. */
#ifndef TSUZUKI_TESTS_FAULT_DUMP_H
#define TSUZUKI_TESTS_FAULT_DUMP_H

#include <sqlite3.h>

#include "tests/fault/script.h"

/* Every user's profile, devices, lists, counts, histories and head. db: a connection to the same file. */
enum err dump_store(struct reader *reader, sqlite3 *db, struct buf *out);
/* A number that a statement gives; ?1 is the user, ?2 the key. ERR_NOT_FOUND: no row, or NULL. */
enum err dump_number(sqlite3 *db, const char *sql, uint64_t user, const char *key, int64_t *out);

#endif
