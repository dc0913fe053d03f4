#include "sync/base/buf.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/base/time.h"

struct buf buf_make(size_t cap)
{
	return (struct buf){.cap = cap};
}

void buf_free(struct buf *b)
{
	free(b->ptr);
	*b = buf_make(b->cap);
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->ptr)
		b->ptr[0] = '\0';
}

bool buf_ok(const struct buf *b)
{
	return !b->failed;
}

struct str buf_str(const struct buf *b)
{
	return (struct str){b->ptr, b->len};
}

void buf_reserve(struct buf *b, size_t more)
{
	if (b->failed)
		return;
	if (more > b->cap - b->len) {
		b->failed = true;
		return;
	}
	size_t need = b->len + more + 1;
	if (need <= b->room)
		return;
	size_t room = b->room ? b->room : 64;
	while (room < need)
		room += room / 2;
	char *ptr = realloc(b->ptr, room);
	if (!ptr) {
		b->failed = true;
		return;
	}
	b->ptr = ptr;
	b->room = room;
}

void buf_add(struct buf *b, const void *bytes, size_t len)
{
	buf_reserve(b, len);
	if (b->failed || len == 0)
		return;
	memcpy(b->ptr + b->len, bytes, len);
	b->len += len;
	b->ptr[b->len] = '\0';
}

void buf_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_text(struct buf *b, const char *text)
{
	buf_add(b, text, strlen(text));
}

void buf_add_str(struct buf *b, struct str s)
{
	buf_add(b, s.ptr, s.len);
}

void buf_int(struct buf *b, int64_t value)
{
	char digits[24];
	char *at = digits + sizeof digits;
	uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	do {
		*--at = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest);
	if (value < 0)
		*--at = '-';
	buf_add(b, at, (size_t)(digits + sizeof digits - at));
}

void buf_fmt(struct buf *b, const char *format, ...)
{
	char small[512];
	va_list args;
	va_start(args, format);
	int len = vsnprintf(small, sizeof small, format, args);
	va_end(args);
	if (len < 0) {
		b->failed = true;
		return;
	}
	if ((size_t)len < sizeof small) {
		buf_add(b, small, (size_t)len);
		return;
	}
	buf_reserve(b, (size_t)len);
	if (b->failed)
		return;
	va_start(args, format);
	(void)vsnprintf(b->ptr + b->len, (size_t)len + 1, format, args);
	va_end(args);
	b->len += (size_t)len;
}

static void json_escape(struct buf *b, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	switch (c) {
	case '"':
		buf_text(b, "\\\"");
		break;
	case '\\':
		buf_text(b, "\\\\");
		break;
	case '\n':
		buf_text(b, "\\n");
		break;
	case '\r':
		buf_text(b, "\\r");
		break;
	case '\t':
		buf_text(b, "\\t");
		break;
	default: {
		char text[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
		buf_add(b, text, sizeof text);
	}
	}
}

void buf_json(struct buf *b, struct str text)
{
	buf_char(b, '"');
	size_t from = 0;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
			continue;
		buf_add(b, text.ptr + from, i - from);
		json_escape(b, c);
		from = i + 1;
	}
	if (text.len > from)
		buf_add(b, text.ptr + from, text.len - from);
	buf_char(b, '"');
}

void buf_json_real(struct buf *b, double value)
{
	if (fabs(value) < 9007199254740992.0 && value == floor(value)) {
		buf_int(b, (int64_t)value);
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		char text[40];
		(void)snprintf(text, sizeof text, "%.*g", digits, value);
		if (digits == 17 || strtod(text, NULL) == value) {
			buf_text(b, text);
			return;
		}
	}
}

void buf_json_time(struct buf *b, int64_t ms)
{
	char text[TIME_TEXT_SIZE];
	time_to_text(ms, text);
	buf_char(b, '"');
	buf_text(b, text);
	buf_char(b, '"');
}
