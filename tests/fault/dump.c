#include "tests/fault/dump.h"

#include <string.h>

enum err dump_number(sqlite3 *db, const char *sql, uint64_t user, const char *key, int64_t *out)
{
	sqlite3_stmt *stmt = NULL;
	enum err err = ERR_NOT_FOUND;
	int code = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
	int parameters = code == SQLITE_OK ? sqlite3_bind_parameter_count(stmt) : 0;
	if (parameters > 0)
		(void)sqlite3_bind_int64(stmt, 1, (int64_t)user);
	if (parameters > 1)
		(void)sqlite3_bind_text(stmt, 2, key, -1, SQLITE_STATIC);
	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	if (code == SQLITE_ROW && sqlite3_column_type(stmt, 0) != SQLITE_NULL) {
		*out = sqlite3_column_int64(stmt, 0);
		err = ERR_OK;
	} else if (code != SQLITE_ROW && code != SQLITE_DONE) {
		err = ERR_IO;
	}
	(void)sqlite3_finalize(stmt);
	return err;
}

static enum err dump_profile(struct reader *reader, uint64_t user, struct buf *out)
{
	struct profile p;
	struct arena arena = arena_make(1 << 16);
	enum err err = query_profile(reader, user, &arena, &p);
	if (!err)
		buf_fmt(out, "%s %.*s %.*s %.*s %.*s %lld %lld\n", p.oid, STR_ARG(p.username),
			STR_ARG(p.email), STR_ARG(p.password), STR_ARG(p.avatar), (long long)p.created,
			(long long)p.updated);
	arena_free(&arena);
	return err;
}

static enum err dump_histories(struct reader *reader, uint64_t user, struct buf *out)
{
	static const char *const more[] = {"bulk0", "bulk23", "early0", "early23", "many0", "many11", "x"};
	enum err err = ERR_OK;
	for (int c = 0; c < COLLECTION_COUNT; c++) {
		for (char key = 'a'; key <= 'd' && !err; key++)
			err = query_history(reader, user, (enum collection)c, (struct str){&key, 1}, out);
		for (size_t i = 0; i < sizeof more / sizeof more[0] && !err; i++)
			err = query_history(reader, user, (enum collection)c, str_from(more[i]), out);
		buf_char(out, '\n');
	}
	return err;
}

static enum err dump_user(struct reader *reader, sqlite3 *db, uint64_t user, struct buf *out)
{
	static const char oid[] = "507f1f77bcf86cd799439011";
	struct watchlist_page page = {.status = -1, .page = 1};
	struct watchlist_stats stats;
	int64_t count = 0;
	int64_t head = 0;
	memset(&stats, 0, sizeof stats);
	enum err err = dump_profile(reader, user, out);
	if (!err)
		err = query_devices(reader, user, (struct device_id){{0}}, out);
	if (!err)
		err = query_watchlist(reader, user, oid, &page, out);
	if (!err)
		err = query_watchlist_stats(reader, user, &stats);
	buf_fmt(out, "\n%lld %lld %lld\n", (long long)stats.total, (long long)stats.rated,
		(long long)stats.rating_sum);
	if (!err)
		err = query_progress(reader, user, oid, 100, out, &count);
	if (!err)
		err = dump_histories(reader, user, out);
	if (!err)
		err = dump_number(db, "SELECT head FROM account WHERE user = ?1", user, NULL, &head);
	buf_fmt(out, "head %lld\n", (long long)head);
	return err;
}

enum err dump_store(struct reader *reader, sqlite3 *db, struct buf *out)
{
	enum err err = ERR_OK;
	for (unsigned i = 0; i < USERS && !err; i++) {
		buf_fmt(out, "user %u\n", i);
		err = dump_user(reader, db, act_user(i), out);
		if (err == ERR_NOT_FOUND)
			err = ERR_OK;
	}
	if (!err) {
		uint64_t user = 0;
		unsigned attempts = 0;
		int64_t due = 0;
		bool found = false;
		err = query_owed_mail(reader, &user, &attempts, &due, &found);
		buf_fmt(out, "owed %d %llu %lld\n", found, (unsigned long long)user, (long long)due);
	}
	return err ? err : buf_ok(out) ? ERR_OK : ERR_NOMEM;
}
