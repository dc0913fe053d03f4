#include "sync/value.h"

#include <math.h>
#include <string.h>

bool field_is_text(enum field_type type)
{
	return type == FIELD_TEXT || type == FIELD_STATUS || type == FIELD_DUB;
}

int status_index(struct str status)
{
	for (int i = 0; i < STATUS_COUNT; i++)
		if (str_eq(status, str_from(status_names[i])))
			return i;
	return -1;
}

bool field_valid(const struct field_def *def, const struct field *f)
{
	switch (def->type) {
	case FIELD_RATING:
		return f->null || (f->i >= def->min && f->i <= def->max);
	case FIELD_INT:
		return !f->null && f->i >= def->min && f->i <= def->max;
	case FIELD_REAL:
		return !f->null && isfinite(f->r) && f->r >= (double)def->min && f->r <= (double)def->max;
	case FIELD_STATUS:
		return !f->null && status_index(f->s) >= 0;
	case FIELD_DUB:
		return !f->null && (str_eq(f->s, STR("yes")) || str_eq(f->s, STR("no")));
	case FIELD_TEXT:
		return !f->null && str_utf8(f->s) && str_chars(f->s) <= (size_t)def->max;
	}
	return false;
}

bool value_valid(enum reg reg, const struct value *v)
{
	const struct register_def *def = &register_defs[reg];
	for (size_t i = 0; i < def->fields; i++)
		if (!field_valid(&def->field[i], &v->f[i]))
			return false;
	return true;
}

struct value value_default(enum reg reg)
{
	struct value v;
	memset(&v, 0, sizeof v);
	const struct register_def *def = &register_defs[reg];
	for (size_t i = 0; i < def->fields; i++) {
		v.f[i].null = def->field[i].type == FIELD_RATING;
		v.f[i].s = str_from(def->field[i].text);
	}
	return v;
}

static bool field_eq(enum field_type type, const struct field *a, const struct field *b)
{
	if (field_is_text(type))
		return str_eq(a->s, b->s);
	if (type == FIELD_REAL)
		return a->r == b->r;
	return a->null == b->null && (a->null || a->i == b->i);
}

bool value_eq(enum reg reg, const struct value *a, const struct value *b)
{
	const struct register_def *def = &register_defs[reg];
	for (size_t i = 0; i < def->fields; i++)
		if (!field_eq(def->field[i].type, &a->f[i], &b->f[i]))
			return false;
	return true;
}

static void field_json(enum field_type type, const struct field *f, struct buf *out)
{
	if (field_is_text(type))
		buf_json(out, f->s);
	else if (f->null)
		buf_text(out, "null");
	else if (type == FIELD_REAL)
		buf_json_real(out, f->r);
	else
		buf_int(out, f->i);
}

void value_json(enum reg reg, const struct value *v, struct buf *out)
{
	const struct register_def *def = &register_defs[reg];
	if (def->fields == 1 && !def->field[0].name[0]) {
		field_json(def->field[0].type, &v->f[0], out);
		return;
	}
	for (size_t i = 0; i < def->fields; i++) {
		buf_text(out, i ? ",\"" : "{\"");
		buf_text(out, def->field[i].name);
		buf_text(out, "\":");
		field_json(def->field[i].type, &v->f[i], out);
	}
	buf_char(out, '}');
}

/* What the byte at i of a text looks like in JSON; past the end, the closing quote. Six bytes, zero-padded.
 */
static void escaped_at(struct str text, size_t i, char out[6])
{
	char memory[16];
	struct buf b = {.ptr = memory, .room = sizeof memory, .cap = sizeof memory - 1};
	memset(out, 0, 6);
	out[0] = '"';
	if (i == text.len)
		return;
	buf_json(&b, (struct str){text.ptr + i, 1});
	memcpy(out, memory + 1, b.len - 2);
}

static int text_cmp(struct str a, struct str b)
{
	char left[6];
	char right[6];
	size_t i = 0;
	while (i < a.len && i < b.len && a.ptr[i] == b.ptr[i])
		i++;
	escaped_at(a, i, left);
	escaped_at(b, i, right);
	return memcmp(left, right, sizeof left);
}

/*
 * Fields before this one are equal and JSON puts the same bytes between them, so the first field that differs
 * decides. `after` is what follows it: 5 and 57 compare by it. Nothing is allocated: the merge must not be
 * able to fail.
 */
static int field_cmp(enum field_type type, const struct field *a, const struct field *b, struct str after)
{
	if (field_is_text(type))
		return text_cmp(a->s, b->s);
	char left[48];
	char right[48];
	struct buf l = {.ptr = left, .room = sizeof left, .cap = sizeof left - 1};
	struct buf r = {.ptr = right, .room = sizeof right, .cap = sizeof right - 1};
	field_json(type, a, &l);
	field_json(type, b, &r);
	buf_add_str(&l, after);
	buf_add_str(&r, after);
	return str_cmp(buf_str(&l), buf_str(&r));
}

int value_cmp(enum reg reg, const struct value *a, const struct value *b)
{
	const struct register_def *def = &register_defs[reg];
	for (size_t i = 0; i < def->fields; i++) {
		if (field_eq(def->field[i].type, &a->f[i], &b->f[i]))
			continue;
		struct str after = i + 1 < def->fields ? STR(",") : def->fields > 1 ? STR("}") : STR("");
		return field_cmp(def->field[i].type, &a->f[i], &b->f[i], after);
	}
	return 0;
}

bool value_copy(enum reg reg, struct arena *a, const struct value *v, struct value *out)
{
	const struct register_def *def = &register_defs[reg];
	struct value copy = *v;
	for (size_t i = 0; i < def->fields; i++)
		if (field_is_text(def->field[i].type) && !arena_str(a, v->f[i].s, &copy.f[i].s))
			return false;
	*out = copy;
	return true;
}
