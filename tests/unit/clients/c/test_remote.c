/* Addresses of servers, as people type them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "clients/c/remote.h"
#include "sync/base/check.h"

static void test_good_addresses(void **state)
{
	static const struct {
		const char *typed;
		const char *is;
	} cases[] = {
		{"https://home.example", "https://home.example"},
		{"  https://home.example/ ", "https://home.example"},
		{"HTTPS://home.example:8443/tsuzuki//", "https://home.example:8443/tsuzuki"},
		{"http://192.168.1.2:5000", "http://192.168.1.2:5000"},
		{"home.example", "https://home.example"},
		{"home.example:5000/x", "https://home.example:5000/x"},
		{"localhost:5000", "http://localhost:5000"},
		{"LocalHost", "http://LocalHost"},
		{"127.0.0.1:5000", "http://127.0.0.1:5000"},
		{"[::1]:5000", "http://[::1]:5000"},
		{"https://localhost", "https://localhost"},
		{"localhost.example", "https://localhost.example"},
	};
	char out[TOKENS_URL];
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_true(remote_url(cases[i].typed, out, sizeof out));
		assert_string_equal(out, cases[i].is);
	}
}

static void test_bad_addresses(void **state)
{
	static const char *const cases[] = {"", " ", "/", "https://", "https:///x", "ftp://home.example",
		"file:///etc/passwd", "https://user:pw@home.example", "https://home.example?x=1",
		"https://home.example#x", "https://home example", "https://home.example/\x01", "://x", "[",
		"https://\xff"};
	char out[TOKENS_URL] = "untouched";
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		if (remote_url(cases[i], out, sizeof out))
			fail_msg("%s is taken as %s", cases[i], out);
		assert_string_equal(out, "untouched");
	}
}

static void test_long_addresses(void **state)
{
	char typed[TOKENS_URL + 8];
	char out[TOKENS_URL];
	(void)state;
	memset(typed, 'a', sizeof typed - 1);
	typed[sizeof typed - 1] = '\0';
	assert_false(remote_url(typed, out, sizeof out));
	/* The longest that fits. */
	typed[TOKENS_URL - 1 - sizeof "https://" + 1] = '\0';
	assert_true(remote_url(typed, out, sizeof out));
	assert_int_equal(strlen(out), TOKENS_URL - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_addresses),
		cmocka_unit_test(test_bad_addresses),
		cmocka_unit_test(test_long_addresses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
