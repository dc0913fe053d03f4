/*
 * The limit of a durable write: SQLite alone, one thread, WAL, synchronous=FULL, groups of the given size, no
 * wire and no decisions. The store is 1,000 users with 20 items each, in scattered order; its tables have the
 * leanest layout that serves the same reads (rowid tables, one narrow index on the journal).
 *
 *   bare_commit FILE GROUP SECONDS (set|tick)
 *
 * set: an op upserts an item of about 190 bytes and appends a journal row of about 250. tick: an op rewrites
 * both rows by remembered rowids, in no index on what changes, as a running playback may. A missing FILE is
 * made and filled first. Prints one JSON object.
 */
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	USERS = 1000,
	ITEMS = 20,
	ALL = USERS * ITEMS,
	GROUP = 4096,
	COMMITS = 1 << 20,
	CHECKPOINT_FRAMES = 1000
};

typedef struct bench {
	sqlite3 *db;
	sqlite3_stmt *begin, *commit, *upsert, *append, *tick_item, *tick_row;
	uint64_t seed;
	int64_t seq;
	int64_t item[ALL];	/* the rowid of item i of user u, at u * ITEMS + i */
	int64_t running[USERS]; /* the journal row that a user's ticks rewrite */
	int wal_frames;
	uint32_t took[COMMITS]; /* ns of a group, in units of 100 */
	size_t commits;
	bool tick;
} bench;

static const char schema[] =
	"CREATE TABLE item (id INTEGER PRIMARY KEY, user INTEGER NOT NULL, collection INTEGER NOT NULL, key "
	"TEXT NOT NULL,"
	" seq INTEGER NOT NULL, running INTEGER NOT NULL, stamp BLOB NOT NULL, title TEXT NOT NULL, image "
	"TEXT NOT NULL,"
	" episode INTEGER NOT NULL, time REAL NOT NULL, duration REAL NOT NULL);"
	"CREATE UNIQUE INDEX item_key ON item (user, collection, key);"
	"CREATE INDEX item_seq ON item (user, seq) WHERE running = 0;"
	"CREATE TABLE journal (row INTEGER PRIMARY KEY, user INTEGER NOT NULL, item INTEGER NOT NULL,"
	" seq INTEGER NOT NULL, stamp BLOB NOT NULL, registers TEXT NOT NULL);"
	"CREATE INDEX journal_item ON journal (user, item);";

static void check(bench *b, int rc)
{
	if (rc != SQLITE_OK && rc != SQLITE_DONE && rc != SQLITE_ROW) {
		fprintf(stderr, "bare_commit: %s\n", sqlite3_errmsg(b->db));
		exit(1);
	}
}

static int64_t now_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* xorshift64*: the same ids in every run. */
static uint64_t draw(bench *b)
{
	b->seed ^= b->seed >> 12;
	b->seed ^= b->seed << 25;
	b->seed ^= b->seed >> 27;
	return b->seed * 2685821657736338717u;
}

/* A user's id is spread over all 63 bits, as the daemon's are. */
static int64_t user_id(unsigned user)
{
	uint64_t x = (user + 1) * 0x9E3779B97F4A7C15u;
	x ^= x >> 29;
	return (int64_t)((x * 0xBF58476D1CE4E5B9u) >> 1);
}

static sqlite3_stmt *prepare(bench *b, const char *sql)
{
	sqlite3_stmt *s = NULL;
	check(b, sqlite3_prepare_v3(b->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL));
	return s;
}

static void run(bench *b, sqlite3_stmt *s)
{
	check(b, sqlite3_step(s));
	check(b, sqlite3_reset(s));
}

static void bind_stamp(bench *b, sqlite3_stmt *s, int at)
{
	unsigned char stamp[16] = "devicedevicedev";
	memcpy(stamp, &b->seq, sizeof(b->seq));
	check(b, sqlite3_bind_blob(s, at, stamp, sizeof(stamp), SQLITE_TRANSIENT));
}

