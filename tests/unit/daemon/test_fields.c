/* Fields of a body: what is taken, what is a fault, and what counts as absent. */
#include <stdio.h>
#include <string.h>

#include "daemon/fields.h"
#include "sync/base/check.h"
#include "tests/unit/daemon/support.h"

static struct exchange_of_test x;
static struct faults faults;

static int setup(void **state)
{
	(void)state;
	exchange_open(&x, NULL, METHOD_POST, "/");
	faults.count = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	exchange_close(&x);
	return 0;
}

/* A body whose field "v" is that JSON text. */
static void body(const char *name, const char *json)
{
	char text[4096];
	(void)snprintf(text, sizeof text, "{\"%s\":%s}", name, json);
	exchange_json(&x, text);
	faults.count = 0;
}

static void faulted(const char *name, const char *msg)
{
	assert_int_equal(faults.count, 1);
	assert_string_equal(faults.list[0].path, name);
	assert_string_equal(faults.list[0].msg, msg);
}

static void texts(void **state)
{
	struct str out = STR("old");
	(void)state;
	assert_int_equal(
		field_text(x.r.json, "v", 3, "bad", &faults, &out), FIELD_ABSENT); /* no body at all */
	body("v", "null");
	assert_int_equal(field_text(x.r.json, "v", 3, "bad", &faults, &out), FIELD_ABSENT);
	assert_true(field_is_null(x.r.json, "v"));
	assert_false(field_is_null(x.r.json, "w"));
	body("v", "\"\xc3\xa4\xc3\xb6\xc3\xbc\""); /* three characters, six bytes */
	assert_int_equal(field_text(x.r.json, "v", 3, "bad", &faults, &out), FIELD_GOOD);
	assert_int_equal(out.len, 6);
	static const char *const bad[] = {"\"abcd\"", "1", "true", "[]", "{}", "1.5"};
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		out = STR("old");
		body("v", bad[i]);
		assert_int_equal(field_text(x.r.json, "v", 3, "bad", &faults, &out), FIELD_BAD);
		faulted("v", "bad");
		assert_true(str_eq(out, STR("old")));
	}
}

static void integers(void **state)
{
	static const struct {
		const char *json;
		int64_t value;
	} good[] = {{"5", 5}, {"\"5\"", 5}, {"5.0", 5}, {"1", 1}, {"10", 10}, {"1e1", 10}, {"\"010\"", 10}};
	static const char *const bad[] = {"0", "11", "5.5", "\"5.0\"", "\"\"", "\" 5\"", "\"5 \"", "true",
		"[5]", "{}", "\"five\"", "1e300", "-1e300", "\"99999999999999999999\"", "-5"};
	int64_t out = 7;
	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		body("v", good[i].json);
		assert_int_equal(field_int(x.r.json, "v", 1, 10, "bad", &faults, &out), FIELD_GOOD);
		assert_int_equal(out, good[i].value);
	}
	out = 7;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		body("v", bad[i]);
		if (field_int(x.r.json, "v", 1, 10, "bad", &faults, &out) != FIELD_BAD)
			fail_msg("%s was taken", bad[i]);
		faulted("v", "bad");
		assert_int_equal(out, 7);
	}
	body("v", "9223372036854775807.0"); /* as a real, 2^63 */
	assert_int_equal(field_int(x.r.json, "v", 1, INT64_MAX, "bad", &faults, &out), FIELD_BAD);
	assert_int_equal(out, 7);
	body("w", "1");
	assert_int_equal(field_int(x.r.json, "v", 1, 10, "bad", &faults, &out), FIELD_ABSENT);
	assert_int_equal(faults.count, 0);
}

static void reals(void **state)
{
	static const struct {
		const char *json;
		double value;
	} good[] = {{"0", 0}, {"0.5", 0.5}, {"100", 100}, {"\"12.25\"", 12.25}, {"\"1e1\"", 10}, {"-0.0", 0}};
	static const char *const bad[] = {"-0.1", "100.1", "\"-1\"", "\"\"", "\"1 \"", "\"0x10\"", "\"inf\"",
		"\"nan\"", "true", "[]", "\"1.2.3\"", "\"1e999\"",
		"\"1111111111111111111111111111111111111111\""};
	double out = 7;
	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		body("v", good[i].json);
		assert_int_equal(field_real(x.r.json, "v", 100, "bad", &faults, &out), FIELD_GOOD);
		assert_true(out == good[i].value);
	}
	out = 7;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		body("v", bad[i]);
		if (field_real(x.r.json, "v", 100, "bad", &faults, &out) != FIELD_BAD)
			fail_msg("%s was taken", bad[i]);
		faulted("v", "bad");
		assert_true(out == 7);
	}
}

