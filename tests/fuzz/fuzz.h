/*
 * What the fuzz targets share: taking an input apart. Reads never go past its end: what is missing is zero,
 * or the empty slice. Properties are asserted with CHECK (sync/base/check.h), which aborts.
 */
#ifndef TSUZUKI_TESTS_FUZZ_FUZZ_H
#define TSUZUKI_TESTS_FUZZ_FUZZ_H

#include <string.h>

#include "sync/base/check.h"
#include "sync/base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline struct str input_make(const uint8_t *data, size_t size)
{
	return (struct str){size ? (const char *)data : "", size};
}

/* The next len bytes, or what is left. */
static inline struct str input_take(struct str *in, size_t len)
{
	struct str taken = {in->ptr, len < in->len ? len : in->len};
	in->ptr += taken.len;
	in->len -= taken.len;
	return taken;
}

static inline unsigned input_byte(struct str *in)
{
	struct str taken = input_take(in, 1);
	return taken.len ? (unsigned char)taken.ptr[0] : 0;
}

static inline uint64_t input_u64(struct str *in)
{
	uint64_t value = 0;
	struct str taken = input_take(in, sizeof value);
	if (taken.len)
		memcpy(&value, taken.ptr, taken.len);
	return value;
}

/* Whether what lies in whole, as a slice of its memory. */
static inline bool input_within(struct str part, struct str whole)
{
	return part.len == 0 || (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len);
}

/* A sentence for people on one line: there, UTF-8, no control characters. */
static inline bool input_sentence(struct str text)
{
	return text.len > 0 && str_utf8(text) && !str_has_control(text);
}

#endif
