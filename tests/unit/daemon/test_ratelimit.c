/* Rate limits: windows, keys, and the bound of the tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/limits.h"
#include "daemon/ratelimit.h"

static const struct now start = {.wall_ms = 1700000000250, .mono_ms = 5000};

static struct now later(int64_t ms)
{
	return (struct now){.wall_ms = start.wall_ms + ms, .mono_ms = start.mono_ms + ms};
}

static struct rate_key address_key(const char *text)
{
	struct address a;
	assert_true(address_parse(str_from(text), &a));
	return rate_key_address(&a);
}

static struct config some_config(void)
{
	return (struct config){
		.rate_auth = {.count = 2, .window_ms = 60000},
		.rate_api = {.count = 3, .window_ms = 10000},
		.rate_sync = {.count = 0, .window_ms = 10000},
	};
}

static void test_window(void **state)
{
	struct config config = some_config();
	struct ratelimit *r;
	(void)state;
	assert_int_equal(ratelimit_open(&config, &r), ERR_OK);
	struct rate_key key = address_key("192.0.2.1");
	for (unsigned i = 0; i < 3; i++) {
		struct rate_verdict v = ratelimit_take(r, RATE_API, &key, later(i * 1000));
		assert_true(v.counted);
		assert_true(v.allowed);
		assert_int_equal(v.limit, 3);
		assert_int_equal(v.remaining, 2 - i);
		assert_int_equal(v.reset_s, (start.wall_ms + 10000 + 999) / 1000);
	}
	struct rate_verdict v = ratelimit_take(r, RATE_API, &key, later(4500));
	assert_false(v.allowed);
	assert_int_equal(v.remaining, 0);
	assert_int_equal(v.retry_after_s, 6);
	v = ratelimit_take(r, RATE_API, &key, later(9999));
	assert_false(v.allowed);
	assert_int_equal(v.retry_after_s, 1);
	v = ratelimit_take(r, RATE_API, &key, later(10000));
	assert_true(v.allowed);
	assert_int_equal(v.remaining, 2);
	ratelimit_close(r);
}

static void test_classes_and_keys_are_apart(void **state)
{
	struct config config = some_config();
	struct ratelimit *r;
	(void)state;
	assert_int_equal(ratelimit_open(&config, &r), ERR_OK);
	struct rate_key a = address_key("192.0.2.1"), b = address_key("192.0.2.2");
	static const enum rate_class classes[] = {RATE_REGISTER, RATE_LOGIN, RATE_FORGOT};
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(ratelimit_take(r, classes[i], &a, start).remaining, 1);
		assert_int_equal(ratelimit_take(r, classes[i], &a, start).remaining, 0);
		assert_false(ratelimit_take(r, classes[i], &a, start).allowed);
		assert_true(ratelimit_take(r, classes[i], &b, start).allowed);
	}
	ratelimit_close(r);
}

static void test_off(void **state)
{
	struct config config = some_config();
	struct ratelimit *r;
	(void)state;
	assert_int_equal(ratelimit_open(&config, &r), ERR_OK);
	struct rate_key key = address_key("192.0.2.1");
	for (int i = 0; i < 1000; i++) {
		struct rate_verdict v = ratelimit_take(r, RATE_SYNC, &key, start);
		assert_true(v.allowed);
		assert_false(v.counted);
	}
	assert_false(ratelimit_take(r, RATE_NONE, &key, start).counted);
	/* New settings hold at once. */
	config.rate_sync.count = 1;
	assert_true(ratelimit_take(r, RATE_SYNC, &key, start).allowed);
	assert_false(ratelimit_take(r, RATE_SYNC, &key, start).allowed);
	ratelimit_close(r);
}

static void test_keys(void **state)
{
	struct rate_key a = address_key("2001:db8:1:2:3::4"), b = address_key("2001:db8:1:2::"),
			c = address_key("2001:db8:1:3::");
	struct device_id one = {{1}}, two = {{2}};
	struct rate_key d = rate_key_device(7, one), e = rate_key_device(7, two), f = rate_key_device(8, one);
	(void)state;
	assert_memory_equal(&a, &b, sizeof a);
	assert_memory_not_equal(&a, &c, sizeof a);
	assert_memory_not_equal(&d, &e, sizeof d);
	assert_memory_not_equal(&d, &f, sizeof d);
}

static void test_table_is_bounded(void **state)
{
	struct config config = some_config();
	struct ratelimit *r;
	(void)state;
	assert_int_equal(ratelimit_open(&config, &r), ERR_OK);
	struct rate_key steady = address_key("192.0.2.1"), once = address_key("192.0.2.2");
	for (int i = 0; i < 3; i++) {
		(void)ratelimit_take(r, RATE_API, &steady, start);
		(void)ratelimit_take(r, RATE_API, &once, start);
	}
	/* Twice as many others as there is room for; one key is used all the time, one never again. */
	for (uint64_t i = 0; i < 2 * LIMIT_ADDRESSES; i++) {
		struct rate_key other = rate_key_device(i, (struct device_id){{9}});
		assert_true(ratelimit_take(r, RATE_API, &other, start).allowed);
		if (i % 1000 == 0)
			assert_false(ratelimit_take(r, RATE_API, &steady, start).allowed);
	}
	assert_false(ratelimit_take(r, RATE_API, &steady, start).allowed);
	assert_int_equal(ratelimit_take(r, RATE_API, &once, start).remaining, 2);
	/* The newest are all still known. */
	for (uint64_t i = LIMIT_ADDRESSES + 100; i < 2 * LIMIT_ADDRESSES; i++) {
		struct rate_key other = rate_key_device(i, (struct device_id){{9}});
		assert_int_equal(ratelimit_take(r, RATE_API, &other, start).remaining, 1);
	}
	ratelimit_close(r);
}

static void test_close_takes_null(void **state)
{
	(void)state;
	ratelimit_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_classes_and_keys_are_apart),
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_table_is_bounded),
		cmocka_unit_test(test_close_takes_null),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
