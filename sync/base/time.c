#include "sync/base/time.h"

static void put(char *at, int digits, int64_t value)
{
	while (digits-- > 0) {
		at[digits] = (char)('0' + value % 10);
		value /= 10;
	}
}

/* The civil date of a day number, by the era method: years begin in March, so the leap day comes last. */
static void civil(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
	days += 719468;
	int64_t era = days / 146097;
	int64_t of_era = days % 146097;
	int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t shifted = (5 * of_year + 2) / 153;
	*day = of_year - (153 * shifted + 2) / 5 + 1;
	*month = shifted < 10 ? shifted + 3 : shifted - 9;
	*year = year_of_era + era * 400 + (*month <= 2);
}

void time_to_text(int64_t ms, char out[TIME_TEXT_SIZE])
{
	const int64_t last = 253402300799999; /* 9999-12-31T23:59:59.999Z */
	if (ms < 0)
		ms = 0;
	if (ms > last)
		ms = last;
	int64_t year = 0;
	int64_t month = 0;
	int64_t day = 0;
	civil(ms / 86400000, &year, &month, &day);
	int64_t rest = ms % 86400000;
	put(out, 4, year);
	out[4] = '-';
	put(out + 5, 2, month);
	out[7] = '-';
	put(out + 8, 2, day);
	out[10] = 'T';
	put(out + 11, 2, rest / 3600000);
	out[13] = ':';
	put(out + 14, 2, rest / 60000 % 60);
	out[16] = ':';
	put(out + 17, 2, rest / 1000 % 60);
	out[19] = '.';
	put(out + 20, 3, rest % 1000);
	out[23] = 'Z';
	out[24] = '\0';
}
