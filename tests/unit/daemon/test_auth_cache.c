/* Verified tokens remembered: found, bounded, forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/auth_cache.h"

static struct auth *cache;

static int setup(void **state)
{
	(void)state;
	cache = auth_cache_make();
	assert_non_null(cache);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	auth_cache_free(cache);
	auth_cache_free(NULL);
	return 0;
}

/* Keys of one set share their first four bytes. */
static void key_of(unsigned char key[AUTH_KEY_SIZE], uint32_t set, uint32_t number)
{
	memset(key, 0, AUTH_KEY_SIZE);
	memcpy(key, &set, sizeof set);
	memcpy(key + 8, &number, sizeof number);
}

static struct auth_entry *put(uint32_t set, uint32_t number, uint64_t user)
{
	unsigned char key[AUTH_KEY_SIZE];
	struct principal who = {.user = user, .expires_ms = number};
	key_of(key, set, number);
	struct auth_entry *entry = auth_cache_put(cache, key, &who);
	assert_non_null(entry);
	return entry;
}

static struct auth_entry *find(uint32_t set, uint32_t number)
{
	unsigned char key[AUTH_KEY_SIZE];
	key_of(key, set, number);
	return auth_cache_find(cache, key);
}

static void what_is_put_is_found_and_nothing_else(void **state)
{
	(void)state;
	assert_null(find(1, 1));
	struct auth_entry *entry = put(1, 1, 42);
	assert_ptr_equal(find(1, 1), entry);
	assert_true(entry->who.user == 42);
	assert_int_equal(entry->who.expires_ms, 1);
	assert_int_equal(entry->seen_ms, 0);
	assert_null(find(1, 2));
	assert_null(find(2, 1));
	entry->seen_ms = 99; /* callers note there when a device was seen */
	assert_int_equal(find(1, 1)->seen_ms, 99);
}

static void a_full_set_forgets_its_oldest(void **state)
{
	(void)state;
	for (uint32_t i = 1; i <= 8; i++)
		(void)put(5, i, 42);
	for (uint32_t i = 1; i <= 8; i++)
		assert_non_null(find(5, i));
	for (uint32_t i = 9; i <= 30; i++) {
		(void)put(5, i, 42);
		for (uint32_t k = 1; k <= i; k++)
			assert_int_equal(find(5, k) != NULL, k > i - 8);
	}
	/* Another set is another matter. */
	(void)put(6, 1, 42);
	assert_non_null(find(5, 30));
}

static void a_user_is_forgotten_everywhere(void **state)
{
	(void)state;
	for (uint32_t set = 0; set < 8192; set += 27) {
		(void)put(set, 1, 42);
		(void)put(set, 2, 43);
	}
	auth_cache_forget(cache, 42);
	for (uint32_t set = 0; set < 8192; set += 27) {
		assert_null(find(set, 1));
		assert_non_null(find(set, 2));
	}
	/* A freed place is taken before anybody is driven out. */
	for (uint32_t i = 3; i <= 9; i++)
		(void)put(27, i, 43);
	assert_non_null(find(27, 2));
	assert_non_null(find(27, 9));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_put_is_found_and_nothing_else, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_set_forgets_its_oldest, setup, teardown),
		cmocka_unit_test_setup_teardown(a_user_is_forgotten_everywhere, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
