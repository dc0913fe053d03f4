#include "clients/cli/out.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

enum { TABLE_BYTES = 64 * 1024 * 1024, WIDTH_DEFAULT = 80, WIDTH_LEAST = 40, BAR_CELLS = 10, CUT_LEAST = 10 };

void out_look(struct out *o, bool json, bool no_colour)
{
	struct winsize size = {0};
	const char *term = getenv("TERM");
	const char *asked = getenv("NO_COLOR");
	bool terminal = isatty(STDOUT_FILENO) == 1;
	/* Widths of characters are those of Unicode, whatever else the locale says. */
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		(void)setlocale(LC_CTYPE, "");
	*o = (struct out){.json = json, .width = WIDTH_DEFAULT};
	o->table = terminal && !json && term && strcmp(term, "dumb") != 0;
	o->colour = o->table && !no_colour && !(asked && asked[0]);
	if (terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col)
		o->width = size.ws_col < WIDTH_LEAST ? WIDTH_LEAST : size.ws_col;
}

/* --- text --- */

/* One character of text that may be anything: its bytes, 0 for what is none. */
static size_t character(struct str s, wchar_t *out)
{
	mbstate_t state;
	memset(&state, 0, sizeof state);
	size_t n = mbrtowc(out, s.ptr, s.len, &state);
	return n == 0 || n > s.len ? 0 : n;
}

static size_t columns_of(struct str s)
{
	size_t columns = 0;
	while (s.len) {
		wchar_t c = L' ';
		size_t n = character(s, &c);
		int width = n ? wcwidth(c) : 1;
		columns += width > 0 ? (size_t)width : 0;
		n = n ? n : 1;
		s = (struct str){s.ptr + n, s.len - n};
	}
	return columns;
}

void out_clean(struct str s, struct buf *b)
{
	while (s.len) {
		wchar_t c = L' ';
		size_t n = character(s, &c);
		if (n == 0)
			buf_char(b, '?');
		else if (c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200e && c <= 0x200f) ||
			 (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069))
			buf_char(b, ' ');
		else
			buf_add(b, s.ptr, n);
		n = n ? n : 1;
		s = (struct str){s.ptr + n, s.len - n};
	}
}

void out_time(double seconds, struct buf *b)
{
	long long s = seconds > 0 && seconds < 1e12 ? (long long)seconds : 0;
	if (s >= 3600)
		buf_fmt(b, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
	else
		buf_fmt(b, "%lld:%02lld", s / 60, s % 60);
}

void out_bar(const struct out *o, double done, double of, struct buf *b)
{
	if (!o->table || of <= 0)
		return;
	double share = done / of;
	int full = share <= 0 ? 0 : share >= 1 ? BAR_CELLS : (int)(share * BAR_CELLS + 0.5);
	for (int i = 0; i < BAR_CELLS; i++)
		buf_text(b, i < full ? "\xe2\x96\x88" : "\xe2\x96\x91");
	buf_char(b, ' ');
}

bool out_flush(void)
{
	return fflush(stdout) == 0 && ferror(stdout) == 0;
}

/* --- tables --- */

struct table table_make(size_t columns, size_t stretch)
{
	return (struct table){.cells = buf_make(TABLE_BYTES), .columns = columns, .stretch = stretch};
}

void table_cell(struct table *t, struct str text)
{
	out_clean(text, &t->cells);
	buf_char(&t->cells, '\0');
	t->count++;
}

void table_text(struct table *t, const char *text)
{
	table_cell(t, str_from(text));
}

/* Text in so many columns, cut or filled. */
static void print_in(struct str s, size_t columns, bool fill)
{
	size_t used = 0;
	bool cut = columns_of(s) > columns;
	size_t room = cut ? columns - 1 : columns;
	while (s.len) {
		wchar_t c = L' ';
		size_t n = character(s, &c);
		int width = n ? wcwidth(c) : 1;
		size_t wide = width > 0 ? (size_t)width : 0;
		if (used + wide > room)
			break;
		n = n ? n : 1;
		(void)fwrite(s.ptr, 1, n, stdout);
		used += wide;
		s = (struct str){s.ptr + n, s.len - n};
	}
	if (cut) {
		(void)fputs("\xe2\x80\xa6", stdout);
		used++;
	}
	for (; fill && used < columns; used++)
		(void)putchar(' ');
}

static void print_plain(const struct table *t)
{
	const char *cell = t->cells.ptr;
	for (size_t i = 0; i < t->count; i++) {
		if (i >= t->columns) {
			(void)fputs(cell, stdout);
			(void)putchar((i + 1) % t->columns ? '\t' : '\n');
		}
		cell += strlen(cell) + 1;
	}
}

static void print_table(const struct out *o, const struct table *t)
{
	size_t widths[OUT_COLUMNS] = {0};
	if (t->columns == 0 || t->columns > OUT_COLUMNS)
		return;
	size_t all = 2 * (t->columns - 1);
	const char *cell = t->cells.ptr;
	for (size_t i = 0; i < t->count; i++) {
		size_t columns = columns_of(str_from(cell));
		size_t *width = &widths[i % t->columns];
		*width = columns > *width ? columns : *width;
		cell += strlen(cell) + 1;
	}
	for (size_t i = 0; i < t->columns; i++)
		all += widths[i];
	size_t over = all > (size_t)o->width ? all - (size_t)o->width : 0;
	size_t *stretch = &widths[t->stretch];
	if (over)
		*stretch = *stretch > over + CUT_LEAST ? *stretch - over : CUT_LEAST;
	cell = t->cells.ptr;
	for (size_t i = 0; i < t->count; i++) {
		bool last = (i + 1) % t->columns == 0;
		if (i == 0 && o->colour)
			(void)fputs("\033[1m", stdout);
		print_in(str_from(cell), widths[i % t->columns], !last);
		if (last && i + 1 == t->columns && o->colour)
			(void)fputs("\033[0m", stdout);
		(void)fputs(last ? "\n" : "  ", stdout);
		cell += strlen(cell) + 1;
	}
}

bool table_print(const struct out *o, struct table *t)
{
	bool good = buf_ok(&t->cells);
	if (good && t->columns && t->count > t->columns) {
		if (o->table)
			print_table(o, t);
		else
			print_plain(t);
	}
	buf_free(&t->cells);
	return out_flush() && good;
}
