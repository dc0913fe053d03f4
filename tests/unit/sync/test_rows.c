/* Rows as structs and back: every column keeps its own value, through inserting and through rewriting. */
#include <stdio.h>
#include <string.h>

#include "sync/rows.h"
#include "tests/unit/sync/support.h"

struct rows {
	struct fixture *f;
	sqlite3 *db;
	struct statements s;
	struct arena arena;
	int64_t next; /* a number that nothing else has */
};

static int setup(void **state)
{
	static struct rows r;
	char path[128];
	r = (struct rows){.f = fixture_open(), .arena = arena_make((size_t)1 << 20), .next = 1};
	(void)snprintf(path, sizeof path, "%s/tsuzuki.db", r.f->dir);
	assert_int_equal(sqlite_open(path, 0, &r.db), ERR_OK);
	stmt_open(&r.s, r.db);
	*state = &r;
	return 0;
}

static int teardown(void **state)
{
	struct rows *r = *state;
	stmt_close(&r->s);
	sqlite_close(r->db);
	arena_free(&r->arena);
	fixture_close(r->f);
	return 0;
}

static int64_t number(struct rows *r)
{
	return r->next++;
}

static struct stamp a_stamp(struct rows *r)
{
	return stamp_make(1000000 + number(r), (unsigned)number(r), test_device((unsigned char)number(r)));
}

static struct str a_text(struct rows *r)
{
	char text[32];
	struct str copy;
	(void)snprintf(text, sizeof text, "text %lld", (long long)number(r));
	assert_true(arena_str(&r->arena, str_from(text), &copy));
	return copy;
}