static void truths(void **state)
{
	static const char *const bad[] = {"0", "1", "\"true\"", "[]", "{}"};
	bool out = false;
	(void)state;
	body("v", "true");
	assert_int_equal(field_bool(x.r.json, "v", "bad", &faults, &out), FIELD_GOOD);
	assert_true(out);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		body("v", bad[i]);
		assert_int_equal(field_bool(x.r.json, "v", "bad", &faults, &out), FIELD_BAD);
		assert_true(out);
	}
	body("v", "false");
	assert_int_equal(field_bool(x.r.json, "v", "bad", &faults, &out), FIELD_GOOD);
	assert_false(out);
}

static void user_names(void **state)
{
	static const char *const good[] = {
		"\"abc\"", "\" abc \"", "\"A_9\"", "\"aaaaaaaaaabbbbbbbbbbcccccccccc\""};
	static const struct {
		const char *json;
		size_t count;
	} bad[] = {{"\"ab\"", 1}, {"\"aaaaaaaaaabbbbbbbbbbccccccccccd\"", 1}, {"\"a b c\"", 1},
		{"\"a-b\"", 1}, {"\"\"", 2}, {"\"-\"", 2}, {"5", 2}, {"null", 2},
		{"\"\xc3\xa4\xc3\xa4\xc3\xa4\"", 1}};
	struct str out;
	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		body("username", good[i]);
		assert_true(field_username(&x.r, true, &faults, &out));
		assert_int_equal(faults.count, 0);
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		body("username", bad[i].json);
		if (field_username(&x.r, true, &faults, &out) || faults.count != bad[i].count)
			fail_msg("%s: %zu faults", bad[i].json, faults.count);
	}
	/* Where it may be missing, an empty one is as if it were. */
	body("username", "\"  \"");
	assert_false(field_username(&x.r, false, &faults, &out));
	assert_int_equal(faults.count, 0);
	body("other", "1");
	assert_false(field_username(&x.r, false, &faults, &out));
	assert_int_equal(faults.count, 0);
	body("username", "7");
	assert_false(field_username(&x.r, false, &faults, &out));
	assert_int_equal(faults.count, 2);
}

static void addresses(void **state)
{
	static const char *const good[] = {"a@b.cd", "first.last+tag@sub.example.org",
		"x_y-z@1.example.museum", "\xc3\xa4@\xc3\xb6.example", "o'brien@example.ie", "a@b.c1"};
	static const char *const bad[] = {"", "a", "a@", "@b.cd", "a@b", "a@localhost", "a@b.c", "a@b.12",
		"a@b..cd", "a@.cd", "a@b.cd.", ".a@b.cd", "a.@b.cd", "a..b@c.de", "a b@c.de", "a@b cd.ef",
		"a@-b.cd", "a@b-.cd", "a@@b.cd", "a@b@c.de", "a(b)@c.de", "a@[127.0.0.1]", "a,b@c.de",
		"a@b.c_d", "<a@b.cd>",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b.cd",
		"a@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.cd"};
	char json[512];
	struct str out;
	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		(void)snprintf(json, sizeof json, "\" %s\\n\"", good[i]);
		body("email", json);
		if (!field_email(&x.r, &faults, &out))
			fail_msg("%s was refused", good[i]);
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		(void)snprintf(json, sizeof json, "\"%s\"", bad[i]);
		body("email", json);
		if (field_email(&x.r, &faults, &out))
			fail_msg("%s was taken", bad[i]);
		faulted("email", "Please provide a valid email");
	}
	body("email", "\" User@Example.COM \"");
	assert_true(field_email(&x.r, &faults, &out));
	assert_true(str_eq(out, STR("user@example.com")));
	body("email", "5");
	assert_false(field_email(&x.r, &faults, &out));
	body("email", "null");
	assert_false(field_email(&x.r, &faults, &out));
}

