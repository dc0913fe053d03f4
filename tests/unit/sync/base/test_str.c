/* Slices, strict numbers, hexadecimal and UTF-8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sync/base/check.h"
#include "sync/base/str.h"

static void comparing_is_by_bytes(void **state)
{
	(void)state;
	assert_true(str_eq(STR("abc"), STR("abc")));
	assert_true(str_eq(str_from(NULL), STR("")));
	assert_false(str_eq(STR("abc"), STR("abd")));
	assert_false(str_eq(STR("abc"), STR("abcd")));
	assert_false(str_eq(STR("abc"), STR("ABC")));
	assert_true(str_eq_fold(STR("aBc-1\xc3\xa4"), STR("AbC-1\xc3\xa4")));
	/* Only ASCII is folded: '[' and '{' differ by the same bit as 'A' and 'a'. */
	assert_false(str_eq_fold(STR("["), STR("{")));
	assert_false(str_eq_fold(STR("\xc3\x84"), STR("\xc3\xa4")));
	assert_false(str_eq_fold(STR("ab"), STR("abc")));
	assert_true(str_starts(STR("abc"), STR("ab")));
	assert_true(str_starts(STR("abc"), STR("")));
	assert_false(str_starts(STR("ab"), STR("abc")));
	assert_true(str_cmp(STR("a"), STR("b")) < 0);
	assert_true(str_cmp(STR("ab"), STR("a")) > 0);
	assert_true(str_cmp(STR(""), STR("a")) < 0);
	assert_true(str_cmp(STR("\xff"), STR("a")) > 0);
	assert_int_equal(str_cmp(str_from(NULL), STR("")), 0);
	assert_int_equal(str_cmp(STR("a\0b"), STR("a\0b")), 0);
	assert_true(str_cmp(STR("a\0b"), STR("a\0c")) < 0);
}

static void trimming_and_cutting(void **state)
{
	(void)state;
	assert_true(str_eq(str_trim(STR(" \t\r\n a b \n")), STR("a b")));
	assert_int_equal(str_trim(STR(" \t ")).len, 0);
	assert_int_equal(str_trim(str_from(NULL)).len, 0);
	assert_int_equal(str_find(STR("abc"), 'c'), 2);
	assert_int_equal(str_find(STR("abc"), 'x'), 3);
	assert_int_equal(str_find(str_from(NULL), 'x'), 0);

	struct str rest = STR("a,,b");
	assert_true(str_eq(str_cut(&rest, ','), STR("a")));
	assert_true(str_eq(str_cut(&rest, ','), STR("")));
	assert_true(str_eq(str_cut(&rest, ','), STR("b")));
	assert_int_equal(rest.len, 0);
	assert_int_equal(str_cut(&rest, ',').len, 0);
	rest = STR("a,");
	assert_true(str_eq(str_cut(&rest, ','), STR("a")));
	assert_int_equal(rest.len, 0);
	rest = str_from(NULL);
	assert_int_equal(str_cut(&rest, ',').len, 0);
}

static void a_number_is_one_from_end_to_end(void **state)
{
	static const char *const bad[] = {"", "-", "+1", " 1", "1 ", "1.0", "0x1", "1e3", "--1", "1-", "a",
		"9223372036854775808", "-9223372036854775809", "99999999999999999999"};
	int64_t out = 7;
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		if (str_int(str_from(bad[i]), INT64_MIN, INT64_MAX, &out))
			fail_msg("\"%s\" was taken", bad[i]);
		assert_int_equal(out, 7);
	}
	assert_false(str_int(STR("1\0"), 0, 9, &out));
	assert_true(str_int(STR("0"), 0, 9, &out));
	assert_int_equal(out, 0);
	assert_true(str_int(STR("-0"), 0, 9, &out));
	assert_int_equal(out, 0);
	assert_true(str_int(STR("007"), 0, 9, &out));
	assert_int_equal(out, 7);
	assert_true(str_int(STR("9223372036854775807"), INT64_MIN, INT64_MAX, &out));
	assert_true(out == INT64_MAX);
	assert_true(str_int(STR("-9223372036854775808"), INT64_MIN, INT64_MAX, &out));
	assert_true(out == INT64_MIN);
	assert_true(str_int(STR("-3"), -3, 3, &out));
	assert_true(str_int(STR("3"), -3, 3, &out));
	assert_false(str_int(STR("-4"), -3, 3, &out));
	assert_false(str_int(STR("4"), -3, 3, &out));
	assert_int_equal(out, 3);
}

