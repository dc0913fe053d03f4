/* Which route a path means, and which bodies are JSON to us. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/api.h"
#include "daemon/limits.h"
#include "daemon/router_json.h"
#include "daemon/router_match.h"
#include "sync/base/buf.h"
#include "sync/base/check.h"

static struct match find(enum method method, const char *path)
{
	return router_match(routes, route_count, method, str_from(path));
}

static void means(enum method method, const char *path, void (*handler)(struct request *r), const char *param)
{
	struct match m = find(method, path);
	if (!m.route || m.route->handler != handler)
		fail_msg("%s means something else", path);
	if (!str_eq(m.param[0], str_from(param)))
		fail_msg("%s has the parameter \"%.*s\"", path, STR_ARG(m.param[0]));
}

static void test_fixed(void **state)
{
	(void)state;
	means(METHOD_GET, "/", api_index, "");
	means(METHOD_GET, "/health", api_health, "");
	means(METHOD_GET, "/HEALTH/Ready", api_health_ready, "");
	means(METHOD_HEAD, "/health", api_health, "");
	means(METHOD_GET, "/api/auth/me/", api_me, "");
	means(METHOD_POST, "/API/Auth/Login", api_login, "");
	means(METHOD_GET, "/api/watchlist", api_watchlist, "");
	means(METHOD_POST, "/api/watchlist/", api_watchlist_add, "");
	means(METHOD_GET, "/api/watchlist/stats", api_watchlist_stats, "");
}

static void test_parameters(void **state)
{
	(void)state;
	means(METHOD_PUT, "/api/watchlist/AbC", api_watchlist_update, "AbC");
	means(METHOD_GET, "/api/watchlist/check/One Piece/", api_watchlist_check, "One Piece");
	means(METHOD_GET, "/api/Watchlist/CHECK/a/b/C", api_watchlist_check, "a/b/C");
	means(METHOD_DELETE, "/api/continue-watching/x/y", api_progress_delete, "x/y");
	means(METHOD_DELETE, "/api/watchlist/check/stats", api_progress_delete, "stats");
	means(METHOD_PUT, "/api/notification/42/READ", api_notification_read, "42");
	means(METHOD_DELETE, "/api/notification/clear", api_notifications_clear, "");
	means(METHOD_GET, "/api/history/progress/a/b", api_history, "progress");
	struct match m = find(METHOD_POST, "/api/history/progress/a/b/Restore");
	assert_ptr_equal(m.route->handler, api_history_restore);
	assert_true(str_eq(m.param[0], STR("progress")));
	assert_true(str_eq(m.param[1], STR("a/b")));
	m = find(METHOD_POST, "/api/history/progress/restore/restore/");
	assert_ptr_equal(m.route->handler, api_history_restore);
	assert_true(str_eq(m.param[1], STR("restore")));
}

static void test_unknown(void **state)
{
	static const char *const paths[] = {"", "/api", "/api/", "/api/auth", "/api/auth/me/x", "/healthy",
		"/health/x", "/api/watchlist/a/b", "/api/devices/a/b", "/api/watchlistx",
		"/api/history/progress", "/api/auth/m", "x/health", "/api/notification/1/2/read",
		"/health//"};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(paths); i++) {
		struct match m = find(METHOD_GET, paths[i]);
		if (m.route || m.allow)
			fail_msg("\"%s\" was found", paths[i]);
	}
}

static unsigned bits(enum method a, enum method b)
{
	return 1U << a | 1U << b | 1U << METHOD_OPTIONS;
}

static void test_wrong_method(void **state)
{
	(void)state;
	struct match m = find(METHOD_POST, "/api/auth/me");
	assert_null(m.route);
	assert_int_equal(m.allow, bits(METHOD_GET, METHOD_HEAD));
	m = find(METHOD_GET, "/api/watchlist/abc");
	assert_null(m.route);
	assert_int_equal(m.allow, bits(METHOD_PUT, METHOD_DELETE));
	m = find(METHOD_PATCH, "/api/continue-watching");
	assert_null(m.route);
	assert_int_equal(m.allow, bits(METHOD_GET, METHOD_HEAD) | bits(METHOD_POST, METHOD_DELETE));
	m = find(METHOD_HEAD, "/api/auth/login");
	assert_null(m.route);
	assert_int_equal(m.allow, bits(METHOD_POST, METHOD_POST));
}

static void takes(const char *text)
{
	const char *wrong = NULL;
	json_t *json = router_json(str_from(text), &wrong);
	if (!json)
		fail_msg("refused: %.60s: %s", text, wrong);
	json_decref(json);
}

static void refuses_bytes(struct str text)
{
	const char *wrong = NULL;
	json_t *json = router_json(text, &wrong);
	if (json)
		fail_msg("taken: %.*s", STR_ARG(text));
	assert_non_null(wrong);
}

static void test_json(void **state)
{
	static const char *const good[] = {"{}", " {\"a\":1} ", "{\"a\":\"\\ud83d\\ude00\"}",
		"{\"a\":\"[[[[{{{{\\\"[[[\"}", "{\"a\":{\"a\":1},\"b\":1e308}",
		"{\"a\":-9223372036854775808}"};
	static const char *const bad[] = {"", " ", "[]", "1", "null", "\"x\"", "{", "}", "{\"a\":1,\"a\":2}",
		"{\"a\":{\"b\":1,\"b\":1}}", "{\"a\":\"\\u0000\"}", "{\"\\u0000\":1}", "{\"a\":\"\\ud800\"}",
		"{\"a\":\"\\ude00\\ud83d\"}", "{\"a\":1e999}", "{\"a\":-1e999}", "{\"a\":NaN}", "{\"a\":01}",
		"{}{}", "{\"a\":1}x", "{\"a\":\"\xff\"}", "{\"a\":\"\xed\xa0\x80\"}", "{\"a\":\"\xc0\x80\"}",
		"\xef\xbb\xbf{}", "{a:1}", "{'a':1}", "{\"a\":\"\n\"}", "{\"a\":1,}"};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++)
		takes(good[i]);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		refuses_bytes(str_from(bad[i]));
	refuses_bytes((struct str){"{\"a\":\"\0\"}", 9});
	refuses_bytes((struct str){"{}\0", 3});
}

static struct buf nested(size_t depth, const char *open, const char *close)
{
	struct buf b = buf_make(LIMIT_BODY);
	buf_text(&b, "{\"a\":");
	for (size_t i = 1; i < depth; i++)
		buf_text(&b, open);
	buf_char(&b, '1');
	for (size_t i = 1; i < depth; i++)
		buf_text(&b, close);
	buf_char(&b, '}');
	assert_true(buf_ok(&b));
	return b;
}

static void test_json_depth(void **state)
{
	(void)state;
	struct buf b = nested(LIMIT_JSON_DEPTH, "[", "]");
	takes(b.ptr);
	buf_free(&b);
	b = nested(LIMIT_JSON_DEPTH + 1, "[", "]");
	refuses_bytes(buf_str(&b));
	buf_free(&b);
	b = nested(LIMIT_JSON_DEPTH + 1, "{\"\\\"\":", "}");
	refuses_bytes(buf_str(&b));
	buf_free(&b);
	b = nested(30000, "[", "]");
	refuses_bytes(buf_str(&b));
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fixed),
		cmocka_unit_test(test_parameters),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_wrong_method),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_depth),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