static void passwords(void **state)
{
	char json[1100];
	struct str out;
	(void)state;
	body("p", "\"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\"");
	assert_true(field_new_password(&x.r, "p", "short", &faults, &out));
	body("p", "\" a b  \""); /* spaces are part of it */
	assert_true(field_new_password(&x.r, "p", "short", &faults, &out));
	assert_int_equal(out.len, 6);
	body("p", "\"12345\"");
	assert_false(field_new_password(&x.r, "p", "short", &faults, &out));
	faulted("p", "short");
	assert_true(field_old_password(&x.r, "p", "needed", &faults, &out)); /* an old one may be shorter */
	body("p", "123456");
	assert_false(field_new_password(&x.r, "p", "short", &faults, &out));
	body("p", "\"\"");
	assert_false(field_old_password(&x.r, "p", "needed", &faults, &out));
	faulted("p", "needed");
	memset(json, 'x', sizeof json);
	json[0] = '"';
	json[LIMIT_PASSWORD + 1] = '"';
	json[LIMIT_PASSWORD + 2] = '\0';
	body("p", json);
	assert_true(field_new_password(&x.r, "p", "short", &faults, &out));
	assert_true(field_old_password(&x.r, "p", "needed", &faults, &out));
	json[LIMIT_PASSWORD + 1] = 'x';
	json[LIMIT_PASSWORD + 2] = '"';
	json[LIMIT_PASSWORD + 3] = '\0';
	body("p", json);
	assert_false(field_new_password(&x.r, "p", "short", &faults, &out));
	faulted("p", "Password must be at most 1024 bytes long");
	faults.count = 0;
	assert_false(field_old_password(&x.r, "p", "needed", &faults, &out));
}

static void anime_ids(void **state)
{
	static const char *const needed[] = {"null", "true", "[]", "{}", "\"\"", "\"   \""};
	struct str out;
	char json[256];
	(void)state;
	body("animeId", "\"one-piece 001/\xe7\xb6\x9a\"");
	assert_true(field_anime_id(x.r.json, &x.r.arena, &faults, &out));
	body("animeId", "12345");
	assert_true(field_anime_id(x.r.json, &x.r.arena, &faults, &out));
	assert_true(str_eq(out, STR("12345")));
	body("animeId", "1.5");
	assert_true(field_anime_id(x.r.json, &x.r.arena, &faults, &out));
	assert_true(str_eq(out, STR("1.5")));
	for (size_t i = 0; i < COUNT_OF(needed); i++) {
		body("animeId", needed[i]);
		assert_false(field_anime_id(x.r.json, &x.r.arena, &faults, &out));
		faulted("animeId", "Anime ID is required");
	}
	memset(json, 'k', 203);
	json[0] = json[202] = '"';
	json[203] = '\0';
	body("animeId", json);
	assert_false(field_anime_id(x.r.json, &x.r.arena, &faults, &out));
	faulted("animeId", "Anime ID must be at most 200 bytes without control characters");
	body("animeId", "\"a\\tb\"");
	assert_false(field_anime_id(x.r.json, &x.r.arena, &faults, &out));
}

static void numbers_of_the_query(void **state)
{
	static const char *const bad[] = {"", "-", "x", "1.5", " 1", "1e3", "+1"};
	int64_t out = 20;
	(void)state;
	assert_false(query_int_clamped(&x.r, "limit", 1, 100, &faults, &out));
	assert_int_equal(out, 20);
	assert_int_equal(faults.count, 0);
	static const struct {
		const char *text;
		int64_t value;
	} good[] = {{"5", 5}, {"0", 1}, {"-3", 1}, {"101", 100}, {"99999999999999999999999", 100},
		{"-99999999999999999999999", 1}, {"007", 7}};
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		x.r.query_count = 0;
		exchange_query(&x, "limit", good[i].text);
		assert_true(query_int_clamped(&x.r, "limit", 1, 100, &faults, &out));
		assert_int_equal(out, good[i].value);
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		x.r.query_count = 0;
		faults.count = 0;
		exchange_query(&x, "limit", bad[i]);
		assert_false(query_int_clamped(&x.r, "limit", 1, 100, &faults, &out));
		faulted("limit", "Must be an integer");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(texts, setup, teardown),
		cmocka_unit_test_setup_teardown(integers, setup, teardown),
		cmocka_unit_test_setup_teardown(reals, setup, teardown),
		cmocka_unit_test_setup_teardown(truths, setup, teardown),
		cmocka_unit_test_setup_teardown(user_names, setup, teardown),
		cmocka_unit_test_setup_teardown(addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(passwords, setup, teardown),
		cmocka_unit_test_setup_teardown(anime_ids, setup, teardown),
		cmocka_unit_test_setup_teardown(numbers_of_the_query, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