static int64_t one(struct rows *r, const char *sql, int64_t id)
{
	sqlite3_stmt *stmt = NULL;
	assert_int_equal(sqlite3_prepare_v2(r->db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_bind_int64(stmt, 1, id), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	int64_t value = sqlite3_column_int64(stmt, 0);
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	return value;
}

/* --- account --- */

static struct account an_account(struct rows *r, uint64_t user)
{
	struct account a = {.user = user, .head = number(r), .head_row = number(r)};
	(void)snprintf(a.epoch, sizeof a.epoch, "%08x", (unsigned)number(r));
	a.epoch_began = number(r);
	memset(a.boot, (int)number(r), sizeof a.boot);
	a.clock = (struct stamp_clock){number(r), (unsigned)number(r), -number(r), number(r)};
	memset(a.id_key, (int)number(r), sizeof a.id_key);
	for (int c = 0; c < COLLECTION_COUNT; c++) {
		a.cleared[c] = a_stamp(r);
		a.keys[c] = number(r);
	}
	for (int i = 0; i < STATUS_COUNT; i++)
		a.statuses[i] = number(r);
	a.rated = number(r);
	a.rating_sum = number(r);
	return a;
}

static void same_account(const struct account *a, const struct account *b)
{
	assert_int_equal(a->user, b->user);
	assert_int_equal(a->head, b->head);
	assert_int_equal(a->head_row, b->head_row);
	assert_string_equal(a->epoch, b->epoch);
	assert_int_equal(a->epoch_began, b->epoch_began);
	assert_memory_equal(a->boot, b->boot, BOOT_SIZE);
	assert_int_equal(a->clock.ms, b->clock.ms);
	assert_int_equal(a->clock.counter, b->clock.counter);
	assert_int_equal(a->clock.offset, b->clock.offset);
	assert_int_equal(a->clock.run, b->clock.run);
	assert_memory_equal(a->id_key, b->id_key, ID_KEY_SIZE);
	for (int c = 0; c < COLLECTION_COUNT; c++) {
		assert_int_equal(stamp_cmp(a->cleared[c], b->cleared[c]), 0);
		assert_int_equal(a->keys[c], b->keys[c]);
	}
	assert_memory_equal(a->statuses, b->statuses, sizeof a->statuses);
	assert_int_equal(a->rated, b->rated);
	assert_int_equal(a->rating_sum, b->rating_sum);
	assert_int_equal(a->purge, b->purge);
}

static void an_account_comes_back(void **state)
{
	struct rows *r = *state;
	struct account saved = an_account(r, 4711);
	struct account other = an_account(r, 4712);
	struct account loaded;
	saved.purge = PURGE_WATCHLIST_BIT;
	assert_int_equal(account_insert(&r->s, &saved), ERR_OK);
	assert_int_equal(account_insert(&r->s, &other), ERR_OK);
	assert_int_equal(account_insert(&r->s, &saved), ERR_CONFLICT);
	assert_int_equal(account_load(&r->s, 4711, &loaded), ERR_OK);
	same_account(&loaded, &saved);
	/* Rewritten whole, but for what slices have to do: that is theirs. */
	struct account changed = an_account(r, 4711);
	memset(&changed.cleared[COLLECTION_PROGRESS], 0, sizeof changed.cleared[0]);
	assert_int_equal(account_save(&r->s, &changed), ERR_OK);
	assert_int_equal(account_load(&r->s, 4711, &loaded), ERR_OK);
	changed.purge = PURGE_WATCHLIST_BIT;
	same_account(&loaded, &changed);
	assert_int_equal(account_load(&r->s, 4712, &loaded), ERR_OK);
	same_account(&loaded, &other);
}

static void an_account_that_is_being_deleted_is_not_found(void **state)
{
	struct rows *r = *state;
	struct account a = an_account(r, 4711);
	struct account loaded = {.user = 7};
	assert_int_equal(account_load(&r->s, 4711, &loaded), ERR_NOT_FOUND);
	a.purge = PURGE_ACCOUNT_BIT;
	assert_int_equal(account_insert(&r->s, &a), ERR_OK);
	assert_int_equal(account_load(&r->s, 4711, &loaded), ERR_NOT_FOUND);
	assert_int_equal(loaded.user, 7);
}

static void an_account_with_a_broken_blob_is_damage(void **state)
{
	static const char *const breaks[] = {"UPDATE account SET boot = x'00'",
		"UPDATE account SET id_key = x'0011'", "UPDATE account SET progress_cleared = x'00'"};
	struct rows *r = *state;
	for (size_t i = 0; i < sizeof breaks / sizeof breaks[0]; i++) {
		struct account loaded;
		assert_int_equal(sqlite_exec(r->db, "SAVEPOINT s"), ERR_OK);
		assert_int_equal(sqlite_exec(r->db, breaks[i]), ERR_OK);
		assert_int_equal(account_load(&r->s, r->f->user, &loaded), ERR_CORRUPT);
		assert_int_equal(sqlite_exec(r->db, "ROLLBACK TO s; RELEASE s"), ERR_OK);
		assert_int_equal(account_load(&r->s, r->f->user, &loaded), ERR_OK);
	}
}

/* --- items --- */

static struct field a_field(struct rows *r, enum field_type type)
{
	switch (type) {
	case FIELD_REAL:
		return (struct field){.r = (double)number(r) + 0.25};
	case FIELD_TEXT:
	case FIELD_STATUS:
	case FIELD_DUB:
		return (struct field){.s = a_text(r)};
	default:
		return (struct field){.i = number(r)};
	}
}

static struct item an_item(struct rows *r, enum collection collection, int64_t id)
{
	struct item it;
	item_init(&it, collection, a_text(r));
	it.id = id;
	memset(it.oid, (int)number(r), OID_SIZE);
	it.seq = number(r);
	it.push = number(r);
	it.deleted = a_stamp(r);
	it.deleted_row = number(r);
	it.created = number(r);
	it.rows = number(r);
	if (collection == COLLECTION_PROGRESS) {
		it.running = RUNNING_WAITS;
		it.place_session = a_text(r);
		it.place_began = number(r);
	}
	for (int reg = 0; reg < REG_COUNT; reg++) {
		if (!register_of((enum reg)reg, collection))
			continue;
		for (size_t i = 0; i < register_defs[reg].fields; i++)
			it.cells[reg].value.f[i] = a_field(r, register_defs[reg].field[i].type);
		it.cells[reg].stamp = a_stamp(r);
		it.cells[reg].row = number(r);
	}
	return it;
}

static void same_item(const struct item *a, const struct item *b)
{
	assert_int_equal(a->collection, b->collection);
	assert_int_equal(a->id, b->id);
	assert_true(str_eq(a->key, b->key));
	assert_memory_equal(a->oid, b->oid, OID_SIZE);
	assert_int_equal(a->seq, b->seq);
	assert_int_equal(a->push, b->push);
	assert_int_equal(stamp_cmp(a->deleted, b->deleted), 0);
	assert_int_equal(a->deleted_row, b->deleted_row);
	assert_int_equal(a->created, b->created);
	assert_int_equal(a->rows, b->rows);
	assert_int_equal(a->running, b->running);
	assert_true(str_eq(a->place_session, b->place_session));
	assert_int_equal(a->place_began, b->place_began);
	for (int reg = 0; reg < REG_COUNT; reg++) {
		if (!register_of((enum reg)reg, a->collection))
			continue;
		if (!value_eq((enum reg)reg, &a->cells[reg].value, &b->cells[reg].value))
			fail_msg("%s differs", register_defs[reg].name);
		assert_int_equal(stamp_cmp(a->cells[reg].stamp, b->cells[reg].stamp), 0);
		assert_int_equal(a->cells[reg].row, b->cells[reg].row);
	}
}

static void an_item_comes_back_inserted_and_rewritten(void **state)
{
	static const struct stamp never = {{0}};
	struct rows *r = *state;
	for (int c = 0; c < COLLECTION_COUNT; c++) {
		struct item loaded;
		struct item saved = an_item(r, (enum collection)c, 77);
		struct item other = an_item(r, (enum collection)c, 78);
		assert_int_equal(item_save(&r->s, 4711, &saved, never), ERR_OK);
		assert_int_equal(item_save(&r->s, 4711, &other, never), ERR_OK);
		assert_int_equal(
			item_load(&r->s, 4711, (enum collection)c, saved.key, &r->arena, &loaded), ERR_OK);
		assert_false(loaded.fresh);
		same_item(&loaded, &saved);
		/* Nobody else's. */
		assert_int_equal(item_load(&r->s, 4712, (enum collection)c, saved.key, &r->arena, &loaded),
			ERR_NOT_FOUND);
		/* The key and the _id are what it is; everything else changes. */
		struct item changed = an_item(r, (enum collection)c, 77);
		changed.fresh = false;
		changed.key = saved.key;
		memcpy(changed.oid, saved.oid, OID_SIZE);
		assert_int_equal(item_save(&r->s, 4711, &changed, never), ERR_OK);
		assert_int_equal(
			item_load(&r->s, 4711, (enum collection)c, saved.key, &r->arena, &loaded), ERR_OK);
		same_item(&loaded, &changed);
		assert_int_equal(
			item_load(&r->s, 4711, (enum collection)c, other.key, &r->arena, &loaded), ERR_OK);
		same_item(&loaded, &other);
	}
}

static void what_is_not_set_comes_back_as_not_set(void **state)
{
	static const struct stamp never = {{0}};
	struct rows *r = *state;
	struct item it;
	struct item loaded;
	item_init(&it, COLLECTION_WATCHLIST, STR("bare"));
	it.id = 5;
	it.cells[REG_RATING].value.f[0].null = true;
	assert_int_equal(item_save(&r->s, 4711, &it, never), ERR_OK);
	assert_int_equal(
		item_load(&r->s, 4711, COLLECTION_WATCHLIST, STR("bare"), &r->arena, &loaded), ERR_OK);
	same_item(&loaded, &it);
	assert_true(loaded.cells[REG_RATING].value.f[0].null);
	assert_false(stamp_set(loaded.deleted));
	assert_int_equal(item_load_oid(&r->s, 4711, it.oid, &r->arena, &loaded), ERR_OK);
	assert_true(str_eq(loaded.key, STR("bare")));
	it.oid[0] ^= 1;
	assert_int_equal(item_load_oid(&r->s, 4711, it.oid, &r->arena, &loaded), ERR_NOT_FOUND);
}

static void derived_columns_follow_the_barrier(void **state)
{
	static const struct stamp never = {{0}};
	struct rows *r = *state;
	struct item it;
	item_init(&it, COLLECTION_PROGRESS, STR("derived"));
	it.id = 9;
	it.cells[REG_OPENED].stamp = stamp_make(2000, 0, r->f->device);
	it.cells[REG_POSITION].stamp = stamp_make(3000, 0, r->f->device);
	it.cells[REG_TITLE].stamp = stamp_make(4000, 0, r->f->device);
	assert_int_equal(item_save(&r->s, 4711, &it, never), ERR_OK);
	assert_int_equal(one(r, "SELECT shown FROM progress WHERE id = ?", 9), 1);
	assert_int_equal(one(r, "SELECT updated FROM progress WHERE id = ?", 9), 4000);
	assert_int_equal(one(r, "SELECT last_watched FROM progress WHERE id = ?", 9), 3000);
	assert_int_equal(one(r, "SELECT newest = title_stamp FROM progress WHERE id = ?", 9), 1);
	it.fresh = false;
	assert_int_equal(item_save(&r->s, 4711, &it, stamp_make(3000, 0, r->f->device)), ERR_OK);
	assert_int_equal(one(r, "SELECT shown FROM progress WHERE id = ?", 9), 0);
	assert_int_equal(one(r, "SELECT last_watched FROM progress WHERE id = ?", 9), 0);
}

static void a_tick_rewrites_what_a_tick_changes(void **state)
{
	static const struct stamp never = {{0}};
	struct rows *r = *state;
	struct item it = an_item(r, COLLECTION_PROGRESS, 12);
	struct item loaded;
	memset(&it.deleted, 0, sizeof it.deleted);
	assert_int_equal(item_save(&r->s, 4711, &it, never), ERR_OK);
	it.seq = number(r);
	it.push = number(r);
	it.place_began = number(r);
	it.cells[REG_POSITION].value.f[POSITION_TIME].r = 1234.5;
	it.cells[REG_POSITION].value.f[POSITION_DURATION].r = 2345.5;
	it.cells[REG_POSITION].stamp = stamp_make(9000000, 0, r->f->device);
	struct item tick = it;
	tick.created = number(r); /* what no tick changes is not written, whatever the struct says */
	tick.rows = number(r);
	assert_int_equal(item_save_tick(&r->s, &tick, never), ERR_OK);
	assert_int_equal(item_load(&r->s, 4711, COLLECTION_PROGRESS, it.key, &r->arena, &loaded), ERR_OK);
	same_item(&loaded, &it);
	assert_int_equal(one(r, "SELECT last_watched FROM progress WHERE id = ?", 12), 9000000);
	assert_int_equal(one(r, "SELECT updated FROM progress WHERE id = ?", 12), 9000000);
	assert_int_equal(one(r, "SELECT newest = position_stamp FROM progress WHERE id = ?", 12), 1);
}

/* --- journal and playback --- */

static void same_row(const struct journal_row *a, const struct journal_row *b)
{
	assert_int_equal(a->row, b->row);
	assert_int_equal(a->collection, b->collection);
	assert_int_equal(a->item, b->item);
	assert_int_equal(a->seq, b->seq);
	assert_int_equal(a->first_seq, b->first_seq);
	assert_int_equal(stamp_cmp(a->stamp, b->stamp), 0);
	assert_int_equal(a->received, b->received);
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->event, b->event);
	assert_true(str_eq(a->session, b->session));
	assert_int_equal(a->outcome, b->outcome);
	assert_int_equal(a->rule, b->rule);
	assert_true(str_eq(a->registers, b->registers));
}

static struct journal_row a_row(struct rows *r, int64_t row)
{
	return (struct journal_row){.row = row,
		.collection = COLLECTION_PROGRESS,
		.item = number(r),
		.seq = number(r),
		.first_seq = number(r),
		.stamp = a_stamp(r),
		.received = number(r),
		.kind = OP_DELETE,
		.event = EVENT_SEEK,
		.session = a_text(r),
		.outcome = OUTCOME_CANDIDATE,
		.rule = RULE_PAUSED_PLAYER,
		.registers = a_text(r)};
}

static void a_journal_row_comes_back_and_coalesces_on(void **state)
{
	struct rows *r = *state;
	struct journal_row saved = a_row(r, 500);
	struct journal_row loaded;
	assert_int_equal(journal_insert(&r->s, 4711, &saved), ERR_OK);
	assert_int_equal(journal_insert(&r->s, 4711, &saved), ERR_CONFLICT);
	assert_int_equal(journal_load(&r->s, 4711, 500, &r->arena, &loaded), ERR_OK);
	same_row(&loaded, &saved);
	assert_int_equal(journal_load(&r->s, 4712, 500, &r->arena, &loaded), ERR_NOT_FOUND);
	assert_int_equal(loaded.fixed_sum, journal_fixed_sum(&saved, 4711));
	assert_int_equal(loaded.sum, journal_sum(&saved, 4711));
	struct journal_row on = a_row(r, 500);
	saved.seq = on.seq;
	saved.stamp = on.stamp;
	saved.received = on.received;
	saved.registers = on.registers;
	saved.rule = on.rule = RULE_NEWEST;
	assert_int_equal(journal_rewrite(&r->s, 4711, &on), ERR_OK);
	assert_int_equal(journal_load(&r->s, 4711, 500, &r->arena, &loaded), ERR_OK);
	same_row(&loaded, &saved);
}

/* A bit that flips anywhere in a row shows in one of its checksums, and only in that. */
static void checksums_cover_every_column(void **state)
{
	struct rows *r = *state;
	const struct journal_row row = a_row(r, 500);
	struct journal_row fixed[7];
	struct journal_row moving[5];
	for (size_t i = 0; i < 7; i++)
		fixed[i] = row;
	for (size_t i = 0; i < 5; i++)
		moving[i] = row;
	fixed[0].collection = COLLECTION_WATCHLIST;
	fixed[1].item ^= 1;
	fixed[2].first_seq ^= 1;
	fixed[3].kind = OP_SET;
	fixed[4].event = EVENT_STOP;
	fixed[5].outcome = OUTCOME_APPLIED;
	fixed[6].session = STR("other");
	moving[0].seq ^= 1;
	moving[1].received ^= 1;
	moving[2].rule = RULE_NEWEST;
	moving[3].stamp.bytes[15] ^= 1;
	moving[4].registers = STR("{}");
	for (size_t i = 0; i < 7; i++) {
		assert_int_not_equal(journal_fixed_sum(&fixed[i], 4711), journal_fixed_sum(&row, 4711));
		assert_int_equal(journal_sum(&fixed[i], 4711), journal_sum(&row, 4711));
	}
	for (size_t i = 0; i < 5; i++) {
		assert_int_not_equal(journal_sum(&moving[i], 4711), journal_sum(&row, 4711));
		assert_int_equal(journal_fixed_sum(&moving[i], 4711), journal_fixed_sum(&row, 4711));
	}
	assert_int_not_equal(journal_sum(&row, 4712), journal_sum(&row, 4711));
	assert_int_not_equal(journal_fixed_sum(&row, 4712), journal_fixed_sum(&row, 4711));
}

static void a_journal_row_of_unknown_words_is_damage(void **state)
{
	static const char *const breaks[] = {"UPDATE journal SET event = 7", "UPDATE journal SET event = -1",
		"UPDATE journal SET outcome = 5", "UPDATE journal SET rule = 6",
		"UPDATE journal SET stamp = x'00'"};
	struct rows *r = *state;
	struct journal_row row = a_row(r, 500);
	assert_int_equal(journal_insert(&r->s, 4711, &row), ERR_OK);
	for (size_t i = 0; i < sizeof breaks / sizeof breaks[0]; i++) {
		assert_int_equal(sqlite_exec(r->db, "SAVEPOINT s"), ERR_OK);
		assert_int_equal(sqlite_exec(r->db, breaks[i]), ERR_OK);
		assert_int_equal(journal_load(&r->s, 4711, 500, &r->arena, &row), ERR_CORRUPT);
		assert_int_equal(sqlite_exec(r->db, "ROLLBACK TO s; RELEASE s"), ERR_OK);
	}
}

static void a_playback_comes_back_and_the_oldest_goes(void **state)
{
	struct rows *r = *state;
	struct playback loaded;
	for (int i = 0; i < 6; i++) {
		struct playback saved = {.known = true,
			.began = 10 + i,
			.last = 100 + i,
			.ticked = i % 2 == 0,
			.anchor_episode = 20 + i,
			.anchor_time = 30.5 + i,
			.candidate_row = 40 + i};
		char session[2] = {(char)('a' + i), 0};
		assert_int_equal(
			playback_save(&r->s, 4711, 3, r->f->device, str_from(session), &saved, 4), ERR_OK);
		assert_int_equal(
			playback_load(&r->s, 4711, 3, r->f->device, str_from(session), &loaded), ERR_OK);
		assert_true(loaded.known);
		assert_int_equal(loaded.began, saved.began);
		assert_int_equal(loaded.last, saved.last);
		assert_int_equal(loaded.ticked, saved.ticked);
		assert_int_equal(loaded.anchor_episode, saved.anchor_episode);
		assert_true(loaded.anchor_time == saved.anchor_time);
		assert_int_equal(loaded.candidate_row, saved.candidate_row);
	}
	assert_int_equal(one(r, "SELECT count(*) FROM playback WHERE user = ?", 4711), 4);
	assert_int_equal(playback_load(&r->s, 4711, 3, r->f->device, STR("b"), &loaded), ERR_OK);
	assert_false(loaded.known);
	assert_int_equal(playback_load(&r->s, 4711, 3, r->f->device, STR("c"), &loaded), ERR_OK);
	assert_true(loaded.known);
	assert_int_equal(playback_load(&r->s, 4711, 3, test_device(9), STR("c"), &loaded), ERR_OK);
	assert_false(loaded.known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_account_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_account_that_is_being_deleted_is_not_found, setup, teardown),
		cmocka_unit_test_setup_teardown(an_account_with_a_broken_blob_is_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(an_item_comes_back_inserted_and_rewritten, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_not_set_comes_back_as_not_set, setup, teardown),
		cmocka_unit_test_setup_teardown(derived_columns_follow_the_barrier, setup, teardown),
		cmocka_unit_test_setup_teardown(a_tick_rewrites_what_a_tick_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(a_journal_row_comes_back_and_coalesces_on, setup, teardown),
		cmocka_unit_test_setup_teardown(checksums_cover_every_column, setup, teardown),
		cmocka_unit_test_setup_teardown(a_journal_row_of_unknown_words_is_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(a_playback_comes_back_and_the_oldest_goes, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
