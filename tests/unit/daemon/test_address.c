/* Addresses and networks as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/address.h"
#include "sync/base/check.h"

static void reads(const char *text, const char *shown)
{
	struct address a;
	char out[ADDRESS_TEXT_SIZE];
	assert_true(address_parse(str_from(text), &a));
	address_text(&a, out);
	assert_string_equal(out, shown);
}

static void test_reads(void **state)
{
	(void)state;
	reads("192.0.2.1", "192.0.2.1");
	reads("192.0.2.1:443", "192.0.2.1");
	reads("2001:DB8::1", "2001:db8::1");
	reads("[2001:db8::1]", "2001:db8::1");
	reads("[2001:db8::1]:65535", "2001:db8::1");
	reads("::ffff:192.0.2.7", "192.0.2.7");
	reads("::1", "::1");
	reads("255.255.255.255", "255.255.255.255");
}

static void test_refuses(void **state)
{
	static const char *const bad[] = {"", " ", "192.0.2", "192.0.2.256", "192.0.2.1:", "192.0.2.1:65536",
		"192.0.2.1:-1", "192.0.2.1:x", "192.0.2.1 ", "[2001:db8::1", "[2001:db8::1]x",
		"[2001:db8::1]:", "[192.0.2.1]", "2001:db8::1::2", "unknown", "_hidden", "localhost", ":80",
		"[]", "[", "0x7f.1", "12345::", "1111:2222:3333:4444:5555:6666:7777:8888:9999",
		"2001:db8::1%eth0", "111111111111111111111111111111111111111111111111111111111111"};
	struct address a = {{42}}, before = a;
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (address_parse(str_from(bad[i]), &a))
			fail_msg("\"%s\" was taken", bad[i]);
	assert_false(address_parse((struct str){"1.2.3.4\0", 8}, &a));
	assert_memory_equal(&a, &before, sizeof a);
}

static bool holds(const char *network, const char *address)
{
	struct network n;
	struct address a;
	assert_true(network_parse(str_from(network), &n));
	assert_true(address_parse(str_from(address), &a));
	return network_holds(&n, &a);
}

static void test_networks(void **state)
{
	(void)state;
	assert_true(holds("10.0.0.0/8", "10.255.0.1"));
	assert_false(holds("10.0.0.0/8", "11.0.0.1"));
	assert_true(holds("192.0.2.128/25", "192.0.2.255"));
	assert_false(holds("192.0.2.128/25", "192.0.2.127"));
	assert_true(holds("192.0.2.1", "192.0.2.1"));
	assert_false(holds("192.0.2.1", "192.0.2.2"));
	assert_true(holds("192.0.2.1/32", "::ffff:192.0.2.1"));
	assert_true(holds("0.0.0.0/0", "203.0.113.9"));
	assert_false(holds("0.0.0.0/0", "2001:db8::1"));
	assert_true(holds("::/0", "203.0.113.9"));
	assert_true(holds("2001:db8::/33", "2001:db8:7fff::1"));
	assert_false(holds("2001:db8::/33", "2001:db8:8000::1"));
	assert_true(holds("2001:db8::1/128", "2001:db8::1"));
}

static void test_networks_refused(void **state)
{
	static const char *const bad[] = {"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1",
		"10.0.0.0/8/8", "::/129", "::/x", "[::1]/128", "10.0.0.0:80/8", "host/8", "10.0.0.0/ 8"};
	struct network n;
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (network_parse(str_from(bad[i]), &n))
			fail_msg("\"%s\" was taken", bad[i]);
}

static bool loopback(const char *text)
{
	struct address a;
	assert_true(address_parse(str_from(text), &a));
	return address_loopback(&a);
}

static void test_loopback(void **state)
{
	struct address none = {{0}};
	(void)state;
	assert_true(loopback("127.0.0.1"));
	assert_true(loopback("127.255.0.9"));
	assert_true(loopback("::1"));
	assert_true(loopback("::ffff:127.0.0.1"));
	assert_false(loopback("128.0.0.1"));
	assert_false(loopback("::2"));
	assert_false(loopback("10.0.0.1"));
	assert_false(address_loopback(&none));
}

static void counted_as(const char *text, const char *as)
{
	struct address a, expected;
	assert_true(address_parse(str_from(text), &a));
	assert_true(address_parse(str_from(as), &expected));
	struct address counted = address_counted(&a);
	assert_memory_equal(&counted, &expected, sizeof counted);
}

static void test_counted(void **state)
{
	(void)state;
	counted_as("192.0.2.9", "192.0.2.9");
	counted_as("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::");
	counted_as("2001:db8:1:3::", "2001:db8:1:3::");
}

static void asked_for_by(const char *forwarded, const char *client)
{
	struct address peer, found;
	struct network trusted[2];
	char out[ADDRESS_TEXT_SIZE];
	assert_true(address_parse(STR("10.0.0.1"), &peer));
	assert_true(network_parse(STR("10.0.0.0/8"), &trusted[0]));
	assert_true(network_parse(STR("fd00::/8"), &trusted[1]));
	found = address_forwarded(trusted, 2, str_from(forwarded), &peer);
	address_text(&found, out);
	assert_string_equal(out, client);
}

static void test_forwarded(void **state)
{
	(void)state;
	asked_for_by("", "10.0.0.1");
	asked_for_by("203.0.113.9", "203.0.113.9");
	asked_for_by("203.0.113.9, fd00::2,10.0.0.3", "203.0.113.9");
	/* What a client wrote itself stands left of its own address. */
	asked_for_by("10.0.0.9, 198.51.100.1, 203.0.113.9, 10.0.0.3", "203.0.113.9");
	asked_for_by("10.0.0.9, 10.0.0.3", "10.0.0.9");
	asked_for_by("203.0.113.9, unknown, 10.0.0.3", "10.0.0.3");
	asked_for_by("203.0.113.9,", "10.0.0.1");
}

static void test_unknown_is_shown(void **state)
{
	struct address none = {{0}};
	char out[ADDRESS_TEXT_SIZE];
	(void)state;
	address_text(&none, out);
	assert_string_equal(out, "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_networks),
		cmocka_unit_test(test_networks_refused),
		cmocka_unit_test(test_loopback),
		cmocka_unit_test(test_counted),
		cmocka_unit_test(test_forwarded),
		cmocka_unit_test(test_unknown_is_shown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
