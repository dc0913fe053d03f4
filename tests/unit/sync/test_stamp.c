/* Stamps and the stamp clock (sync-protocol.md section 3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sync/stamp.h"

static const struct device_id device = {{0x3f, 0x9c, 0, 0, 0, 0, 0, 1}};

static void text_order_is_stamp_order(void **state)
{
	struct stamp stamps[] = {stamp_make(0, 0, device), stamp_make(0, 1, device),
		stamp_make(0, 0xffff, device), stamp_make(1, 0, device), stamp_make(0x19c54000000, 3, device),
		stamp_make(0xffffffffffff, 0, device)};
	char before[STAMP_TEXT_SIZE];
	char after[STAMP_TEXT_SIZE];
	(void)state;
	for (size_t i = 1; i < sizeof stamps / sizeof stamps[0]; i++) {
		struct stamp back;
		stamp_text(stamps[i - 1], before);
		stamp_text(stamps[i], after);
		assert_true(stamp_cmp(stamps[i - 1], stamps[i]) < 0);
		assert_true(strcmp(before, after) < 0);
		assert_true(stamp_parse(str_from(after), &back));
		assert_int_equal(stamp_cmp(back, stamps[i]), 0);
	}
	assert_string_equal(before, "019c540000000003-3f9c000000000001");
}

static void times_outside_the_range_are_clamped(void **state)
{
	(void)state;
	assert_int_equal(stamp_ms(stamp_make(-5, 0, device)), 0);
	assert_int_equal(stamp_ms(stamp_make(INT64_MAX, 0, device)), 0xffffffffffff);
	assert_int_equal(stamp_counter(stamp_make(1, 0xabcd, device)), 0xabcd);
	assert_true(device_eq(stamp_device(stamp_make(1, 2, device)), device));
}

static void what_is_no_stamp_is_refused(void **state)
{
	static const char *const bad[] = {"", "019c540000000003", "019c540000000003-3f9c00000000000",
		"019c540000000003_3f9c000000000001", "g19c540000000003-3f9c000000000001",
		"019c540000000003-3f9c0000000000011"};
	struct stamp s;
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(stamp_parse(str_from(bad[i]), &s));
}

static void stamps_made_here_always_grow(void **state)
{
	struct stamp_clock clock = {0};
	struct stamp last = {{0}};
	(void)state;
	for (int i = 0; i < 200000; i++) {
		struct stamp s = stamp_clock_make(&clock, 1000 + i / 70000, 0, device);
		assert_true(stamp_cmp(s, last) > 0);
		last = s;
	}
	assert_int_equal(stamp_ms(last), 1002 + 1 /* 70,000 in one ms overflow the counter once */);
}

static void a_wall_clock_set_back_while_running_does_not_turn_time_back(void **state)
{
	struct wall wall = {.run = 0};
	struct stamp_clock clock = {0};
	struct now now = {1000000, 5000};
	(void)state;
	(void)wall_look(&wall, now);
	assert_int_equal(stamp_clock_now(&clock, &wall, now, false), 1000000);
	(void)stamp_clock_make(&clock, 1000000, 0, device);
	now = (struct now){1000000 - 3600000 + 600000, 5000 + 600000}; /* ten minutes later, an hour back */
	(void)wall_look(&wall, now);
	assert_int_equal(stamp_clock_now(&clock, &wall, now, true), 1600000);
	/* A forward jump is taken as it comes; only going back is corrected. */
	now = (struct now){now.wall_ms + 10000000, now.mono_ms + 1000};
	(void)wall_look(&wall, now);
	assert_int_equal(stamp_clock_now(&clock, &wall, now, true), 1600000 + 10000000);
}

/* Two clocks are read one after the other and cut to milliseconds: what that makes of them must not add up.
 */
static void rounding_does_not_make_time_run_faster(void **state)
{
	struct wall wall = {.run = 0};
	(void)state;
	for (int64_t us = 0; us < 60000000; us += 370) {
		struct now now = {1000000 + (us + 300) / 1000, 5000 + (us + 800 + us % 700) / 1000};
		assert_in_range(wall_look(&wall, now), now.wall_ms, now.wall_ms);
	}
	assert_int_equal(wall.run, 0);
}

static void a_clock_that_is_set_back_bit_by_bit_is_noticed(void **state)
{
	struct wall wall = {.run = 0};
	int64_t shown = 0;
	(void)state;
	for (int i = 0; i < 1000; i++) /* each second the wall clock loses 5 ms */
		shown = wall_look(&wall, (struct now){1000000 + i * 995, 5000 + i * 1000});
	assert_in_range(shown, 1000000 + 999 * 1000 - 20, 1000000 + 999 * 1000);
}

static void after_a_start_time_does_not_fall_behind_what_it_showed(void **state)
{
	struct wall wall = {.run = 0};
	struct stamp_clock clock = {.ms = 5000000, .offset = 0, .run = 777};
	struct now now = {4000000, 100};
	(void)state;
	(void)wall_look(&wall, now);
	assert_int_equal(stamp_clock_now(&clock, &wall, now, false), 5000000);
	assert_int_equal(clock.offset, 1000000);
	now = (struct now){4001000, 1100};
	(void)wall_look(&wall, now);
	assert_int_equal(stamp_clock_now(&clock, &wall, now, true), 5001000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_order_is_stamp_order),
		cmocka_unit_test(times_outside_the_range_are_clamped),
		cmocka_unit_test(what_is_no_stamp_is_refused),
		cmocka_unit_test(stamps_made_here_always_grow),
		cmocka_unit_test(a_wall_clock_set_back_while_running_does_not_turn_time_back),
		cmocka_unit_test(rounding_does_not_make_time_run_faster),
		cmocka_unit_test(a_clock_that_is_set_back_bit_by_bit_is_noticed),
		cmocka_unit_test(after_a_start_time_does_not_fall_behind_what_it_showed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