static void hexadecimal_there_and_back(void **state)
{
	unsigned char bytes[3] = {9, 9, 9};
	char text[7];
	(void)state;
	assert_true(str_hex(STR("00fFa1"), bytes, 3));
	assert_memory_equal(bytes, ((unsigned char[]){0x00, 0xff, 0xa1}), 3);
	str_to_hex(bytes, 3, text);
	assert_string_equal(text, "00ffa1");
	/* Refused whole: nothing is written before the last digit was looked at. */
	assert_false(str_hex(STR("00fg"), bytes, 2));
	assert_false(str_hex(STR("12345g"), bytes, 3));
	assert_memory_equal(bytes, ((unsigned char[]){0x00, 0xff, 0xa1}), 3);
	assert_false(str_hex(STR("00ff"), bytes, 3));
	assert_false(str_hex(STR("00ffa1b"), bytes, 3));
	assert_false(str_hex(STR(" 0ffa1"), bytes, 3));
	assert_true(str_hex(STR(""), bytes, 0));
}

static void utf8_is_well_formed_or_refused(void **state)
{
	static const struct str good[] = {
		{"", 0}, {"a\x7f", 2}, {"\xc2\x80", 2}, /* U+0080 */
		{"\xdf\xbf", 2},			/* U+07FF */
		{"\xe0\xa0\x80", 3},			/* U+0800 */
		{"\xed\x9f\xbf", 3},			/* U+D7FF */
		{"\xee\x80\x80", 3},			/* U+E000 */
		{"\xef\xbf\xbf", 3},			/* U+FFFF */
		{"\xf0\x90\x80\x80", 4},		/* U+10000 */
		{"\xf4\x8f\xbf\xbf", 4},		/* U+10FFFF */
	};
	static const struct str bad[] = {
		{"\0", 1},
		{"\x80", 1},		 /* a continuation alone */
		{"\xc0\x80", 2},	 /* overlong NUL */
		{"\xc1\xbf", 2},	 /* overlong */
		{"\xc3", 1},		 /* cut off */
		{"\xc3(", 2},		 /* no continuation */
		{"\xe0\x9f\xbf", 3},	 /* overlong */
		{"\xed\xa0\x80", 3},	 /* a surrogate */
		{"\xed\xbf\xbf", 3},	 /* a surrogate */
		{"\xe2\x82", 2},	 /* cut off */
		{"\xf0\x8f\xbf\xbf", 4}, /* overlong */
		{"\xf4\x90\x80\x80", 4}, /* above U+10FFFF */
		{"\xf5\x80\x80\x80", 4},
		{"\xf0\x9f\x98", 3}, /* cut off */
		{"\xff", 1},
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++)
		if (!str_utf8(good[i]))
			fail_msg("good text %zu was refused", i);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (str_utf8(bad[i]))
			fail_msg("bad text %zu was taken", i);
	/* Also behind good text, and never past the end of the slice. */
	assert_false(str_utf8(STR("good \xe2\x82")));
	assert_false(str_utf8((struct str){"\xe2\x82\xac", 2}));
	assert_int_equal(str_chars(STR("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80")), 4);
	assert_int_equal(str_chars(STR("")), 0);
}

static void control_characters_are_found(void **state)
{
	(void)state;
	assert_false(str_has_control(STR("a b~\xc2\x80")));
	assert_true(str_has_control(STR("a\x1f")));
	assert_true(str_has_control(STR("\x7f")));
	assert_true(str_has_control(STR("a\0")));
	assert_false(str_has_control(STR("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comparing_is_by_bytes),
		cmocka_unit_test(trimming_and_cutting),
		cmocka_unit_test(a_number_is_one_from_end_to_end),
		cmocka_unit_test(hexadecimal_there_and_back),
		cmocka_unit_test(utf8_is_well_formed_or_refused),
		cmocka_unit_test(control_characters_are_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
