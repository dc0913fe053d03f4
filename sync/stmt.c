#include "sync/stmt.h"

#include <string.h>

static const char *const texts[STMT_COUNT] = {
#define STATEMENT(id, sql) [STMT_##id] = (sql),
#include "schema/statements.def"
};

void stmt_open(struct statements *s, sqlite3 *db)
{
	memset(s, 0, sizeof *s);
	s->db = db;
}

void stmt_close(struct statements *s)
{
	for (int id = 0; id < STMT_COUNT; id++) {
		(void)sqlite3_finalize(s->list[id]);
		s->list[id] = NULL;
	}
}

static enum err prepare(struct statements *s, enum stmt_id id)
{
	if (s->list[id])
		return ERR_OK;
	return sqlite_err(
		sqlite3_prepare_v3(s->db, texts[id], -1, SQLITE_PREPARE_PERSISTENT, &s->list[id], NULL));
}

enum err stmt_prepare_all(struct statements *s)
{
	enum err err = ERR_OK;
	for (int id = 0; id < STMT_COUNT && !err; id++)
		err = prepare(s, (enum stmt_id)id);
	return err;
}

struct query stmt_query(struct statements *s, enum stmt_id id)
{
	enum err err = prepare(s, id);
	return (struct query){.stmt = err ? NULL : s->list[id], .next = 1, .err = err};
}

static void bound(struct query *q, int code)
{
	if (code != SQLITE_OK)
		q->err = sqlite_err(code);
}

void query_int(struct query *q, int64_t value)
{
	if (!q->err)
		bound(q, sqlite3_bind_int64(q->stmt, q->next++, value));
}

void query_real(struct query *q, double value)
{
	if (!q->err)
		bound(q, sqlite3_bind_double(q->stmt, q->next++, value));
}

void query_text(struct query *q, struct str value)
{
	if (!q->err)
		bound(q, sqlite3_bind_text64(q->stmt, q->next++, value.len ? value.ptr : "", value.len,
				 SQLITE_STATIC, SQLITE_UTF8));
}

void query_blob(struct query *q, const void *bytes, size_t len)
{
	if (!q->err)
		bound(q, sqlite3_bind_blob64(q->stmt, q->next++, bytes, len, SQLITE_STATIC));
}

void query_null(struct query *q)
{
	if (!q->err)
		bound(q, sqlite3_bind_null(q->stmt, q->next++));
}

void query_stamp(struct query *q, struct stamp stamp)
{
	if (q->err)
		return;
	if (!stamp_set(stamp))
		query_null(q);
	else /* the slice dies with this call */
		bound(q, sqlite3_bind_blob(q->stmt, q->next++, stamp.bytes, STAMP_SIZE, SQLITE_TRANSIENT));
}

void query_device(struct query *q, struct device_id device)
{
	if (!q->err)
		bound(q, sqlite3_bind_blob(q->stmt, q->next++, device.bytes, DEVICE_SIZE, SQLITE_TRANSIENT));
}

void query_session(struct query *q, struct session_id session)
{
	if (!q->err)
		bound(q,
			sqlite3_bind_blob(q->stmt, q->next++, session.bytes, SESSION_SIZE, SQLITE_TRANSIENT));
}

bool query_row(struct query *q)
{
	if (q->err)
		return false;
	int code = sqlite3_step(q->stmt);
	if (code == SQLITE_ROW)
		return true;
	if (code != SQLITE_DONE)
		q->err = sqlite_err(code);
	return false;
}

int64_t query_get_int(const struct query *q, int column)
{
	return sqlite3_column_int64(q->stmt, column);
}

double query_get_real(const struct query *q, int column)
{
	return sqlite3_column_double(q->stmt, column);
}

bool query_get_null(const struct query *q, int column)
{
	return sqlite3_column_type(q->stmt, column) == SQLITE_NULL;
}

struct str query_get_str(const struct query *q, int column)
{
	const char *text = (const char *)sqlite3_column_text(q->stmt, column);
	return (struct str){text, text ? (size_t)sqlite3_column_bytes(q->stmt, column) : 0};
}

struct str query_get_copy(struct query *q, int column, struct arena *a)
{
	struct str copy = {"", 0};
	if (!q->err && !arena_str(a, query_get_str(q, column), &copy))
		q->err = ERR_NOMEM;
	return copy;
}

void query_get_bytes(struct query *q, int column, void *out, size_t size)
{
	memset(out, 0, size);
	if (q->err || query_get_null(q, column))
		return;
	const void *bytes = sqlite3_column_blob(q->stmt, column);
	if (!bytes || (size_t)sqlite3_column_bytes(q->stmt, column) != size)
		q->err = bytes ? ERR_CORRUPT : ERR_NOMEM;
	else
		memcpy(out, bytes, size);
}

struct stamp query_get_stamp(struct query *q, int column)
{
	struct stamp stamp;
	query_get_bytes(q, column, stamp.bytes, STAMP_SIZE);
	return stamp;
}

enum err query_end(struct query *q)
{
	if (q->stmt) {
		(void)sqlite3_reset(q->stmt);
		(void)sqlite3_clear_bindings(q->stmt);
	}
	q->stmt = NULL;
	return q->err;
}

enum err query_run(struct query *q)
{
	while (query_row(q))
		;
	return query_end(q);
}
