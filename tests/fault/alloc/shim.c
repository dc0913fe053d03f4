/*
 * Preloaded into the real program: the Nth allocation fails, by whichever library it is made, and a crash
 * says where it was. TSUZUKI_FAIL_AT=N, TSUZUKI_FAIL_LOG=FILE. Lines of the log: "fault", "crash SIGNAL" or
 * "count N", the first two followed by a backtrace, innermost frame first.
 */
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FRAMES = 32 };

/* glibc's own, under the names that it exports for this. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static atomic_long count;
static long fail_at;
static int log_fd = -1;

static void write_trace(const char *head)
{
	void *frames[FRAMES];
	if (log_fd < 0)
		return;
	int depth = backtrace(frames, FRAMES);
	if (write(log_fd, head, strlen(head)) > 0)
		backtrace_symbols_fd(frames, depth, log_fd);
}

static bool fails(void)
{
	if (fail_at == 0 || atomic_fetch_add(&count, 1) + 1 != fail_at)
		return false;
	write_trace("fault\n");
	return true;
}

void *malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t members, size_t size)
{
	return fails() ? NULL : __libc_calloc(members, size);
}

void *realloc(void *old, size_t size)
{
	return fails() ? NULL : __libc_realloc(old, size);
}

static void on_crash(int number)
{
	char head[32] = "crash 00\n";
	head[6] = (char)('0' + number / 10);
	head[7] = (char)('0' + number % 10);
	write_trace(head);
	(void)signal(number, SIG_DFL);
	(void)raise(number);
}

__attribute__((constructor)) static void begin(void)
{
	static const int numbers[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
	const char *path = getenv("TSUZUKI_FAIL_LOG");
	const char *at = getenv("TSUZUKI_FAIL_AT");
	void *frame[1];
	if (path)
		log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		(void)signal(numbers[i], on_crash);
	/* The first backtrace loads a library; later ones take no memory. */
	(void)backtrace(frame, 1);
	fail_at = at ? strtol(at, NULL, 10) : 0;
}

__attribute__((destructor)) static void end(void)
{
	char line[40];
	int len = snprintf(line, sizeof line, "count %ld\n", atomic_load(&count));
	if (log_fd >= 0 && len > 0)
		(void)!write(log_fd, line, (size_t)len);
}
