/* How a call says what went wrong: the sentence stays with the handle. */
#include <stdarg.h>
#include <stdio.h>

#include "clients/c/tsz.h"

enum tsz_code tsz_fail(struct tsz *t, enum tsz_code code, const char *format, ...)
{
	char text[TSZ_ERROR_TEXT];
	va_list args;
	buf_clear(&t->error);
	va_start(args, format);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang 14 loses sight of va_start here. */
	int len = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (len > 0)
		buf_text(&t->error, text);
	return code;
}
