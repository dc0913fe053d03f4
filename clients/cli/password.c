#include "clients/cli/password.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* What an interrupting signal puts back. */
static struct termios before;

bool ask_can(void)
{
	return isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1;
}

/* Byte by byte, so that what follows the line is left to whoever reads next. */
static bool read_line(char *out, size_t size)
{
	size_t len = 0;
	bool ended = false;
	while (!ended && len < size) {
		char c;
		ssize_t n = read(STDIN_FILENO, &c, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 && len == 0)
			return false;
		ended = n <= 0 || c == '\n';
		if (!ended)
			out[len++] = c;
	}
	if (!ended || memchr(out, '\0', len))
		return false;
	if (len && out[len - 1] == '\r')
		len--;
	out[len] = '\0';
	return true;
}

bool ask_line(const char *prompt, char *out, size_t size)
{
	if (ask_can())
		(void)fputs(prompt, stderr);
	return read_line(out, size);
}

static void put_back(int signal)
{
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	(void)raise(signal); /* the handler was for once: this ends the program */
}

bool ask_password(const char *prompt, char *out, size_t size)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	struct termios silent;
	struct sigaction act = {.sa_handler = put_back, .sa_flags = (int)SA_RESETHAND};
	if (!ask_can() || tcgetattr(STDIN_FILENO, &before) != 0)
		return read_line(out, size);
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		(void)sigaction(signals[i], &act, NULL);
	silent = before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	(void)fputs(prompt, stderr);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	bool good = read_line(out, size);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	(void)fputc('\n', stderr);
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		(void)signal(signals[i], SIG_DFL);
	return good;
}
