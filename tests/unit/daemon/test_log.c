/* The log: one line a message whatever is in it, in each of the three forms. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "daemon/limits.h"
#include "daemon/log.h"
#include "sync/base/str.h"

enum { CAPTURE_MAX = 1024 * 1024 };

/* Standard error goes into a file between capture_begin() and capture_end(). */
static int saved_stderr = -1;
static char captured[CAPTURE_MAX];

static void capture_begin(void)
{
	int fd = open("captured", O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);
	assert_true(fd >= 0);
	saved_stderr = dup(STDERR_FILENO);
	assert_true(saved_stderr >= 0);
	assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	(void)close(fd);
}

static size_t capture_end(void)
{
	ssize_t n = pread(STDERR_FILENO, captured, sizeof captured - 1, 0);
	assert_int_equal(dup2(saved_stderr, STDERR_FILENO), STDERR_FILENO);
	(void)close(saved_stderr);
	assert_true(n >= 0);
	captured[n] = '\0';
	return (size_t)n;
}

static void setup(enum log_level level, bool json, bool journal)
{
	if (journal)
		assert_int_equal(setenv("JOURNAL_STREAM", "8:1234", 1), 0);
	else
		assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
	log_setup(level, json);
}

static void test_text(void **state)
{
	(void)state;
	setup(LOG_INFO_, false, false);
	capture_begin();
	log_warn("port %d is taken", 5000);
	size_t len = capture_end();
	/* 2026-02-13T10:00:00.000Z warn: port 5000 is taken */
	assert_int_equal(len, 24 + strlen(" warn: port 5000 is taken\n"));
	assert_int_equal(captured[10], 'T');
	assert_int_equal(captured[23], 'Z');
	assert_string_equal(captured + 24, " warn: port 5000 is taken\n");
}

static void test_journal(void **state)
{
	(void)state;
	setup(LOG_DEBUG_, false, true);
	capture_begin();
	log_error("a");
	log_warn("b");
	log_info("c");
	log_debug("d");
	(void)capture_end();
	assert_string_equal(captured, "<3>a\n<4>b\n<6>c\n<7>d\n");
}

static void test_levels(void **state)
{
	(void)state;
	for (int level = LOG_ERROR_; level <= LOG_DEBUG_; level++) {
		setup((enum log_level)level, false, true);
		capture_begin();
		for (int at = LOG_ERROR_; at <= LOG_DEBUG_; at++) {
			assert_int_equal(log_wants((enum log_level)at), at <= level);
			log_at((enum log_level)at, "x");
		}
		assert_int_equal(capture_end(), 5 * (level + 1));
	}
}

static void test_hostile_bytes(void **state)
{
	(void)state;
	setup(LOG_INFO_, false, true);
	capture_begin();
	log_info("%s", "a\r\n<0>b\x1B[2Jc\x7F\t\x01 \xC2\x9B"
		       "1m \xFF \xED\xA0\x80 \xE7\xB6\x9A \xF0\x9F\x8D\xA5 \\ \"");
	(void)capture_end();
	assert_string_equal(captured,
		"<6>a\\r\\n<0>b\\x1b[2Jc\\x7f\\t\\x01 \\xc2\\x9b1m \\xff \\xed\\xa0\\x80 \xE7\xB6\x9A "
		"\xF0\x9F\x8D\xA5 \\ \"\n");
}

static json_t *captured_json(void)
{
	json_t *line = json_loads(captured, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(line);
	assert_int_equal(json_object_size(line), 3);
	return line;
}

static void test_json(void **state)
{
	(void)state;
	/* Under systemd too: every line is JSON, so no priority stands before it. */
	setup(LOG_INFO_, true, true);
	capture_begin();
	log_info("%s", "say \"\\\" \n\x1B\x7F \xFF \xE7\xB6\x9A");
	(void)capture_end();
	json_t *line = captured_json();
	assert_string_equal(json_string_value(json_object_get(line, "level")), "info");
	assert_int_equal(json_string_length(json_object_get(line, "time")), 24);
	assert_string_equal(json_string_value(json_object_get(line, "message")),
		"say \"\\\" \n\x1B\x7F \xC3\xBF \xE7\xB6\x9A");
	json_decref(line);
}

static void assert_long_line(bool json, const char *unit)
{
	static char text[3 * LIMIT_LOG_LINE];
	size_t size = strlen(unit);
	for (size_t i = 0; i + size < sizeof text; i += size)
		memcpy(text + i, unit, size + 1);
	setup(LOG_INFO_, json, false);
	capture_begin();
	log_info("%s", text);
	size_t len = capture_end();
	assert_true(len <= LIMIT_LOG_LINE);
	assert_true(len > LIMIT_LOG_LINE / 2);
	assert_ptr_equal(strchr(captured, '\n'), captured + len - 1);
	assert_true(str_utf8(str_from(captured)));
	assert_non_null(strstr(captured, "..."));
	if (json)
		json_decref(captured_json());
}

static void test_long_lines(void **state)
{
	(void)state;
	static const char *const units[] = {
		"a", "\xE7\xB6\x9A", "\n", "\"", "\x01", "\xFF", "\xF0\x9F\x8D\xA5"};
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		assert_long_line(false, units[i]);
		assert_long_line(true, units[i]);
	}
}

static void test_errno_is_kept(void **state)
{
	(void)state;
	setup(LOG_INFO_, false, false);
	int fd = dup(STDERR_FILENO);
	(void)close(STDERR_FILENO);
	errno = ENOSPC;
	log_info("nobody reads this");
	int after = errno;
	assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	(void)close(fd);
	assert_int_equal(after, ENOSPC);
}

enum { WRITERS = 4, LINES_EACH = 200 };

static void *write_lines(void *context)
{
	for (int i = 0; i < LINES_EACH; i++)
		log_info("%s", (const char *)context);
	return NULL;
}

/* Lines of several threads stay whole, also while the settings change. */
static void test_threads(void **state)
{
	(void)state;
	static char text[WRITERS][200];
	pthread_t threads[WRITERS];
	setup(LOG_INFO_, false, true);
	capture_begin();
	for (int i = 0; i < WRITERS; i++) {
		memset(text[i], 'a' + i, sizeof text[i] - 1);
		assert_int_equal(pthread_create(&threads[i], NULL, write_lines, text[i]), 0);
	}
	log_setup(LOG_DEBUG_, false);
	for (int i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(capture_end(), WRITERS * LINES_EACH * (3 + 199 + 1));
	for (char *line = captured; *line; line = strchr(line, '\n') + 1) {
		assert_memory_equal(line, "<6>", 3);
		assert_int_equal(strspn(line + 3, (char[]){line[3], '\0'}), 199);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_journal),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_hostile_bytes),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_errno_is_kept),
		cmocka_unit_test(test_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
