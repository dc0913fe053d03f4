/* session.json: written whole or not at all, read strictly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clients/c/tokens.h"
#include "sync/base/check.h"

/* Each test is a process in a folder of its own. */
static const char here[] = ".";
static const char file[] = "session.json";

static void write_file(const char *text)
{
	FILE *f = fopen(file, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void test_round_trip(void **state)
{
	struct tokens t = {.step = STEP_RENUMBER, .last_sync = 1771000000123, .last_try = 5};
	struct tokens back;
	struct stat st;
	(void)state;
	assert_true(tokens_set(t.url, sizeof t.url, "https://home.example"));
	assert_true(tokens_set(t.email, sizeof t.email, "q\"uote\\@example.com"));
	assert_true(tokens_set(t.token, sizeof t.token, "aa.bb.cc"));
	assert_true(tokens_set(t.device, sizeof t.device, "0123456789abcdef"));
	assert_int_equal(tokens_save(here, &t), ERR_OK);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(tokens_load(here, &back), ERR_OK);
	assert_memory_equal(&t, &back, sizeof t);
	/* Again over the one that is there. */
	t.step = STEP_LINK;
	assert_int_equal(tokens_save(here, &t), ERR_OK);
	assert_int_equal(tokens_load(here, &back), ERR_OK);
	assert_int_equal(back.step, STEP_LINK);
}

static void test_longest_fields(void **state)
{
	static struct tokens t;
	static struct tokens back;
	(void)state;
	/* Bytes that JSON writes longest. */
	memset(t.url, '\x01', sizeof t.url - 1);
	memset(t.token, '"', sizeof t.token - 1);
	memset(t.refresh, '\\', sizeof t.refresh - 1);
	assert_int_equal(tokens_save(here, &t), ERR_OK);
	assert_int_equal(tokens_load(here, &back), ERR_OK);
	assert_memory_equal(&t, &back, sizeof t);
}

static void test_what_is_none(void **state)
{
	static const char *const texts[] = {
		"", "{", "[]", "7", "{\"url\": 7}", "{}", "{\"url\":\"x\",\"url\":\"y\"}"};
	struct tokens t;
	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		write_file(texts[i]);
		memset(&t, 0xff, sizeof t);
		assert_int_equal(tokens_load(here, &t), ERR_NOT_FOUND);
		assert_int_equal(t.token[0], '\0');
		assert_int_equal(t.step, STEP_NONE);
	}
	assert_int_equal(unlink(file), 0);
	assert_int_equal(tokens_load(here, &t), ERR_NOT_FOUND);
}

static void test_too_long_is_refused(void **state)
{
	static const struct tokens t = {.step = STEP_NONE};
	struct tokens back;
	char field[4] = "abc";
	(void)state;
	assert_false(tokens_set(field, sizeof field, "abcd"));
	assert_false(tokens_set(field, sizeof field, NULL));
	assert_string_equal(field, "abc");
	assert_int_equal(tokens_save(here, &t), ERR_OK);
	/* A device of 17 digits. */
	write_file("{\"url\":\"\",\"caFile\":\"\",\"email\":\"\",\"userId\":\"\",\"token\":\"t\","
		   "\"refreshToken\":"
		   "\"\",\"deviceId\":\"01234567890123456\",\"idKey\":\"\"}");
	assert_int_equal(tokens_load(here, &back), ERR_NOT_FOUND);
	assert_int_equal(back.token[0], '\0');
}

static void test_nowhere(void **state)
{
	static const struct tokens t = {.step = STEP_NONE};
	(void)state;
	assert_int_equal(tokens_save("./no/such/folder", &t), ERR_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_longest_fields),
		cmocka_unit_test(test_what_is_none),
		cmocka_unit_test(test_too_long_is_refused),
		cmocka_unit_test(test_nowhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
