#include "daemon/router_json.h"

#include <string.h>

#include "daemon/limits.h"

/* Whether brackets outside of strings nest deeper than allowed; what else is wrong the parser finds. */
static bool too_deep(struct str text)
{
	int depth = 0;
	bool in_string = false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '{' || c == '[') {
			if (++depth > LIMIT_JSON_DEPTH)
				return true;
		} else if (c == '}' || c == ']') {
			depth--;
		}
	}
	return false;
}

static const char *reason_of(const json_error_t *error)
{
	switch (json_error_code(error)) {
	case json_error_duplicate_key:
		return "Invalid JSON: a key is repeated. Send each key once";
	case json_error_null_character:
	case json_error_null_byte_in_key:
		return "Invalid JSON: text holds a NUL. Remove it";
	case json_error_invalid_utf8:
		return "Invalid JSON: the body is not UTF-8. Send it as UTF-8";
	case json_error_numeric_overflow:
		return "Invalid JSON: a number is too large. Send a smaller one";
	default:
		return "Invalid JSON: check the request body";
	}
}

json_t *router_json(struct str body, const char **wrong)
{
	json_error_t error;
	if (too_deep(body)) {
		*wrong = "Invalid JSON: it is nested too deeply. Send at most 64 levels";
		return NULL;
	}
	json_t *json = json_loadb(body.ptr, body.len, JSON_REJECT_DUPLICATES, &error);
	if (!json) {
		*wrong = reason_of(&error);
		return NULL;
	}
	if (!json_is_object(json)) {
		json_decref(json);
		*wrong = "Invalid JSON: send an object";
		return NULL;
	}
	return json;
}
