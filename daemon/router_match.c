#include "daemon/router_match.h"

#include <string.h>

static char lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool takes_slashes(struct str placeholder)
{
	return str_eq(placeholder, STR(":animeId")) || str_eq(placeholder, STR(":key"));
}

/* The value of a placeholder at the start of rest; tail is the fixed text behind it. Empty: there is none. */
static struct str take_value(struct str placeholder, struct str tail, struct str rest)
{
	struct str value = {rest.ptr, 0};
	if (memchr(tail.ptr, ':', tail.len) || !takes_slashes(placeholder)) {
		value.len = str_find(rest, '/');
		return value;
	}
	struct str end = {rest.ptr + rest.len - tail.len, tail.len};
	if (rest.len > tail.len && str_eq_fold(end, tail))
		value.len = rest.len - tail.len;
	return value;
}

/* Matches path against a pattern. *fixed: how many of the pattern's letters are no placeholder. */
static bool matches(struct str pattern, struct str path, struct str param[2], size_t *fixed)
{
	size_t params = 0;
	*fixed = 0;
	while (pattern.len) {
		if (pattern.ptr[0] != ':') {
			if (!path.len || lower(path.ptr[0]) != lower(pattern.ptr[0]))
				return false;
			path = (struct str){path.ptr + 1, path.len - 1};
			pattern = (struct str){pattern.ptr + 1, pattern.len - 1};
			(*fixed)++;
			continue;
		}
		struct str name = {pattern.ptr, str_find(pattern, '/')};
		pattern = (struct str){pattern.ptr + name.len, pattern.len - name.len};
		struct str value = take_value(name, pattern, path);
		if (!value.len || params == 2)
			return false;
		param[params++] = value;
		path = (struct str){path.ptr + value.len, path.len - value.len};
	}
	return path.len == 0;
}

/* Whether a path can match at all, by one letter: the one behind "/api/", where most routes differ. */
static bool can_match(const char *pattern, struct str path)
{
	static const size_t telling = sizeof "/api/" - 1;
	for (size_t i = 0; i <= telling; i++)
		if (!pattern[i] || pattern[i] == ':')
			return true; /* it cannot be told so early */
	return path.len > telling && lower(path.ptr[telling]) == lower(pattern[telling]);
}

static unsigned methods_of(enum method method)
{
	return 1U << method | (method == METHOD_GET ? 1U << METHOD_HEAD : 0) | 1U << METHOD_OPTIONS;
}

struct match router_match(const struct route *list, size_t count, enum method method, struct str path)
{
	struct match best = {0};
	size_t best_fixed = 0;
	enum method wanted = method == METHOD_HEAD ? METHOD_GET : method;
	if (path.len > 1 && path.ptr[path.len - 1] == '/')
		path.len--;
	for (size_t i = 0; i < count; i++) {
		if (!can_match(list[i].path, path))
			continue;
		struct str param[2] = {{0}, {0}};
		size_t fixed;
		if (!matches(str_from(list[i].path), path, param, &fixed))
			continue;
		best.allow |= methods_of(list[i].method);
		if (list[i].method != wanted || (best.route && fixed <= best_fixed))
			continue;
		best.route = &list[i];
		best_fixed = fixed;
		memcpy(best.param, param, sizeof param);
	}
	return best;
}
