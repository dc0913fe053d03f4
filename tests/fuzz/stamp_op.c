/* Stamps as text and in order, ids, and the words of an op. */
#include <stdlib.h>

#include "sync/ids.h"
#include "sync/op.h"
#include "tests/fuzz/fuzz.h"

static int sign(int value)
{
	return (value > 0) - (value < 0);
}

static void check_text(struct str text)
{
	struct stamp stamp, again;
	char written[STAMP_TEXT_SIZE];
	if (!stamp_parse(text, &stamp))
		return;
	stamp_text(stamp, written);
	CHECK(str_eq_fold(text, str_from(written)));
	CHECK(stamp_parse(str_from(written), &again));
	CHECK(stamp_cmp(stamp, again) == 0);
	struct stamp made = stamp_make(stamp_ms(stamp), stamp_counter(stamp), stamp_device(stamp));
	CHECK(stamp_cmp(stamp, made) == 0);
}

static struct stamp any_stamp(struct str *in)
{
	struct stamp s = {{0}};
	struct str bytes = input_take(in, STAMP_SIZE);
	if (bytes.len)
		memcpy(s.bytes, bytes.ptr, bytes.len);
	return s;
}

/* Text order is stamp order, and the next stamp is greater. */
static void check_order(struct str in)
{
	struct stamp a = any_stamp(&in), b = any_stamp(&in);
	char left[STAMP_TEXT_SIZE], right[STAMP_TEXT_SIZE];
	stamp_text(a, left);
	stamp_text(b, right);
	CHECK(sign(stamp_cmp(a, b)) == sign(strcmp(left, right)));
	CHECK(sign(stamp_cmp(a, b)) == -sign(stamp_cmp(b, a)));
	struct stamp most = stamp_max(a, b);
	CHECK(stamp_cmp(most, a) >= 0 && stamp_cmp(most, b) >= 0);
	if (stamp_ms(a) < (1LL << 48) - 1 || stamp_counter(a) < 0xffff) {
		struct stamp next = stamp_next(a);
		CHECK(stamp_cmp(next, a) > 0);
		CHECK(device_eq(stamp_device(next), stamp_device(a)));
	}
}

static void check_words(struct str text)
{
	enum event event = event_of(text);
	CHECK(event == EVENT_NONE || str_eq(text, str_from(event_names[event])));
	if (key_valid(text))
		CHECK(text.len <= KEY_MAX && str_utf8(text) && !str_has_control(text));
	uint64_t user = 0;
	char oid[OID_TEXT_SIZE];
	if (!user_of_oid(text, &user))
		return;
	unsigned char bytes[OID_SIZE];
	CHECK(str_hex(text, bytes, OID_SIZE));
	str_to_hex(bytes, OID_SIZE, oid);
	CHECK(str_eq_fold(text, str_from(oid)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = input_make(data, size);
	check_text(in);
	check_words(in);
	check_order(in);
	return 0;
}
