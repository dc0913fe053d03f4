/* Bit rot: single bits flipped in the cells of live journal rows and in the registers of items are found. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "tests/unit/sync/checked.h"

enum { FLIPS = 400, SPANS = 512, IMAGE_MAX = 1 << 20, ITEM_HEAD_WATCHLIST = 13, ITEM_HEAD_PROGRESS = 17 };

/* Bytes of the file that one flip may hit. */
struct span {
	size_t from;
	size_t len;
};

struct image {
	unsigned char *bytes;
	size_t len;
	struct span spans[SPANS];
	size_t count;
	size_t total;
};

static uint64_t draw(uint64_t *seed)
{
	*seed += 0x9e3779b97f4a7c15u;
	uint64_t z = *seed;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static size_t varint(const unsigned char *at, uint64_t *out)
{
	uint64_t value = 0;
	for (size_t i = 0; i < 8; i++) {
		value = value << 7 | (at[i] & 0x7f);
		if (!(at[i] & 0x80)) {
			*out = value;
			return i + 1;
		}
	}
	*out = value << 8 | at[8];
	return 9;
}

static size_t content_len(uint64_t type)
{
	static const size_t sizes[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0};
	return type >= 12 ? (size_t)(type - 12) / 2 : sizes[type];
}

static void add_span(struct image *image, size_t from, size_t len)
{
	if (len == 0)
		return;
	assert_true(image->count < SPANS);
	image->spans[image->count++] = (struct span){from, len};
	image->total += len;
}

/* A record's columns from `first` on: their types and their contents. */
static void add_columns(struct image *image, size_t record, int first)
{
	uint64_t header = 0;
	uint64_t type = 0;
	size_t at = record + varint(image->bytes + record, &header);
	size_t content = record + header;
	for (int column = 0; at < record + header; column++) {
		size_t step = varint(image->bytes + at, &type);
		if (column >= first) {
			add_span(image, at, step);
			add_span(image, content, content_len(type));
		}
		at += step;
		content += content_len(type);
	}
}

/* first < 0: whole cells, the row's number and all. */
static void add_page(struct image *image, size_t page, int first)
{
	const unsigned char *head = image->bytes + page;
	assert_int_equal(head[0], 0x0d);
	size_t cells = (size_t)head[3] << 8 | head[4];
	for (size_t i = 0; i < cells; i++) {
		uint64_t payload = 0;
		uint64_t row = 0;
		size_t cell = page + ((size_t)head[8 + 2 * i] << 8 | head[9 + 2 * i]);
		size_t record = cell + varint(image->bytes + cell, &payload);
		record += varint(image->bytes + record, &row);
		if (first < 0)
			add_span(image, cell, record + payload - cell);
		else
			add_columns(image, record, first);
	}
}

static void add_table(struct image *image, const char *path, const char *table, int first)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(db, "SELECT pgoffset FROM dbstat WHERE name = ? AND pagetype = 'leaf'", -1,
			&stmt, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC), SQLITE_OK);
	while (sqlite3_step(stmt) == SQLITE_ROW)
		add_page(image, (size_t)sqlite3_column_int64(stmt, 0), first);
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void path_in(const char *dir, const char *name, char out[160])
{
	(void)snprintf(out, 160, "%s/%s", dir, name);
}

static void load(struct image *image, const char *path)
{
	FILE *file = fopen(path, "rb");
	assert_non_null(file);
	image->bytes = malloc(IMAGE_MAX);
	assert_non_null(image->bytes);
	image->len = fread(image->bytes, 1, IMAGE_MAX, file);
	assert_true(image->len < IMAGE_MAX);
	assert_int_equal(fclose(file), 0);
}

static void ignore(void *context, const struct finding *finding)
{
	(void)context;
	(void)finding;
}

/* Whether verify says anything about the image as it is now. */
static bool is_found(const struct image *image, const char *dir)
{
	char path[160];
	struct verify_counts counts = {0};
	struct reader *reader = NULL;
	path_in(dir, "tsuzuki.db-wal", path);
	(void)remove(path);
	path_in(dir, "tsuzuki.db-shm", path);
	(void)remove(path);
	path_in(dir, "tsuzuki.db", path);
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(image->bytes, 1, image->len, file), image->len);
	assert_int_equal(fclose(file), 0);
	enum err err = reader_open(dir, &reader);
	if (!err)
		err = verify_run(reader, ignore, NULL, &counts);
	reader_close(reader);
	return err || counts.findings;
}

/* Flips bits of the spans, one at a time; how many of FLIPS are found. */
static int flip(struct image *image, const char *dir, uint64_t seed)
{
	int found = 0;
	for (int i = 0; i < FLIPS; i++) {
		size_t at = (size_t)(draw(&seed) % image->total);
		unsigned bit = (unsigned)(draw(&seed) % 8);
		size_t span = 0;
		while (at >= image->spans[span].len)
			at -= image->spans[span++].len;
		at += image->spans[span].from;
		image->bytes[at] = (unsigned char)(image->bytes[at] ^ 1u << bit);
		if (is_found(image, dir))
			found++;
		else
			print_message("missed: byte %zu of span %zu, bit %u\n", at - image->spans[span].from,
				span, bit);
		image->bytes[at] = (unsigned char)(image->bytes[at] ^ 1u << bit);
	}
	assert_false(is_found(image, dir));
	return found;
}

static void live(struct fixture *f)
{
	static const char *const keys[] = {"bebop", "naruto", "one-piece"};
	for (size_t i = 0; i < 3; i++) {
		for (int n = 0; n < 4; n++) {
			struct op op = test_watchlist(f, keys[i], "watching");
			op.values[REG_RATING].f[0] = (struct field){.i = 4 + n};
			op.values[REG_TOTAL].f[0].i = 100 + n;
			op.values[REG_NOTES].f[0].s = STR("notes on it");
			(void)fixture_op(f, &op);
			fixture_pass(f, 1000);
			op = test_progress(f, EVENT_HEARTBEAT, "tv", 7, 100.25 * n);
			op.key = str_from(keys[i]);
			op.present |= 1u << REG_TITLE | 1u << REG_IMAGE;
			op.values[REG_TITLE].f[0].s = STR("Title");
			op.values[REG_IMAGE].f[0].s = STR("https://example.com/a.jpg");
			(void)fixture_op(f, &op);
			fixture_pass(f, 1000);
		}
	}
}

static void flips_are_found(void **state)
{
	static const struct {
		const char *table;
		int first;
	} targets[] = {{"journal", -1}, {"watchlist", ITEM_HEAD_WATCHLIST}, {"progress", ITEM_HEAD_PROGRESS}};
	struct fixture *f = fixture_open();
	char path[160];
	char copy[160];
	(void)state;
	live(f);
	checked_agrees(f);
	/* Closing copies the WAL into the file. */
	checked_sql(f, "PRAGMA wal_checkpoint(TRUNCATE)");
	path_in(f->dir, "tsuzuki.db", path);
	path_in(f->dir, "copy-XXXXXX", copy);
	assert_non_null(mkdtemp(copy));
	for (size_t i = 0; i < 3; i++) {
		struct image image = {.count = 0};
		load(&image, path);
		add_table(&image, path, targets[i].table, targets[i].first);
		int found = flip(&image, copy, i);
		print_message("%s: %d of %d flips in %zu bytes found\n", targets[i].table, found, FLIPS,
			image.total);
		assert_true(found * 1000 >= FLIPS * 999);
		free(image.bytes);
	}
	fixture_close(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(flips_are_found)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
