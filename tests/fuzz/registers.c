/*
 * The journal's text of an op's registers. The first byte is the collection. What is read is written as
 * canonical text, which reads back as the same values and writes as the same text.
 */
#include "sync/registers.h"
#include "daemon/limits.h"
#include "tests/fuzz/fuzz.h"

enum { TEXT = 1024 * 1024 };

/* The text bounds nothing; what a journal of ours holds is valid. */
static bool all_valid(unsigned present, const struct value values[REG_COUNT])
{
	for (int reg = 0; reg < REG_COUNT; reg++)
		if (present & 1u << reg && !value_valid((enum reg)reg, &values[reg]))
			return false;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = input_make(data, size);
	enum collection collection = (enum collection)(input_byte(&text) % COLLECTION_COUNT);
	struct arena arena = arena_make(LIMIT_ARENA);
	struct value values[REG_COUNT] = {0}, again[REG_COUNT] = {0};
	unsigned present = 0, present_again = 0;
	enum err err = registers_parse(text, collection, &arena, &present, values);
	CHECK(err == ERR_OK || err == ERR_CORRUPT || err == ERR_NOMEM);
	if (err || !all_valid(present, values)) {
		arena_free(&arena);
		return 0;
	}
	struct buf first = buf_make(TEXT), second = buf_make(TEXT);
	registers_json(present, values, &first);
	CHECK(buf_ok(&first));
	CHECK(registers_parse(buf_str(&first), collection, &arena, &present_again, again) == ERR_OK);
	CHECK(present == present_again);
	for (int reg = 0; reg < REG_COUNT; reg++) {
		if (!(present & 1u << reg))
			continue;
		CHECK(register_defs[reg].collections & 1u << collection);
		CHECK(value_eq((enum reg)reg, &values[reg], &again[reg]));
		CHECK(value_cmp((enum reg)reg, &values[reg], &again[reg]) == 0);
	}
	registers_json(present_again, again, &second);
	CHECK(str_eq(buf_str(&first), buf_str(&second)));
	buf_free(&first);
	buf_free(&second);
	arena_free(&arena);
	return 0;
}
