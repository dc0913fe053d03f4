#include "sync/cursor.h"

#include <string.h>

enum { EPOCH_DIGITS = EPOCH_TEXT_SIZE - 1 };

static bool is_lower_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

bool cursor_parse(struct str text, struct cursor *out)
{
	struct cursor c = {.seq = 0};
	if (text.len < EPOCH_DIGITS + 2 || text.ptr[EPOCH_DIGITS] != ':')
		return false;
	for (size_t i = 0; i < EPOCH_DIGITS; i++)
		if (!is_lower_hex(text.ptr[i]))
			return false;
	struct str seq = {text.ptr + EPOCH_DIGITS + 1, text.len - EPOCH_DIGITS - 1};
	if (!str_int(seq, 0, INT64_MAX, &c.seq))
		return false;
	memcpy(c.epoch, text.ptr, EPOCH_DIGITS);
	*out = c;
	return true;
}

void cursor_json(struct buf *out, const struct cursor *c)
{
	buf_char(out, '"');
	buf_text(out, c->epoch);
	buf_char(out, ':');
	buf_int(out, c->seq);
	buf_char(out, '"');
}
