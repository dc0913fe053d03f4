/*
 * JSON that is written by hand: text, numbers and times. What is written is what jansson reads back, and no
 * buffer grows beyond its ceiling. Eight bytes are a number, the rest is text.
 */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "sync/base/buf.h"
#include "sync/base/time.h"
#include "tests/fuzz/fuzz.h"

enum { TEXT = 1024 * 1024 };
static const int64_t last_ms = 253402300799999;

static json_t *read_back(const struct buf *b)
{
	CHECK(buf_ok(b));
	json_t *json = json_loadb(b->ptr, b->len, JSON_DECODE_ANY, NULL);
	CHECK(json);
	return json;
}

static void check_text(struct str text)
{
	struct buf b = buf_make(TEXT);
	if (!str_utf8(text) || text.len > TEXT / 8)
		return;
	buf_json(&b, text);
	CHECK(str_utf8(buf_str(&b)) && !str_has_control(buf_str(&b)));
	json_t *json = read_back(&b);
	CHECK(str_eq(text, (struct str){json_string_value(json), json_string_length(json)}));
	json_decref(json);
	buf_free(&b);
}

static void check_real(uint64_t bits)
{
	struct buf b = buf_make(TEXT);
	double value;
	memcpy(&value, &bits, sizeof value);
	if (!isfinite(value))
		return;
	buf_json_real(&b, value);
	CHECK(strtod(b.ptr, NULL) == value);
	json_t *json = read_back(&b);
	CHECK(json_number_value(json) == value);
	json_decref(json);
	buf_free(&b);
}

static void check_int(int64_t value)
{
	struct buf b = buf_make(TEXT);
	int64_t again = 0;
	buf_int(&b, value);
	CHECK(str_int(buf_str(&b), INT64_MIN, INT64_MAX, &again));
	CHECK(again == value);
	json_t *json = read_back(&b);
	CHECK(json_integer_value(json) == value);
	json_decref(json);
	buf_free(&b);
}

static void check_time(int64_t ms, struct str text)
{
	struct buf b = buf_make(TEXT);
	int64_t read = 0;
	char written[TIME_TEXT_SIZE];
	buf_json_time(&b, ms);
	CHECK(buf_ok(&b) && b.len == TIME_TEXT_SIZE + 1);
	CHECK(time_parse((struct str){b.ptr + 1, b.len - 2}, &read));
	CHECK(read == (ms < 0 ? 0 : ms > last_ms ? last_ms : ms));
	if (time_parse(text, &read)) {
		time_to_text(read, written);
		CHECK(str_eq(text, str_from(written)));
	}
	buf_free(&b);
}

static void check_ceiling(struct str text, size_t cap)
{
	struct buf b = buf_make(cap);
	buf_json(&b, text);
	buf_fmt(&b, "%.*s", STR_ARG(text));
	buf_add_str(&b, text);
	CHECK(b.len <= cap);
	CHECK(!b.ptr || b.ptr[b.len] == '\0');
	buf_clear(&b);
	CHECK(buf_ok(&b) && b.len == 0);
	buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = input_make(data, size);
	uint64_t bits = input_u64(&in);
	check_real(bits);
	check_int((int64_t)bits);
	check_time((int64_t)bits, in);
	check_text(in);
	check_ceiling(in, bits % 4096);
	return 0;
}
