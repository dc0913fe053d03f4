#include "daemon/ask.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "daemon/limits.h"

enum { PASSWORD_MIN = 6 };

bool ask_possible(void)
{
	return isatty(STDIN_FILENO) == 1;
}

/* One line of standard input, byte by byte so that none of the next is taken. false: there is none. */
static bool take_line(struct buf *out)
{
	for (;;) {
		char c = 0;
		ssize_t n = read(STDIN_FILENO, &c, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 && out->len > 0;
		if (c == '\n')
			break;
		/* What is too long fails here, and the rest of the line is read all the same. */
		buf_char(out, c);
	}
	if (out->len && out->ptr[out->len - 1] == '\r')
		out->len--;
	return true;
}

static void say(const char *text)
{
	(void)fputs(text, stderr);
	(void)fflush(stderr);
}

/*
 * A line with the terminal's echo off. Ctrl-C must not leave the terminal mute, so signals wait meanwhile:
 * what the terminal would make of it is read as a byte, and ends the line.
 */
static bool take_hidden(const char *prompt, struct buf *out)
{
	struct termios before, mute;
	if (tcgetattr(STDIN_FILENO, &before) != 0)
		return false;
	mute = before;
	mute.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ISIG);
	say(prompt);
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &mute) != 0)
		return false;
	bool good = take_line(out);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	say("\n");
	for (size_t i = 0; i < out->len; i++)
		if (out->ptr[i] == '\x03')
			good = false;
	return good;
}

static const char *judge(const struct buf *password)
{
	struct str text = buf_str(password);
	if (!buf_ok(password) || text.len > LIMIT_PASSWORD)
		return "The password is longer than 1024 bytes.";
	if (!str_utf8(text))
		return "The password is not UTF-8.";
	return str_chars(text) < PASSWORD_MIN ? "A password has at least 6 characters." : NULL;
}

bool ask_password(struct buf *out, const char **why)
{
	struct buf again = buf_make(LIMIT_PASSWORD + 2);
	/* No copy is left behind by growing. */
	buf_reserve(out, LIMIT_PASSWORD + 1);
	buf_reserve(&again, LIMIT_PASSWORD + 1);
	bool typed = ask_possible();
	bool good = typed ? take_hidden("New password: ", out) : take_line(out);
	*why = good ? judge(out) : "No password was given: standard input ended.";
	if (!*why && typed) {
		if (!take_hidden("Once more: ", &again))
			*why = "No password was given.";
		else if (!str_eq(buf_str(out), buf_str(&again)))
			*why = "The two passwords differ.";
	}
	if (again.ptr)
		sodium_memzero(again.ptr, again.room);
	buf_free(&again);
	return !*why;
}

bool ask_yes(const char *question)
{
	struct buf line = buf_make(64);
	if (!ask_possible())
		return false;
	say(question);
	say(" [yes/no] ");
	bool yes = take_line(&line) && buf_ok(&line) && str_eq_fold(str_trim(buf_str(&line)), STR("yes"));
	buf_free(&line);
	return yes;
}
