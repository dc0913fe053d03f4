/* An item: what of it counts, exists, is shown and is erased, by its stamps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sync/item.h"

static const struct stamp never = {{0}};

static struct stamp at(int64_t ms)
{
	struct device_id device = {{1}};
	return stamp_make(ms, 0, device);
}

static struct item progress(void)
{
	struct item it;
	item_init(&it, COLLECTION_PROGRESS, STR("anime-1"));
	return it;
}

static void write(struct item *it, enum reg reg, int64_t ms, int64_t row)
{
	it->cells[reg].stamp = at(ms);
	it->cells[reg].row = row;
}

static void a_new_item_is_nothing_but_defaults(void **state)
{
	struct item it;
	(void)state;
	for (int c = 0; c < COLLECTION_COUNT; c++) {
		memset(&it, 0xff, sizeof it);
		item_init(&it, (enum collection)c, STR("k"));
		assert_true(it.fresh);
		assert_int_equal(it.id, 0);
		assert_true(str_eq(it.key, STR("k")));
		assert_false(stamp_set(item_newest(&it)));
		assert_false(item_exists(&it, never));
		assert_false(item_shown(&it, never));
		for (int reg = 0; reg < REG_COUNT; reg++) {
			struct value standard = value_default((enum reg)reg);
			assert_true(value_eq((enum reg)reg, &it.cells[reg].value, &standard));
			assert_false(item_holds(&it, (enum reg)reg, never));
		}
	}
}

static void registers_belong_to_their_collections(void **state)
{
	(void)state;
	assert_true(register_of(REG_TITLE, COLLECTION_WATCHLIST));
	assert_true(register_of(REG_TITLE, COLLECTION_PROGRESS));
	assert_true(register_of(REG_STATUS, COLLECTION_WATCHLIST));
	assert_false(register_of(REG_STATUS, COLLECTION_PROGRESS));
	assert_false(register_of(REG_POSITION, COLLECTION_WATCHLIST));
	assert_true(register_of(REG_OPENED, COLLECTION_PROGRESS));
}

static void a_register_counts_only_above_both_barriers(void **state)
{
	struct item it = progress();
	(void)state;
	write(&it, REG_POSITION, 1000, 5);
	assert_true(item_holds(&it, REG_POSITION, never));
	assert_true(item_holds(&it, REG_POSITION, at(999)));
	assert_false(item_holds(&it, REG_POSITION, at(1000))); /* equal is not greater */
	assert_false(item_holds(&it, REG_POSITION, at(1001)));
	it.deleted = at(999);
	assert_true(item_holds(&it, REG_POSITION, never));
	assert_false(item_holds(&it, REG_POSITION, at(1000)));
	it.deleted = at(1000);
	assert_false(item_holds(&it, REG_POSITION, never));
	assert_false(item_holds(&it, REG_POSITION, at(1)));
	assert_int_equal(stamp_cmp(item_void(&it, at(999)), at(1000)), 0);
	assert_int_equal(stamp_cmp(item_void(&it, at(1001)), at(1001)), 0);
}

static void it_exists_by_any_register_and_is_shown_by_a_place(void **state)
{
	struct item it = progress();
	(void)state;
	write(&it, REG_TITLE, 1000, 1);
	assert_true(item_exists(&it, never));
	assert_false(item_shown(&it, never)); /* a title alone is no progress */
	write(&it, REG_OPENED, 900, 2);
	assert_true(item_shown(&it, never));
	assert_false(item_shown(&it, at(900)));
	assert_true(item_exists(&it, at(900)));
	write(&it, REG_POSITION, 950, 3);
	assert_true(item_shown(&it, at(900)));
	it.deleted = at(1000);
	assert_false(item_exists(&it, never));
	struct item listed;
	item_init(&listed, COLLECTION_WATCHLIST, STR("k"));
	write(&listed, REG_TITLE, 1000, 1);
	assert_true(item_shown(&listed, never));
	assert_false(item_shown(&listed, at(1000)));
	/* Registers of the other collection do not count, whatever stands in their cells. */
	item_init(&listed, COLLECTION_WATCHLIST, STR("k"));
	write(&listed, REG_POSITION, 1000, 1);
	assert_false(item_exists(&listed, never));
}

static void last_watched_is_the_greater_of_what_counts(void **state)
{
	struct item it = progress();
	(void)state;
	assert_int_equal(item_last_watched(&it, never), 0);
	write(&it, REG_TITLE, 5000, 1);
	assert_int_equal(item_last_watched(&it, never), 0);
	write(&it, REG_POSITION, 1000, 1);
	write(&it, REG_OPENED, 2000, 1);
	assert_int_equal(item_last_watched(&it, never), 2000);
	write(&it, REG_POSITION, 3000, 1);
	assert_int_equal(item_last_watched(&it, never), 3000);
	assert_int_equal(item_last_watched(&it, at(2500)), 3000);
	assert_int_equal(item_last_watched(&it, at(3000)), 0);
	assert_int_equal(stamp_ms(item_newest(&it)), 5000);
}

static void what_is_void_is_erased_and_titles_stay(void **state)
{
	struct item it = progress();
	(void)state;
	write(&it, REG_TITLE, 1000, 1);
	it.cells[REG_TITLE].value.f[0].s = STR("Title");
	write(&it, REG_POSITION, 1000, 2);
	it.cells[REG_POSITION].value.f[POSITION_TIME].r = 700;
	write(&it, REG_OPENED, 3000, 3);
	it.cells[REG_OPENED].value.f[OPENED_EPISODE].i = 9;
	it.place_session = STR("s");
	it.place_began = 500;
	item_void_values(&it, at(2000));
	assert_true(str_eq(it.cells[REG_TITLE].value.f[0].s, STR("Title")));
	assert_int_equal(it.cells[REG_TITLE].row, 1);
	assert_true(it.cells[REG_POSITION].value.f[POSITION_TIME].r == 0);
	assert_int_equal(it.cells[REG_POSITION].row, 0);
	/* Its stamp stays: it still has to lose against what comes later. */
	assert_int_equal(stamp_ms(it.cells[REG_POSITION].stamp), 1000);
	assert_int_equal(it.place_session.len, 0);
	assert_int_equal(it.place_began, 0);
	assert_int_equal(it.cells[REG_OPENED].value.f[OPENED_EPISODE].i, 9);
	assert_int_equal(it.cells[REG_OPENED].row, 3);
}

static void rows_that_hold_something_are_known(void **state)
{
	struct item it = progress();
	(void)state;
	write(&it, REG_TITLE, 1, 11);
	write(&it, REG_OPENED, 1, 12);
	it.deleted_row = 13;
	it.cells[REG_NOTES].row = 14; /* of the other collection */
	assert_true(item_holds_row(&it, 11));
	assert_true(item_holds_row(&it, 12));
	assert_true(item_holds_row(&it, 13));
	assert_false(item_holds_row(&it, 14));
	assert_false(item_holds_row(&it, 15));
	/* 0 means none, and most registers have none. */
	assert_false(item_holds_row(&it, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_item_is_nothing_but_defaults),
		cmocka_unit_test(registers_belong_to_their_collections),
		cmocka_unit_test(a_register_counts_only_above_both_barriers),
		cmocka_unit_test(it_exists_by_any_register_and_is_shown_by_a_place),
		cmocka_unit_test(last_watched_is_the_greater_of_what_counts),
		cmocka_unit_test(what_is_void_is_erased_and_titles_stay),
		cmocka_unit_test(rows_that_hold_something_are_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
