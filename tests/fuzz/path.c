/*
 * A path and a query. The first byte is the method. A route that is found is its pattern with the parameters
 * in the places of the placeholders, whatever the case of fixed segments and with or without one slash at the
 * end.
 */
#include "daemon/fields.h"
#include "daemon/router_match.h"
#include "sync/base/buf.h"
#include "tests/fuzz/fuzz.h"

enum { PATH = 16384 };

/* The pattern with its placeholders filled in. */
static void fill(const struct match *m, struct buf *out)
{
	struct str pattern = str_from(m->route->path);
	size_t next = 0;
	while (pattern.len) {
		if (pattern.ptr[0] == ':') {
			size_t name = str_find(pattern, '/');
			CHECK(next < 2);
			CHECK(m->param[next].len > 0);
			buf_add_str(out, m->param[next++]);
			pattern = (struct str){pattern.ptr + name, pattern.len - name};
		} else {
			buf_char(out, pattern.ptr[0]);
			pattern = (struct str){pattern.ptr + 1, pattern.len - 1};
		}
	}
}

static void check_match(const struct match *m, enum method method, struct str path)
{
	if (!m->route) {
		CHECK(!(m->allow & 1U << method) || method == METHOD_OPTIONS);
		return;
	}
	struct buf filled = buf_make(PATH);
	struct str bare = path;
	CHECK(m->allow & 1U << method);
	CHECK(input_within(m->param[0], path) && input_within(m->param[1], path));
	fill(m, &filled);
	CHECK(buf_ok(&filled));
	if (bare.len > 1 && bare.ptr[bare.len - 1] == '/')
		bare.len--;
	CHECK(str_eq_fold(buf_str(&filled), bare));
	buf_free(&filled);
}

/* With every letter's case turned round. */
static void check_case(const struct match *m, enum method method, struct str path)
{
	char turned[PATH];
	for (size_t i = 0; i < path.len; i++) {
		char c = path.ptr[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		turned[i] = (char)(letter ? c ^ 0x20 : c);
	}
	struct match other = router_match(routes, route_count, method, (struct str){turned, path.len});
	CHECK(other.route == m->route);
	CHECK(other.allow == m->allow);
}

static void check_slash(const struct match *m, enum method method, struct str path)
{
	char longer[PATH + 1];
	memcpy(longer, path.ptr, path.len);
	longer[path.len] = '/';
	struct match other = router_match(routes, route_count, method, (struct str){longer, path.len + 1});
	CHECK(other.route == m->route);
	CHECK(other.allow == m->allow);
}

static void check_query(struct str value)
{
	struct request r = {.query_count = 1, .query = {{STR("limit"), value}}};
	struct faults faults = {0};
	int64_t got = -1, plain;
	bool good = query_int_clamped(&r, "limit", 1, 100, &faults, &got);
	CHECK(good == (faults.count == 0));
	CHECK(good ? got >= 1 && got <= 100 : got == -1);
	if (str_int(value, 1, 100, &plain))
		CHECK(good && got == plain);
	faults.count = 0;
	CHECK(!query_int_clamped(&r, "page", 1, 100, &faults, &got));
	CHECK(faults.count == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str query = input_make(data, size);
	enum method method = (enum method)(input_byte(&query) % METHOD_COUNT);
	struct str path = str_cut(&query, '?');
	if (path.len >= PATH)
		return 0;
	struct match m = router_match(routes, route_count, method, path);
	check_match(&m, method, path);
	check_case(&m, method, path);
	if (path.len && path.ptr[path.len - 1] != '/')
		check_slash(&m, method, path);
	check_query(query);
	return 0;
}
