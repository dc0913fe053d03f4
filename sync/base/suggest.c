#include "sync/base/suggest.h"

enum { SUGGEST_LENGTH = 48 }; /* bytes; longer words are like no other */

static char fold(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The optimal string alignment distance: three rows of its table, for a[i], a[i - 1] and a[i - 2]. */
static size_t distance(struct str a, struct str b)
{
	size_t rows[3][SUGGEST_LENGTH + 1];
	for (size_t j = 0; j <= b.len; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		size_t *now = rows[i % 3];
		const size_t *before = rows[(i - 1) % 3];
		now[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			bool same = fold(a.ptr[i - 1]) == fold(b.ptr[j - 1]);
			now[j] = least(least(before[j], now[j - 1]) + 1, before[j - 1] + !same);
			if (i > 1 && j > 1 && fold(a.ptr[i - 1]) == fold(b.ptr[j - 2]) &&
				fold(a.ptr[i - 2]) == fold(b.ptr[j - 1]))
				now[j] = least(now[j], rows[(i - 2) % 3][j - 2] + 1);
		}
	}
	return rows[a.len % 3][b.len];
}

/* EMAIL_PASSWORD for EMAIL_PASS, --check for --check-config: a word that goes on, or stops early, is meant.
 */
static bool goes_on(struct str typed, struct str word)
{
	size_t len = least(typed.len, word.len);
	return len >= 5 && str_eq_fold((struct str){typed.ptr, len}, (struct str){word.ptr, len});
}

const char *suggest(struct str typed, const char *const *words, size_t count)
{
	const char *best = NULL;
	size_t best_distance = SIZE_MAX;
	if (typed.len == 0 || typed.len > SUGGEST_LENGTH)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		struct str word = str_from(words[i]);
		if (word.len > SUGGEST_LENGTH)
			continue;
		size_t d = distance(typed, word);
		if (d < best_distance && (d <= word.len / 3 || goes_on(typed, word))) {
			best = words[i];
			best_distance = d;
		}
	}
	return best;
}