static void bind_registers(bench *b, sqlite3_stmt *s, int at, double time)
{
	char text[256];
	int n = snprintf(text, sizeof(text),
		"{\"image\":\"https://cdn.example/images/"
		"0000000000.jpg\",\"opened\":{\"dub\":\"no\",\"episode\":3,"
		"\"episodeTitle\":\"Episode "
		"3\"},\"position\":{\"duration\":1440,\"episode\":3,\"time\":%.2f},"
		"\"title\":\"A show of some kind\"}",
		time);
	check(b, sqlite3_bind_text(s, at, text, n, SQLITE_TRANSIENT));
}

static void set(bench *b, unsigned user, unsigned item)
{
	char key[32];
	double time = (double)(b->seq % 1000000) / 100;
	int n = snprintf(key, sizeof(key), "show-%06u", item);
	b->seq++;
	check(b, sqlite3_bind_int64(b->upsert, 1, user_id(user)));
	check(b, sqlite3_bind_text(b->upsert, 2, key, n, SQLITE_TRANSIENT));
	check(b, sqlite3_bind_int64(b->upsert, 3, b->seq));
	bind_stamp(b, b->upsert, 4);
	check(b, sqlite3_bind_double(b->upsert, 5, time));
	run(b, b->upsert);
	check(b, sqlite3_bind_int64(b->append, 1, user_id(user)));
	check(b, sqlite3_bind_int64(b->append, 2, b->item[user * ITEMS + item]));
	check(b, sqlite3_bind_int64(b->append, 3, b->seq));
	bind_stamp(b, b->append, 4);
	bind_registers(b, b->append, 5, time);
	run(b, b->append);
}

static void tick(bench *b, unsigned user)
{
	double time = (double)(b->seq % 1000000) / 100;
	b->seq++;
	check(b, sqlite3_bind_int64(b->tick_item, 1, b->seq));
	bind_stamp(b, b->tick_item, 2);
	check(b, sqlite3_bind_double(b->tick_item, 3, time));
	check(b, sqlite3_bind_int64(b->tick_item, 4, b->item[user * ITEMS + user % ITEMS]));
	run(b, b->tick_item);
	check(b, sqlite3_bind_int64(b->tick_row, 1, b->seq));
	bind_stamp(b, b->tick_row, 2);
	bind_registers(b, b->tick_row, 3, time);
	check(b, sqlite3_bind_int64(b->tick_row, 4, b->running[user]));
	run(b, b->tick_row);
}

static int on_wal(void *arg, sqlite3 *db, const char *name, int frames)
{
	bench *b = arg;
	(void)db;
	(void)name;
	b->wal_frames = frames;
	return SQLITE_OK;
}

/* As the daemon does: checkpoints run between commits, never inside one. */
static void checkpoint(bench *b)
{
	if (b->wal_frames >= CHECKPOINT_FRAMES) {
		check(b, sqlite3_wal_checkpoint_v2(b->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL));
		b->wal_frames = 0;
	}
}

static void prepare_all(bench *b)
{
	b->begin = prepare(b, "BEGIN IMMEDIATE");
	b->commit = prepare(b, "COMMIT");
	b->upsert = prepare(b,
		"INSERT INTO item (user, collection, key, seq, running, stamp, title, image, episode, time, "
		"duration)"
		" VALUES (?1, 2, ?2, ?3, 0, ?4, 'A show of some kind that has a name',"
		" 'https://cdn.example/images/of/shows/0000000000000000/cover-large-0000000000000000.jpg', "
		"3, ?5,"
		" 1440) ON CONFLICT (user, collection, key) DO UPDATE SET seq = excluded.seq, running = 0,"
		" stamp = excluded.stamp, episode = excluded.episode, time = excluded.time, duration = "
		"excluded.duration");
	b->append = prepare(
		b, "INSERT INTO journal (user, item, seq, stamp, registers) VALUES (?1, ?2, ?3, ?4, ?5)");
	b->tick_item =
		prepare(b, "UPDATE item SET seq = ?1, running = 1, stamp = ?2, time = ?3 WHERE id = ?4");
	b->tick_row = prepare(b, "UPDATE journal SET seq = ?1, stamp = ?2, registers = ?3 WHERE row = ?4");
}

/* Items come into being in a shuffled order, the same in every run; so their rowids are known without asking.
 */
