/*
 * The statements of schema/statements.def on one connection: prepared when first used, bound in order, always
 * reset.
 *
 *   struct query q = stmt_query(s, STMT_PROFILE_GET);
 *   query_int(&q, user);
 *   while (query_row(&q))
 *           name = query_get_str(&q, 0);     a slice that lives until the next step
 *   err = query_end(&q);
 *
 * The first error sticks and is what query_end() returns.
 */
#ifndef TSUZUKI_SYNC_STMT_H
#define TSUZUKI_SYNC_STMT_H

#include "sync/base/arena.h"
#include "sync/ids.h"
#include "sync/sqlite.h"

enum stmt_id {
#define STATEMENT(id, sql) STMT_##id,
#include "schema/statements.def"
	STMT_COUNT
};

struct statements {
	sqlite3 *db;
	struct row_cache *cache; /* of the connection that writes; NULL: none */
	sqlite3_stmt *list[STMT_COUNT];
};

struct query {
	sqlite3_stmt *stmt;
	int next; /* parameter to bind */
	enum err err;
};

/* Statements of db, which stays the caller's and must outlive them. */
void stmt_open(struct statements *s, sqlite3 *db);
void stmt_close(struct statements *s);
/* Prepares every statement, to prove that it can be. */
enum err stmt_prepare_all(struct statements *s);

struct query stmt_query(struct statements *s, enum stmt_id id);
void query_int(struct query *q, int64_t value);
void query_real(struct query *q, double value);
/* Text and blobs must live until query_end(). */
void query_text(struct query *q, struct str value);
void query_blob(struct query *q, const void *bytes, size_t len);
void query_null(struct query *q);
/* NULL when the stamp is not set. */
void query_stamp(struct query *q, struct stamp stamp);
void query_device(struct query *q, struct device_id device);
void query_session(struct query *q, struct session_id session);

/* Steps: true while there is a row. */
bool query_row(struct query *q);
int64_t query_get_int(const struct query *q, int column);
double query_get_real(const struct query *q, int column);
bool query_get_null(const struct query *q, int column);
struct str query_get_str(const struct query *q, int column);
/* A copy in the arena; a shortage sticks to the query. */
struct str query_get_copy(struct query *q, int column, struct arena *a);
/* Exactly size bytes, else zeroes: a blob of another size is damage and sticks. NULL gives zeroes. */
void query_get_bytes(struct query *q, int column, void *out, size_t size);
struct stamp query_get_stamp(struct query *q, int column);

enum err query_end(struct query *q);
/* Steps a statement that returns nothing, then ends it. */
enum err query_run(struct query *q);

#endif
