#include "sync/registers.h"

#include <jansson.h>
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

static enum err field_parse(const json_t *json, const struct field_def *def, struct arena *a, struct field *out)
{
	memset(out, 0, sizeof *out);
	if (field_is_text(def->type)) {
		struct str text = {json_string_value(json), json_string_length(json)};
		if (!json_is_string(json))
			return ERR_CORRUPT;
		return arena_str(a, text, &out->s) ? ERR_OK : ERR_NOMEM;
	}
	if (def->type == FIELD_REAL && json_is_number(json))
		out->r = json_number_value(json);
	else if (def->type == FIELD_RATING && json_is_null(json))
		out->null = true;
	else if (json_is_integer(json))
		out->i = json_integer_value(json);
	else
		return ERR_CORRUPT;
	return ERR_OK;
}

static enum err value_parse(const json_t *json, enum reg reg, struct arena *a, struct value *out)
{
	const struct register_def *def = &register_defs[reg];
	enum err err = ERR_OK;
	memset(out, 0, sizeof *out);
	for (size_t i = 0; i < def->fields && !err; i++) {
		const char *name = def->field[i].name;
		const json_t *field = name[0] ? json_object_get(json, name) : json;
		err = field ? field_parse(field, &def->field[i], a, &out->f[i]) : ERR_CORRUPT;
	}
	return !err && !value_valid(reg, out) ? ERR_CORRUPT : err;
}

enum err registers_parse(struct str text, enum collection collection, struct arena *a, unsigned *present,
	struct value values[REG_COUNT])
{
	json_t *root = json_loadb(text.ptr ? text.ptr : "", text.len, 0, NULL);
	enum err err = json_is_object(root) ? ERR_OK : ERR_CORRUPT;
	*present = 0;
	for (int reg = 0; reg < REG_COUNT && !err; reg++) {
		const json_t *json = json_object_get(root, register_defs[reg].name);
		if (!json || !register_of((enum reg)reg, collection))
			continue;
		err = value_parse(json, (enum reg)reg, a, &values[reg]);
		*present |= 1u << reg;
	}
	json_decref(root);
	return err;
}