static void shuffle(bench *b, unsigned *order)
{
	for (unsigned i = 0; i < ALL; i++) {
		order[i] = i;
	}
	for (unsigned i = ALL - 1; i > 0; i--) {
		unsigned j = (unsigned)(draw(b) % (i + 1)), swap = order[i];
		order[i] = order[j];
		order[j] = swap;
	}
	for (unsigned i = 0; i < ALL; i++) {
		b->item[order[i]] = i + 1;
	}
}

static void fill(bench *b, const unsigned *order)
{
	run(b, b->begin);
	for (unsigned i = 0; i < ALL; i++) {
		set(b, order[i] / ITEMS, order[i] % ITEMS);
	}
	run(b, b->commit);
}

/* Each user starts to watch one item: the row that its ticks rewrite. */
static void start_playback(bench *b)
{
	run(b, b->begin);
	for (unsigned user = 0; user < USERS; user++) {
		set(b, user, user % ITEMS);
		b->running[user] = sqlite3_last_insert_rowid(b->db);
		tick(b, user);
	}
	run(b, b->commit);
}

static void open_store(bench *b, const char *path)
{
	static unsigned order[ALL];
	shuffle(b, order);
	check(b, sqlite3_open(path, &b->db));
	check(b, sqlite3_exec(b->db,
			 "PRAGMA page_size=4096; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
			 "PRAGMA wal_autocheckpoint=0; PRAGMA cache_size=-16384; PRAGMA locking_mode=NORMAL",
			 NULL, NULL, NULL));
	sqlite3_wal_hook(b->db, on_wal, b);
	bool fresh = sqlite3_exec(b->db, schema, NULL, NULL, NULL) == SQLITE_OK;
	prepare_all(b);
	if (fresh) {
		fill(b, order);
	}
	sqlite3_stmt *s = prepare(b, "SELECT coalesce(max(seq), 0) FROM journal");
	check(b, sqlite3_step(s));
	b->seq = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	if (b->tick) {
		start_playback(b);
	}
	check(b, sqlite3_wal_checkpoint_v2(b->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL));
}

static int by_value(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static void measure(bench *b, unsigned group, double seconds)
{
	int64_t cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID), began = now_ns(CLOCK_MONOTONIC), now = began;
	int64_t until = began + (int64_t)(seconds * 1e9);
	while (now < until && b->commits < COMMITS) {
		run(b, b->begin);
		for (unsigned i = 0; i < group; i++) {
			unsigned user = (unsigned)(draw(b) % USERS);
			if (b->tick) {
				tick(b, user);
			} else {
				set(b, user, (unsigned)(draw(b) % ITEMS));
			}
		}
		run(b, b->commit);
		int64_t done = now_ns(CLOCK_MONOTONIC);
		b->took[b->commits++] = (uint32_t)((done - now) / 100);
		checkpoint(b);
		now = now_ns(CLOCK_MONOTONIC);
	}
	cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	double ops = (double)b->commits * group;
	qsort(b->took, b->commits, sizeof(*b->took), by_value);
	printf("{\"rate\":%.1f,\"p50\":%.1f,\"p99\":%.1f,\"cpu\":%.3f}\n", ops * 1e9 / (double)(now - began),
		b->took[b->commits / 2] / 10.0, b->took[b->commits * 99 / 100] / 10.0,
		(double)cpu / 1e3 / ops);
}

int main(int argc, char **argv)
{
	static bench b = {.seed = 20261124};
	unsigned group = argc == 5 ? (unsigned)atoi(argv[2]) : 0;
	if (group < 1 || group > GROUP) {
		fputs("usage: bare_commit FILE GROUP SECONDS (set|tick)\n", stderr);
		return 1;
	}
	b.tick = strcmp(argv[4], "tick") == 0;
	open_store(&b, argv[1]);
	b.seed ^= (uint64_t)now_ns(CLOCK_MONOTONIC);
	measure(&b, group, atof(argv[3]));
	sqlite3_stmt *all[] = {b.begin, b.commit, b.upsert, b.append, b.tick_item, b.tick_row};
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		sqlite3_finalize(all[i]);
	}
	return sqlite3_close(b.db) == SQLITE_OK ? 0 : 1;
}
