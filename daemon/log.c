#include "daemon/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/limits.h"
#include "sync/base/str.h"
#include "sync/base/time.h"

enum log_form { FORM_TEXT, FORM_JOURNAL, FORM_JSON };

/* Set at start and by SIGHUP while other threads log. */
static atomic_int log_threshold = LOG_INFO_;
static atomic_int log_form = FORM_TEXT;

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static const char *const level_priorities[] = {"<3>", "<4>", "<6>", "<7>"}; /* sd-daemon(3) */

/* A line being written: the tail is kept free, so that a long message is cut and still ends as it must. */
struct line {
	char text[LIMIT_LOG_LINE];
	size_t len;
	size_t room;
	bool cut;
};

void log_setup(enum log_level level, bool json)
{
	enum log_form form = json ? FORM_JSON : getenv("JOURNAL_STREAM") ? FORM_JOURNAL : FORM_TEXT;
	atomic_store(&log_threshold, (int)level);
	atomic_store(&log_form, (int)form);
}

bool log_wants(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&log_threshold, memory_order_relaxed);
}

/* All of the bytes or none, and nothing more after the first that did not fit. */
static void line_add(struct line *l, const char *bytes, size_t len)
{
	if (l->cut || len > l->room - l->len) {
		l->cut = true;
		return;
	}
	memcpy(l->text + l->len, bytes, len);
	l->len += len;
}

static void line_text(struct line *l, const char *text)
{
	line_add(l, text, strlen(text));
}

/* The length of the UTF-8 sequence at s; 0 when it is none, or a control character of C1, which terminals
 * obey. */
static size_t utf8_sequence(struct str s)
{
	unsigned char first = (unsigned char)s.ptr[0];
	size_t len = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
	if (first < 0xC2 || len > s.len || !str_utf8((struct str){s.ptr, len}))
		return 0;
	return first == 0xC2 && (unsigned char)s.ptr[1] < 0xA0 ? 0 : len;
}

static void line_escape(struct line *l, unsigned char c, bool json)
{
	char text[8];
	if (c == '\n' || c == '\r' || c == '\t')
		(void)snprintf(text, sizeof text, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
	else
		(void)snprintf(text, sizeof text, json ? "\\u%04x" : "\\x%02x", (unsigned)c);
	line_text(l, text);
}

static void line_message(struct line *l, struct str s, bool json)
{
	for (size_t i = 0; i < s.len && !l->cut;) {
		unsigned char c = (unsigned char)s.ptr[i];
		size_t len = c < 0x80 ? 1 : utf8_sequence((struct str){s.ptr + i, s.len - i});
		if (c < 0x20 || c == 0x7F || len == 0) {
			line_escape(l, c, json);
			len = 1;
		} else if (json && (c == '"' || c == '\\')) {
			line_add(l, (char[]){'\\', (char)c}, 2);
		} else {
			line_add(l, s.ptr + i, len);
		}
		i += len;
	}
}

static void line_time(struct line *l)
{
	struct timespec now;
	char text[TIME_TEXT_SIZE];
	(void)clock_gettime(CLOCK_REALTIME, &now);
	time_to_text((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, text);
	line_text(l, text);
}

static void line_head(struct line *l, enum log_level level, enum log_form form)
{
	if (form == FORM_JOURNAL) {
		line_text(l, level_priorities[level]);
		return;
	}
	if (form == FORM_JSON)
		line_text(l, "{\"time\":\"");
	line_time(l);
	line_text(l, form == FORM_JSON ? "\",\"level\":\"" : " ");
	line_text(l, level_names[level]);
	line_text(l, form == FORM_JSON ? "\",\"message\":\"" : ": ");
}

/* One write(2) a line, so that lines of several threads and processes do not mix. Nobody can be told when it
 * fails. */
static void line_send(const struct line *l)
{
	size_t sent = 0;
	while (sent < l->len) {
		ssize_t n = write(STDERR_FILENO, l->text + sent, l->len - sent);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		sent += (size_t)n;
	}
}

void log_at(enum log_level level, const char *format, ...)
{
	if (!log_wants(level))
		return;
	int saved = errno;
	enum log_form form = (enum log_form)atomic_load(&log_form);
	const char *tail = form == FORM_JSON ? "\"}\n" : "\n";
	static const char more[] = "...";
	char message[LIMIT_LOG_LINE];
	struct line l;
	va_list args;

	va_start(args, format);
	int len = vsnprintf(message, sizeof message, format, args);
	va_end(args);
	if (len < 0)
		len = snprintf(message, sizeof message, "%s", "(a message that could not be formatted)");
	bool long_message = (size_t)len >= sizeof message;

	l.len = 0;
	l.cut = false;
	l.room = sizeof l.text - strlen(tail) - strlen(more);
	line_head(&l, level, form);
	line_message(&l, (struct str){message, long_message ? sizeof message - 1 : (size_t)len},
		form == FORM_JSON);
	long_message = long_message || l.cut;
	l.room = sizeof l.text;
	l.cut = false;
	if (long_message)
		line_text(&l, more);
	line_text(&l, tail);
	line_send(&l);
	errno = saved;
}
