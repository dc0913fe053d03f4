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

static bool get(struct str text, size_t at, size_t digits, int64_t min, int64_t max, int64_t *out)
{
	return str_int((struct str){text.ptr + at, digits}, min, max, out);
}

/* The day number of a civil date, by the same method. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
	year -= month <= 2;
	int64_t era = year / 400;
	int64_t of_era = year - era * 400;
	int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

bool time_parse(struct str text, int64_t *out)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ";
	int64_t year = 0;
	int64_t month = 0;
	int64_t day = 0;
	int64_t hour = 0;
	int64_t minute = 0;
	int64_t second = 0;
	int64_t ms = 0;
	if (text.len != sizeof form - 1)
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (form[i] == 'd' ? text.ptr[i] < '0' || text.ptr[i] > '9' : text.ptr[i] != form[i])
			return false;
	if (!get(text, 0, 4, 1970, 9999, &year) || !get(text, 5, 2, 1, 12, &month) ||
		!get(text, 8, 2, 1, 31, &day) || !get(text, 11, 2, 0, 23, &hour) ||
		!get(text, 14, 2, 0, 59, &minute) || !get(text, 17, 2, 0, 59, &second) ||
		!get(text, 20, 3, 0, 999, &ms))
		return false;
	int64_t days = days_of(year, month, day);
	int64_t back_year = 0;
	int64_t back_month = 0;
	int64_t back_day = 0;
	civil(days, &back_year, &back_month, &back_day);
	if (back_day != day) /* the 30th of February */
		return false;
	*out = days * 86400000 + hour * 3600000 + minute * 60000 + second * 1000 + ms;
	return true;
}
