/* What the service manager is told, datagram by datagram. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/notify.h"

static int manager = -1;

/* Listens at a path, or at a name without a file when it begins with '@'. */
static void listen_at(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	assert_true(strlen(path) < sizeof name.sun_path);
	memcpy(name.sun_path, path, strlen(path));
	if (*path == '@')
		name.sun_path[0] = '\0';
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(manager, (const struct sockaddr *)&name, len), 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", path, 1), 0);
}

static const char *next_word(void)
{
	static char text[256];
	ssize_t n = recv(manager, text, sizeof text - 1, 0);
	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static int teardown(void **state)
{
	(void)state;
	if (manager >= 0)
		(void)close(manager);
	manager = -1;
	(void)unlink("notify.sock");
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
	return 0;
}

static void every_word_and_a_clean_environment(const char *path)
{
	struct notify n;
	listen_at(path);
	notify_open(&n);
	assert_null(getenv("NOTIFY_SOCKET"));
	notify_ready(&n);
	assert_string_equal(next_word(), "READY=1\nSTATUS=Serving\n");
	notify_reloading(&n);
	int64_t usec = 0;
	assert_int_equal(sscanf(next_word(), "RELOADING=1\nMONOTONIC_USEC=%ld\n", &usec), 1);
	assert_true(usec > 0 && usec <= loop_now().mono_ms * 1000);
	notify_stopping(&n);
	assert_int_equal(strncmp(next_word(), "STOPPING=1\n", 11), 0);
	assert_string_equal(next_word(), "");
	notify_close(&n);
	notify_ready(&n);
	assert_string_equal(next_word(), "");
}

static void through_a_file(void **state)
{
	char path[256], here[200];
	(void)state;
	assert_non_null(getcwd(here, sizeof here));
	if (strlen(here) > 90) {
		skip();
		return;
	}
	(void)snprintf(path, sizeof path, "%s/notify.sock", here);
	every_word_and_a_clean_environment(path);
}

static void through_a_name_without_a_file(void **state)
{
	char path[64];
	(void)state;
	(void)snprintf(path, sizeof path, "@tsuzuki-test-notify-%d", (int)getpid());
	every_word_and_a_clean_environment(path);
}

static void without_a_manager_nothing_happens(void **state)
{
	static const char *const bad[] = {"", "relative", "/", "@", "/no/such/socket"};
	struct notify n;
	(void)state;
	notify_open(&n);
	assert_int_equal(n.fd, -1);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(setenv("NOTIFY_SOCKET", bad[i], 1), 0);
		assert_int_equal(setenv("WATCHDOG_USEC", "1000", 1), 0);
		notify_open(&n);
		assert_int_equal(n.fd, -1);
		assert_int_equal(n.every_ms, 0);
		notify_ready(&n);
		notify_watch(&n, NULL);
		notify_close(&n);
	}
}

static void half_the_watchdog_when_it_is_ours(void **state)
{
	char own[32], path[64];
	(void)state;
	(void)snprintf(own, sizeof own, "%d", (int)getpid());
	(void)snprintf(path, sizeof path, "@tsuzuki-test-watchdog-%d", (int)getpid());
	const struct {
		const char *usec;
		const char *pid;
		int64_t every_ms;
	} cases[] = {{"30000000", NULL, 15000}, {"30000000", own, 15000}, {"30000000", "1", 0},
		{"30000000", "x", 0}, {"0", own, 0}, {"-5", own, 0}, {"1", own, 1}, {"soon", own, 0},
		{NULL, own, 0}};
	listen_at(path);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct notify n;
		(void)setenv("NOTIFY_SOCKET", path, 1);
		(void)unsetenv("WATCHDOG_USEC");
		(void)unsetenv("WATCHDOG_PID");
		if (cases[i].usec)
			(void)setenv("WATCHDOG_USEC", cases[i].usec, 1);
		if (cases[i].pid)
			(void)setenv("WATCHDOG_PID", cases[i].pid, 1);
		notify_open(&n);
		assert_true(n.fd >= 0);
		assert_int_equal(n.every_ms, cases[i].every_ms);
		notify_close(&n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(through_a_file, teardown),
		cmocka_unit_test_teardown(through_a_name_without_a_file, teardown),
		cmocka_unit_test_teardown(without_a_manager_nothing_happens, teardown),
		cmocka_unit_test_teardown(half_the_watchdog_when_it_is_ours, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
