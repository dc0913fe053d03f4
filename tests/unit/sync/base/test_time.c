/* Times as text, held against the C library's calendar. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "sync/base/time.h"

static void reads(int64_t ms, const char *text)
{
	char out[TIME_TEXT_SIZE];
	time_to_text(ms, out);
	assert_string_equal(out, text);
}

static void edges(void **state)
{
	(void)state;
	reads(0, "1970-01-01T00:00:00.000Z");
	reads(-1, "1970-01-01T00:00:00.000Z");
	reads(INT64_MIN, "1970-01-01T00:00:00.000Z");
	reads(999, "1970-01-01T00:00:00.999Z");
	reads(951782399999, "2000-02-28T23:59:59.999Z");
	reads(951782400000, "2000-02-29T00:00:00.000Z");
	reads(951868800000, "2000-03-01T00:00:00.000Z");
	reads(4107456000000, "2100-02-28T00:00:00.000Z");
	reads(4107542400000, "2100-03-01T00:00:00.000Z"); /* 2100 is no leap year */
	reads(253402300799999, "9999-12-31T23:59:59.999Z");
	reads(253402300800000, "9999-12-31T23:59:59.999Z");
	reads(INT64_MAX, "9999-12-31T23:59:59.999Z");
}

static void every_day_of_a_thousand_years_is_the_librarys(void **state)
{
	char text[TIME_TEXT_SIZE];
	char expected[64];
	(void)state;
	for (int64_t day = 0; day < 365250; day++) {
		time_t seconds = (time_t)(day * 86400 + day % 86400);
		struct tm tm;
		assert_non_null(gmtime_r(&seconds, &tm));
		(void)snprintf(expected, sizeof expected, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
			tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
			(int)(day % 1000));
		time_to_text((int64_t)seconds * 1000 + day % 1000, text);
		assert_string_equal(text, expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edges),
		cmocka_unit_test(every_day_of_a_thousand_years_is_the_librarys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
