#include "sync/stamp.h"

#include <string.h>

enum { COUNTER_MAX = 0xFFFF };
/* The two clocks are read one after the other and cut to milliseconds: less than this is no clock that was
 * set. */
enum { LOOK_ERROR_MS = 10 };
static const int64_t MS_MAX = 0xFFFFFFFFFFFF;

struct stamp stamp_make(int64_t ms, unsigned counter, struct device_id device)
{
	struct stamp s;
	if (ms < 0)
		ms = 0;
	if (ms > MS_MAX)
		ms = MS_MAX;
	for (int i = 0; i < 6; i++)
		s.bytes[i] = (unsigned char)((uint64_t)ms >> (40 - 8 * i));
	s.bytes[6] = (unsigned char)(counter >> 8);
	s.bytes[7] = (unsigned char)counter;
	memcpy(s.bytes + 8, device.bytes, DEVICE_SIZE);
	return s;
}

int64_t stamp_ms(struct stamp s)
{
	uint64_t ms = 0;
	for (int i = 0; i < 6; i++)
		ms = ms << 8 | s.bytes[i];
	return (int64_t)ms;
}

unsigned stamp_counter(struct stamp s)
{
	return (unsigned)s.bytes[6] << 8 | s.bytes[7];
}

struct device_id stamp_device(struct stamp s)
{
	struct device_id device;
	memcpy(device.bytes, s.bytes + 8, DEVICE_SIZE);
	return device;
}

int stamp_cmp(struct stamp a, struct stamp b)
{
	return memcmp(a.bytes, b.bytes, STAMP_SIZE);
}

bool stamp_set(struct stamp s)
{
	static const struct stamp none;
	return stamp_cmp(s, none) != 0;
}

struct stamp stamp_max(struct stamp a, struct stamp b)
{
	return stamp_cmp(a, b) >= 0 ? a : b;
}

struct stamp stamp_next(struct stamp s)
{
	unsigned counter = stamp_counter(s);
	if (counter == COUNTER_MAX)
		return stamp_make(stamp_ms(s) + 1, 0, stamp_device(s));
	return stamp_make(stamp_ms(s), counter + 1, stamp_device(s));
}

void stamp_text(struct stamp s, char out[STAMP_TEXT_SIZE])
{
	str_to_hex(s.bytes, 8, out);
	out[16] = '-';
	str_to_hex(s.bytes + 8, DEVICE_SIZE, out + 17);
}

bool stamp_parse(struct str text, struct stamp *out)
{
	struct stamp s;
	if (text.len != STAMP_TEXT_SIZE - 1 || text.ptr[16] != '-')
		return false;
	if (!str_hex((struct str){text.ptr, 16}, s.bytes, 8) ||
		!str_hex((struct str){text.ptr + 17, 16}, s.bytes + 8, DEVICE_SIZE))
		return false;
	*out = s;
	return true;
}

bool device_eq(struct device_id a, struct device_id b)
{
	return memcmp(a.bytes, b.bytes, DEVICE_SIZE) == 0;
}

int64_t wall_look(struct wall *w, struct now now)
{
	int64_t corrected = now.wall_ms + w->run;
	int64_t expected = w->shown.wall_ms + (now.mono_ms - w->shown.mono_ms);
	bool behind = w->shown.mono_ms != 0 && corrected < expected;
	if (behind && expected - corrected > LOOK_ERROR_MS) {
		w->run += expected - corrected;
		corrected = expected;
	}
	w->shown = (struct now){behind ? expected : corrected, now.mono_ms};
	if (w->first_ms == 0)
		w->first_ms = corrected;
	return corrected;
}

int64_t stamp_clock_now(struct stamp_clock *c, const struct wall *w, struct now now, bool same_start)
{
	/* A correction that this process made since the offset was stored counts for this user too. */
	int64_t since = same_start ? w->run - c->run : w->run;
	/* Found behind at the start, it has run on since then, whether anything was written or not. */
	int64_t behind = c->ms - (w->first_ms + c->offset);
	if (!same_start && w->first_ms && behind > 0)
		c->offset += behind;
	c->offset += since;
	c->run = w->run;
	int64_t ms = now.wall_ms + c->offset;
	if (ms < c->ms) {
		c->offset += c->ms - ms;
		ms = c->ms;
	}
	return ms;
}

void stamp_clock_show(struct stamp_clock *c, int64_t received)
{
	if (received <= c->ms)
		return;
	c->ms = received;
	c->counter = 0;
}

struct stamp stamp_clock_make(struct stamp_clock *c, int64_t received, int64_t floor, struct device_id device)
{
	int64_t ms = received > floor ? received : floor;
	if (ms > c->ms) {
		c->ms = ms;
		c->counter = 0;
	} else if (c->counter < COUNTER_MAX) {
		c->counter++;
	} else {
		c->ms++;
		c->counter = 0;
	}
	return stamp_make(c->ms, c->counter, device);
}
