/*
 * The tie-break of equal stamps: value_cmp() is a total order, and the order of the canonical JSON bytes. The
 * first byte is the register, then come three values of it.
 */
#include <math.h>

#include "sync/value.h"
#include "tests/fuzz/fuzz.h"

enum { TEXT = 65536 };

static int sign(int value)
{
	return (value > 0) - (value < 0);
}

static void take_field(struct str *in, const struct field_def *def, struct field *out)
{
	uint64_t bits;
	switch (def->type) {
	case FIELD_RATING:
	case FIELD_INT:
		bits = input_u64(in);
		out->null = def->type == FIELD_RATING && bits % 7 == 0;
		out->i = def->min + (int64_t)(bits % (uint64_t)(def->max - def->min + 1));
		break;
	case FIELD_REAL:
		bits = input_u64(in);
		memcpy(&out->r, &bits, sizeof bits);
		break;
	case FIELD_STATUS:
		out->s = str_from(status_names[input_byte(in) % STATUS_COUNT]);
		break;
	case FIELD_DUB:
		out->s = input_byte(in) & 1 ? STR("yes") : STR("no");
		break;
	case FIELD_TEXT:
		out->s = input_take(in, input_byte(in));
	}
}

static struct value take_value(struct str *in, enum reg reg)
{
	const struct register_def *def = &register_defs[reg];
	struct value v;
	memset(&v, 0, sizeof v);
	for (size_t i = 0; i < def->fields; i++)
		take_field(in, &def->field[i], &v.f[i]);
	return v;
}

static void check_pair(enum reg reg, const struct value *a, const struct value *b)
{
	struct buf left = buf_make(TEXT), right = buf_make(TEXT);
	value_json(reg, a, &left);
	value_json(reg, b, &right);
	CHECK(buf_ok(&left) && buf_ok(&right));
	int order = value_cmp(reg, a, b);
	CHECK(sign(order) == sign(str_cmp(buf_str(&left), buf_str(&right))));
	CHECK(sign(order) == -sign(value_cmp(reg, b, a)));
	CHECK((order == 0) == value_eq(reg, a, b));
	buf_free(&left);
	buf_free(&right);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = input_make(data, size);
	enum reg reg = (enum reg)(input_byte(&in) % REG_COUNT);
	struct value v[3];
	for (size_t i = 0; i < COUNT_OF(v); i++) {
		v[i] = take_value(&in, reg);
		if (!value_valid(reg, &v[i]))
			return 0;
		CHECK(value_cmp(reg, &v[i], &v[i]) == 0);
	}
	for (size_t i = 0; i < COUNT_OF(v); i++)
		for (size_t j = 0; j < COUNT_OF(v); j++)
			check_pair(reg, &v[i], &v[j]);
	if (value_cmp(reg, &v[0], &v[1]) <= 0 && value_cmp(reg, &v[1], &v[2]) <= 0)
		CHECK(value_cmp(reg, &v[0], &v[2]) <= 0);
	return 0;
}
