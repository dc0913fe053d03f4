/* Register values: validity, canonical JSON and its order (sync-protocol.md sections 2 and 4). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sync/registers.h"

static void order_is_that_of_the_canonical_json(void **state)
{
	static const char *const texts[] = {
		"", "!", "\"", "#", "a", "a\"", "a\\", "a\n", "aa", "b", "\xc3\xa9", "\x1f"};
	static const int64_t numbers[] = {0, 1, 5, 9, 10, 57, 100, 999999};
	struct buf left = buf_make(4096);
	struct buf right = buf_make(4096);
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		for (size_t j = 0; j < sizeof texts / sizeof texts[0]; j++) {
			struct value a = {.f = {{.s = str_from(texts[i])}}};
			struct value b = {.f = {{.s = str_from(texts[j])}}};
			buf_clear(&left);
			buf_clear(&right);
			value_json(REG_NOTES, &a, &left);
			value_json(REG_NOTES, &b, &right);
			int expected = str_cmp(buf_str(&left), buf_str(&right));
			int found = value_cmp(REG_NOTES, &a, &b);
			assert_int_equal((expected > 0) - (expected < 0), (found > 0) - (found < 0));
		}
	}
	for (size_t i = 0; i < 64; i++) {
		for (size_t j = 0; j < 64; j++) {
			struct value a = {
				.f = {{.i = numbers[i % 8]}, {.r = (double)numbers[i / 8]}, {.r = 5}}};
			struct value b = {
				.f = {{.i = numbers[j % 8]}, {.r = (double)numbers[j / 8]}, {.r = 57}}};
			buf_clear(&left);
			buf_clear(&right);
			value_json(REG_POSITION, &a, &left);
			value_json(REG_POSITION, &b, &right);
			int expected = str_cmp(buf_str(&left), buf_str(&right));
			int found = value_cmp(REG_POSITION, &a, &b);
			assert_int_equal((expected > 0) - (expected < 0), (found > 0) - (found < 0));
		}
	}
	buf_free(&left);
	buf_free(&right);
}

static void bounds_are_kept(void **state)
{
	struct value v = value_default(REG_RATING);
	(void)state;
	assert_true(value_valid(REG_RATING, &v));
	v.f[0] = (struct field){.i = 11};
	assert_false(value_valid(REG_RATING, &v));
	v.f[0] = (struct field){.i = 0};
	assert_false(value_valid(REG_RATING, &v));
	v = value_default(REG_POSITION);
	v.f[POSITION_EPISODE].i = 1;
	assert_true(value_valid(REG_POSITION, &v));
	v.f[POSITION_TIME].r = (double)NAN;
	assert_false(value_valid(REG_POSITION, &v));
	v.f[POSITION_TIME].r = 10000001;
	assert_false(value_valid(REG_POSITION, &v));
	v = value_default(REG_NOTES);
	v.f[0].s = STR("\xed\xa0\x80"); /* a surrogate */
	assert_false(value_valid(REG_NOTES, &v));
	v = value_default(REG_STATUS);
	v.f[0].s = STR("rewatching");
	assert_false(value_valid(REG_STATUS, &v));
}

static void registers_come_back_from_their_json(void **state)
{
	struct value values[REG_COUNT];
	struct value back[REG_COUNT];
	struct arena arena = arena_make(1 << 16);
	struct buf text = buf_make(4096);
	unsigned present = 0;
	(void)state;
	memset(back, 0, sizeof back);
	for (int reg = 0; reg < REG_COUNT; reg++)
		values[reg] = value_default((enum reg)reg);
	values[REG_POSITION].f[POSITION_EPISODE].i = 13;
	values[REG_POSITION].f[POSITION_TIME].r = 720.125;
	values[REG_TITLE].f[0].s = STR("Caf\xc3\xa9 \"quoted\" \\ \n");
	unsigned set = 1u << REG_POSITION | 1u << REG_TITLE;
	registers_json(set, values, &text);
	assert_int_equal(
		registers_parse(buf_str(&text), COLLECTION_PROGRESS, &arena, &present, back), ERR_OK);
	assert_int_equal(present, set);
	assert_true(value_eq(REG_POSITION, &values[REG_POSITION], &back[REG_POSITION]));
	assert_true(value_eq(REG_TITLE, &values[REG_TITLE], &back[REG_TITLE]));
	assert_int_equal(
		registers_parse(STR("{\"position\":7}"), COLLECTION_PROGRESS, &arena, &present, back),
		ERR_CORRUPT);
	assert_int_equal(
		registers_parse(STR("[1"), COLLECTION_PROGRESS, &arena, &present, back), ERR_CORRUPT);
	buf_free(&text);
	arena_free(&arena);
}

static void numbers_are_the_shortest_that_read_back(void **state)
{
	static const struct {
		double value;
		const char *text;
	} cases[] = {{0, "0"}, {720, "720"}, {0.1, "0.1"}, {1.6, "1.6"}, {1234567.891, "1234567.891"},
		{1e7, "10000000"}, {1.0 / 3, "0.3333333333333333"}};
	struct buf b = buf_make(64);
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		buf_clear(&b);
		buf_json_real(&b, cases[i].value);
		assert_string_equal(b.ptr, cases[i].text);
	}
	buf_free(&b);
}

static void times_are_iso_8601(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {{0, "\"1970-01-01T00:00:00.000Z\""}, {1771000000123, "\"2026-02-13T16:26:40.123Z\""},
		{951782400000, "\"2000-02-29T00:00:00.000Z\""},
		{4107542399999, "\"2100-02-28T23:59:59.999Z\""}, {INT64_MAX, "\"9999-12-31T23:59:59.999Z\""},
		{-1, "\"1970-01-01T00:00:00.000Z\""}};
	struct buf b = buf_make(64);
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		buf_clear(&b);
		buf_json_time(&b, cases[i].ms);
		assert_string_equal(b.ptr, cases[i].text);
	}
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_is_that_of_the_canonical_json),
		cmocka_unit_test(bounds_are_kept),
		cmocka_unit_test(registers_come_back_from_their_json),
		cmocka_unit_test(numbers_are_the_shortest_that_read_back),
		cmocka_unit_test(times_are_iso_8601),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
