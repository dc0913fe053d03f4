/*
 * The limit of a delta: the indexed read of the rows that it tells, out of the daemon's own database, by
 * nothing but SQLite.
 *
 *   bare_delta FILE USER-NAME SINCE LIMIT SECONDS
 *
 * Reads LIMIT watchlist rows of that user after seq SINCE, every column of them, again and again. Prints one
 * JSON object with the CPU time of one such read.
 */
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void check(sqlite3 *db, int code)
{
	if (code != SQLITE_OK && code != SQLITE_ROW && code != SQLITE_DONE) {
		fprintf(stderr, "bare_delta: %s\n", sqlite3_errmsg(db));
		exit(1);
	}
}

static double now_s(clockid_t clock)
{
	struct timespec t;
	if (clock_gettime(clock, &t) != 0) {
		exit(1);
	}
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int64_t user_of(sqlite3 *db, const char *name)
{
	sqlite3_stmt *s = NULL;
	check(db, sqlite3_prepare_v2(db, "SELECT user FROM login WHERE name = 'n:' || ?", -1, &s, NULL));
	check(db, sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC));
	if (sqlite3_step(s) != SQLITE_ROW) {
		fprintf(stderr, "bare_delta: no user %s\n", name);
		exit(1);
	}
	int64_t user = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return user;
}

/* As it is stored: asking for another type would cost a conversion. */
static size_t read_column(sqlite3_stmt *s, int i)
{
	switch (sqlite3_column_type(s, i)) {
	case SQLITE_INTEGER:
		return sqlite3_column_int64(s, i) != 0;
	case SQLITE_FLOAT:
		return sqlite3_column_double(s, i) > 0;
	case SQLITE_TEXT:
		return sqlite3_column_text(s, i) ? (size_t)sqlite3_column_bytes(s, i) : 0;
	case SQLITE_BLOB:
		return sqlite3_column_blob(s, i) ? (size_t)sqlite3_column_bytes(s, i) : 0;
	default:
		return 0;
	}
}

static size_t read_once(sqlite3 *db, sqlite3_stmt *s, size_t *bytes)
{
	size_t rows = 0;
	int code;
	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		int columns = sqlite3_column_count(s);
		for (int i = 0; i < columns; i++) {
			*bytes += read_column(s, i);
		}
		rows++;
	}
	check(db, code);
	check(db, sqlite3_reset(s));
	return rows;
}

int main(int argc, char **argv)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *s = NULL;
	size_t reads = 0;
	size_t rows = 0;
	size_t bytes = 0;
	if (argc != 6) {
		fputs("usage: bare_delta FILE USER-NAME SINCE LIMIT SECONDS\n", stderr);
		return 64;
	}
	check(db, sqlite3_open_v2(argv[1], &db, SQLITE_OPEN_READONLY, NULL));
	/* Only the daemon checkpoints. */
	check(db, sqlite3_exec(db, "PRAGMA wal_autocheckpoint=0", NULL, NULL, NULL));
	int64_t user = user_of(db, argv[2]);
	check(db, sqlite3_prepare_v2(db,
			  "SELECT * FROM watchlist WHERE user = ? AND seq > ? ORDER BY seq LIMIT ?", -1, &s,
			  NULL));
	check(db, sqlite3_bind_int64(s, 1, user));
	check(db, sqlite3_bind_int64(s, 2, atoll(argv[3])));
	check(db, sqlite3_bind_int64(s, 3, atoll(argv[4])));
	(void)read_once(db, s, &bytes); /* a warm cache, as the daemon's is */
	bytes = 0;
	double began = now_s(CLOCK_MONOTONIC);
	double cpu = now_s(CLOCK_PROCESS_CPUTIME_ID);
	double seconds = atof(argv[5]);
	while (now_s(CLOCK_MONOTONIC) - began < seconds) {
		rows = read_once(db, s, &bytes);
		reads++;
	}
	cpu = now_s(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	printf("{\"reads\":%zu,\"rows\":%zu,\"cpu\":%.3f,\"bytes\":%.1f}\n", reads, rows,
		cpu * 1e6 / (double)reads, (double)bytes / (double)reads);
	sqlite3_finalize(s);
	(void)sqlite3_close(db);
	return 0;
}
