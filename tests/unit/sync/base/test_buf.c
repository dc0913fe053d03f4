/* The buffer with a ceiling and a sticky failure, and the JSON that is written into it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sync/base/buf.h"
#include "sync/base/check.h"

static void holds(struct buf *b, const char *text)
{
	assert_true(buf_ok(b));
	assert_int_equal(b->len, strlen(text));
	assert_string_equal(b->ptr, text);
	buf_clear(b);
}

static void it_grows_up_to_its_ceiling_exactly(void **state)
{
	struct buf b = buf_make(1000);
	(void)state;
	assert_null(b.ptr);
	for (size_t i = 0; i < 1000; i++)
		buf_char(&b, (char)('a' + i % 26));
	assert_true(buf_ok(&b));
	assert_int_equal(b.len, 1000);
	assert_int_equal(b.ptr[b.len], '\0');
	buf_char(&b, 'x');
	assert_false(buf_ok(&b));
	/* What was there stays; later additions, even empty or fitting ones, do nothing. */
	assert_int_equal(b.len, 1000);
	assert_int_equal(b.ptr[999], 'a' + 999 % 26);
	buf_free(&b);
	assert_null(b.ptr);
	assert_int_equal(b.cap, 1000);
}

static void the_first_failure_sticks(void **state)
{
	struct buf b = buf_make(4);
	(void)state;
	buf_text(&b, "abc");
	buf_text(&b, "de"); /* too much: nothing of it is taken */
	buf_char(&b, 'f');  /* would fit */
	assert_false(buf_ok(&b));
	assert_true(str_eq(buf_str(&b), STR("abc")));
	buf_clear(&b);
	buf_text(&b, "1234");
	holds(&b, "1234");
	buf_fmt(&b, "%s", "12345");
	assert_false(buf_ok(&b));
	buf_free(&b);
	b = buf_make(0);
	buf_add(&b, "", 0);
	assert_true(buf_ok(&b));
	buf_char(&b, 'a');
	assert_false(buf_ok(&b));
	buf_free(&b);
}

static void reserving_makes_additions_safe(void **state)
{
	struct buf b = buf_make(100);
	(void)state;
	buf_reserve(&b, 100);
	assert_true(buf_ok(&b));
	const char *before = b.ptr;
	for (int i = 0; i < 100; i++)
		buf_char(&b, 'x');
	assert_ptr_equal(b.ptr, before);
	buf_reserve(&b, 0);
	assert_true(buf_ok(&b));
	buf_reserve(&b, SIZE_MAX);
	assert_false(buf_ok(&b));
	buf_free(&b);
}

static void integers_and_formats(void **state)
{
	char lots[1500];
	struct buf b = buf_make(4096);
	(void)state;
	buf_int(&b, INT64_MIN);
	buf_char(&b, ' ');
	buf_int(&b, -1);
	buf_int(&b, 0);
	buf_int(&b, INT64_MAX);
	holds(&b, "-9223372036854775808 -109223372036854775807");
	/* Longer than the small buffer on the stack, and at its edge. */
	for (size_t len = 510; len < 515; len++) {
		memset(lots, 'y', len);
		lots[len] = '\0';
		buf_fmt(&b, "%s", lots);
		holds(&b, lots);
	}
	memset(lots, 'z', sizeof lots - 1);
	lots[sizeof lots - 1] = '\0';
	buf_fmt(&b, "<%s>%d", lots, 7);
	assert_int_equal(b.len, sizeof lots - 1 + 3);
	assert_string_equal(b.ptr + b.len - 3, "z>7");
	buf_free(&b);
}

static void json_texts_are_escaped(void **state)
{
	struct buf b = buf_make(4096);
	(void)state;
	buf_json(&b, STR("plain \xe7\xb6\x9a"));
	holds(&b, "\"plain \xe7\xb6\x9a\"");
	buf_json(&b, STR("a\"b\\c/d\n\r\t\x01\x1f\x7f"));
	holds(&b, "\"a\\\"b\\\\c/d\\n\\r\\t\\u0001\\u001f\\u007f\"");
	buf_json(&b, STR("\"\""));
	holds(&b, "\"\\\"\\\"\"");
	buf_json(&b, STR(""));
	holds(&b, "\"\"");
	buf_free(&b);
}

static void reals_read_back_as_the_same_number(void **state)
{
	static const struct {
		double value;
		const char *text;
	} some[] = {
		{0, "0"},
		{720, "720"},
		{720.5, "720.5"},
		{0.1, "0.1"},
		{-2, "-2"},
		{1e-7, "1e-07"},
		{9007199254740991.0, "9007199254740991"},
		{0.1 + 0.2, "0.30000000000000004"},
	};
	struct buf b = buf_make(64);
	uint64_t seed = 42;
	(void)state;
	for (size_t i = 0; i < COUNT_OF(some); i++) {
		buf_json_real(&b, some[i].value);
		holds(&b, some[i].text);
	}
	for (int i = 0; i < 10000; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		double value = (double)(seed >> 11) / 9007199254740992.0 * 10000000;
		buf_json_real(&b, value);
		assert_true(buf_ok(&b));
		assert_true(strtod(b.ptr, NULL) == value);
		buf_clear(&b);
	}
	buf_free(&b);
}

static void times_are_quoted(void **state)
{
	struct buf b = buf_make(64);
	(void)state;
	buf_json_time(&b, 1771000000123);
	holds(&b, "\"2026-02-13T16:26:40.123Z\"");
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_grows_up_to_its_ceiling_exactly),
		cmocka_unit_test(the_first_failure_sticks),
		cmocka_unit_test(reserving_makes_additions_safe),
		cmocka_unit_test(integers_and_formats),
		cmocka_unit_test(json_texts_are_escaped),
		cmocka_unit_test(reals_read_back_as_the_same_number),
		cmocka_unit_test(times_are_quoted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
