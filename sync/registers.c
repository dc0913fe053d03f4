#include "sync/registers.h"

#include <stdlib.h>
#include <string.h>

#include "sync/item.h"

void registers_json(unsigned present, const struct value values[REG_COUNT], struct buf *out)
{
	bool first = true;
	buf_char(out, '{');
	for (int reg = 0; reg < REG_COUNT; reg++) {
		if (!(present & 1u << reg))
			continue;
		buf_text(out, first ? "\"" : ",\"");
		first = false;
		buf_text(out, register_defs[reg].name);
		buf_text(out, "\":");
		value_json((enum reg)reg, &values[reg], out);
	}
	buf_char(out, '}');
}

/*
 * Reading back what registers_json() wrote, and nothing else. By hand: a general parser takes memory in many
 * places, and jansson 2.14 reads past its buffer when one of them is refused.
 */
struct scan {
	struct str rest;
	struct arena *arena;
	enum err err;
};

static bool skip(struct scan *r, struct str token)
{
	if (r->err || !str_starts(r->rest, token))
		return false;
	r->rest.ptr += token.len;
	r->rest.len -= token.len;
	return true;
}

static void expect(struct scan *r, struct str token)
{
	if (!skip(r, token) && !r->err)
		r->err = ERR_CORRUPT;
}

/* "name": */
static bool skip_name(struct scan *r, const char *name)
{
	struct scan ahead = *r;
	if (!skip(&ahead, STR("\"")) || !skip(&ahead, str_from(name)) || !skip(&ahead, STR("\":")))
		return false;
	*r = ahead;
	return true;
}

/* What stands behind a backslash; 0 when it is nothing that we write. */
static char unescape(struct scan *r)
{
	unsigned char code[2];
	if (skip(r, STR("\"")))
		return '"';
	if (skip(r, STR("\\")))
		return '\\';
	if (skip(r, STR("n")))
		return '\n';
	if (skip(r, STR("r")))
		return '\r';
	if (skip(r, STR("t")))
		return '\t';
	if (!skip(r, STR("u")) || r->rest.len < 4 || !str_hex((struct str){r->rest.ptr, 4}, code, 2) ||
		code[0])
		return '\0';
	r->rest.ptr += 4;
	r->rest.len -= 4;
	return (char)code[1];
}

static struct str read_text(struct scan *r)
{
	expect(r, STR("\""));
	/* No text is longer than what is left. */
	char *out = r->err ? NULL : arena_alloc(r->arena, r->rest.len + 1);
	size_t len = 0;
	if (!out) {
		r->err = r->err ? r->err : ERR_NOMEM;
		return STR("");
	}
	while (r->rest.len && r->rest.ptr[0] != '"') {
		char c = r->rest.ptr[0];
		r->rest.ptr++;
		r->rest.len--;
		if (c == '\\')
			c = unescape(r);
		if (!c) {
			r->err = ERR_CORRUPT;
			return STR("");
		}
		out[len++] = c;
	}
	expect(r, STR("\""));
	return (struct str){out, len};
}

static struct str read_digits(struct scan *r)
{
	struct str digits = {r->rest.ptr, 0};
	while (digits.len < r->rest.len && strchr("+-.0123456789e", r->rest.ptr[digits.len]) &&
		r->rest.ptr[digits.len])
		digits.len++;
	(void)skip(r, digits);
	return digits;
}

static void read_field(struct scan *r, const struct field_def *def, struct field *out)
{
	memset(out, 0, sizeof *out);
	if (field_is_text(def->type)) {
		out->s = read_text(r);
		return;
	}
	if (def->type == FIELD_RATING && skip(r, STR("null"))) {
		out->null = true;
		return;
	}
	struct str digits = read_digits(r);
	char text[48];
	bool good = digits.len > 0 && digits.len < sizeof text;
	if (good && def->type == FIELD_REAL) {
		char *end = NULL;
		memcpy(text, digits.ptr, digits.len);
		text[digits.len] = '\0';
		out->r = strtod(text, &end);
		good = !*end;
	} else if (good) {
		good = str_int(digits, INT64_MIN, INT64_MAX, &out->i);
	}
	if (!good)
		r->err = ERR_CORRUPT;
}

static void read_value(struct scan *r, enum reg reg, struct value *out)
{
	const struct register_def *def = &register_defs[reg];
	bool bare = def->fields == 1 && !def->field[0].name[0];
	memset(out, 0, sizeof *out);
	for (size_t i = 0; i < def->fields && !r->err; i++) {
		if (!bare) {
			expect(r, i ? STR(",") : STR("{"));
			if (!skip_name(r, def->field[i].name))
				r->err = ERR_CORRUPT;
		}
		if (!r->err)
			read_field(r, &def->field[i], &out->f[i]);
	}
	if (!bare)
		expect(r, STR("}"));
	if (!r->err && !value_valid(reg, out))
		r->err = ERR_CORRUPT;
}

enum err registers_parse(struct str text, enum collection collection, struct arena *a, unsigned *present,
	struct value values[REG_COUNT])
{
	struct scan r = {.rest = text, .arena = a};
	*present = 0;
	expect(&r, STR("{"));
	for (int reg = 0; reg < REG_COUNT && !r.err; reg++) {
		struct scan ahead = r;
		if (!register_of((enum reg)reg, collection) || (*present && !skip(&ahead, STR(","))) ||
			!skip_name(&ahead, register_defs[reg].name))
			continue;
		r = ahead;
		read_value(&r, (enum reg)reg, &values[reg]);
		*present |= 1u << reg;
	}
	expect(&r, STR("}"));
	if (!r.err && r.rest.len)
		r.err = ERR_CORRUPT;
	return r.err;
}
