#include "daemon/fields.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sync/account.h"
#include "sync/op.h"

static const json_t *field(const json_t *object, const char *name)
{
	const json_t *json = json_object_get(object, name);
	return json_is_null(json) ? NULL : json;
}

static struct str json_str(const json_t *json)
{
	return (struct str){json_string_value(json), json_string_length(json)};
}

bool field_is_null(const json_t *object, const char *name)
{
	return json_is_null(json_object_get(object, name));
}

enum field_state field_text(const json_t *object, const char *name, size_t max, const char *msg,
	struct faults *faults, struct str *out)
{
	const json_t *json = field(object, name);
	if (!json)
		return FIELD_ABSENT;
	struct str text = json_str(json);
	if (!json_is_string(json) || str_chars(text) > max) {
		fault_add(faults, name, msg);
		return FIELD_BAD;
	}
	*out = text;
	return FIELD_GOOD;
}

enum field_state field_int(const json_t *object, const char *name, int64_t min, int64_t max, const char *msg,
	struct faults *faults, int64_t *out)
{
	const json_t *json = field(object, name);
	int64_t value = 0;
	bool good = false;
	if (!json)
		return FIELD_ABSENT;
	if (json_is_integer(json)) {
		value = json_integer_value(json);
		good = value >= min && value <= max;
	} else if (json_is_real(json)) {
		/* 7.0 is an integer in JSON's one number type. */
		double real = json_real_value(json);
		good = real == floor(real) && real >= (double)min && real <= (double)max &&
		       real < 0x1p63; /* what INT64_MAX is rounded to is none */
		value = good ? (int64_t)real : 0;
	} else if (json_is_string(json)) {
		good = str_int(json_str(json), min, max, &value);
	}
	if (!good) {
		fault_add(faults, name, msg);
		return FIELD_BAD;
	}
	*out = value;
	return FIELD_GOOD;
}

/* A plain decimal, nothing else that strtod takes (no hexadecimal, infinity or spaces). */
static bool parse_real(struct str s, double *out)
{
	char text[40];
	char *end = NULL;
	if (s.len == 0 || s.len >= sizeof text)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!strchr("0123456789.eE+-", s.ptr[i]))
			return false;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	*out = strtod(text, &end);
	return end == text + s.len;
}

enum field_state field_real(const json_t *object, const char *name, double max, const char *msg,
	struct faults *faults, double *out)
{
	const json_t *json = field(object, name);
	double value = 0;
	if (!json)
		return FIELD_ABSENT;
	bool good = json_is_number(json) || (json_is_string(json) && parse_real(json_str(json), &value));
	if (json_is_number(json))
		value = json_number_value(json);
	if (!good || !isfinite(value) || value < 0 || value > max) {
		fault_add(faults, name, msg);
		return FIELD_BAD;
	}
	*out = value;
	return FIELD_GOOD;
}

enum field_state field_bool(
	const json_t *object, const char *name, const char *msg, struct faults *faults, bool *out)
{
	const json_t *json = field(object, name);
	if (!json)
		return FIELD_ABSENT;
	if (!json_is_boolean(json)) {
		fault_add(faults, name, msg);
		return FIELD_BAD;
	}
	*out = json_is_true(json);
	return FIELD_GOOD;
}

static bool is_word(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'))
			return false;
	}
	return s.len > 0;
}

bool field_username(struct request *r, bool required, struct faults *faults, struct str *out)
{
	const json_t *json = field(r->json, "username");
	struct str name = str_trim(json_str(json));
	size_t before = faults->count;
	if (!required && (!json || (json_is_string(json) && name.len == 0)))
		return false;
	if (!json_is_string(json) || str_chars(name) < 3 || str_chars(name) > 30)
		fault_add(faults, "username", "Username must be between 3 and 30 characters");
	if (!json_is_string(json) || !is_word(name))
		fault_add(faults, "username", "Username can only contain letters, numbers, and underscores");
	*out = name;
	return faults->count == before;
}

static bool is_atom(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80 ||
	       (c != '\0' && strchr("!#$%&'*+/=?^_`{|}~-", c));
}

/* Atoms between single dots, none of them empty. */
static bool is_dot_atom(struct str s)
{
	bool dot = true;
	for (size_t i = 0; i < s.len; i++) {
		bool is_dot = s.ptr[i] == '.';
		if (is_dot ? dot : !is_atom((unsigned char)s.ptr[i]))
			return false;
		dot = is_dot;
	}
	return !dot;
}

static bool is_domain_label(struct str s)
{
	if (s.len == 0 || s.len > 63 || s.ptr[0] == '-' || s.ptr[s.len - 1] == '-')
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			    c == '-' || c >= 0x80))
			return false;
	}
	return true;
}

/* One address: dot-atom, '@', at least two domain labels; the last one no number and of two characters or
 * more. */
static bool is_email(struct str s)
{
	struct str domain = s;
	struct str local = str_cut(&domain, '@');
	size_t labels = 0;
	struct str label = {NULL, 0};
	if (s.len > LIMIT_EMAIL || local.len == s.len || local.len > 64 || !is_dot_atom(local) ||
		!str_utf8(s))
		return false;
	while (domain.len) {
		bool last = str_find(domain, '.') == domain.len;
		label = str_cut(&domain, '.');
		if (!is_domain_label(label) || (!last && domain.len == 0))
			return false;
		labels++;
	}
	bool letter = false;
	for (size_t i = 0; i < label.len; i++)
		letter |= label.ptr[i] < '0' || label.ptr[i] > '9';
	return labels >= 2 && str_chars(label) >= 2 && letter;
}

bool username_valid(struct str name)
{
	return name.len >= 3 && name.len <= 30 && is_word(name);
}

bool email_valid(struct str email)
{
	return is_email(email);
}

bool field_email(struct request *r, struct faults *faults, struct str *out)
{
	const json_t *json = field(r->json, "email");
	struct str email = str_trim(json_str(json));
	bool good = json_is_string(json) && is_email(email);
	if (good && !account_fold_email(&r->arena, email, out))
		return true;
	faults->shortage |= good;
	fault_add(faults, "email", "Please provide a valid email");
	return false;
}

bool field_new_password(
	struct request *r, const char *name, const char *msg, struct faults *faults, struct str *out)
{
	const json_t *json = field(r->json, name);
	struct str password = json_str(json);
	if (!json_is_string(json) || str_chars(password) < 6) {
		fault_add(faults, name, msg);
		return false;
	}
	if (password.len > LIMIT_PASSWORD) {
		fault_add(faults, name, "Password must be at most 1024 bytes long");
		return false;
	}
	*out = password;
	return true;
}

bool field_old_password(
	struct request *r, const char *name, const char *msg, struct faults *faults, struct str *out)
{
	const json_t *json = field(r->json, name);
	struct str password = json_str(json);
	if (!json_is_string(json) || password.len == 0 || password.len > LIMIT_PASSWORD) {
		fault_add(faults, name, msg);
		return false;
	}
	*out = password;
	return true;
}

bool field_anime_id(const json_t *object, struct arena *a, struct faults *faults, struct str *out)
{
	const json_t *json = field(object, "animeId");
	struct str id = json_str(json);
	if (json_is_number(json)) {
		struct buf text = buf_make(64);
		buf_json_real(&text, json_number_value(json));
		bool copied = buf_ok(&text) && arena_str(a, buf_str(&text), &id);
		buf_free(&text);
		if (!copied) {
			faults->shortage = true;
			id = (struct str){NULL, 0};
		}
	}
	if (!json || json_is_boolean(json) || json_is_array(json) || json_is_object(json) ||
		str_trim(id).len == 0) {
		fault_add(faults, "animeId", "Anime ID is required");
		return false;
	}
	if (!key_valid(id)) {
		fault_add(faults, "animeId", "Anime ID must be at most 200 bytes without control characters");
		return false;
	}
	*out = id;
	return true;
}

bool query_int_clamped(
	struct request *r, const char *name, int64_t min, int64_t max, struct faults *faults, int64_t *out)
{
	const struct query_param *param = request_query(r, name);
	if (!param)
		return false;
	struct str digits = param->value;
	bool negative = digits.len && digits.ptr[0] == '-';
	size_t i = negative ? 1 : 0;
	if (i == digits.len) {
		fault_add(faults, name, "Must be an integer");
		return false;
	}
	for (; i < digits.len; i++) {
		if (digits.ptr[i] < '0' || digits.ptr[i] > '9') {
			fault_add(faults, name, "Must be an integer");
			return false;
		}
	}
	/* An integer too large for us is beyond the range all the same. */
	int64_t value = negative ? min : max;
	(void)str_int(digits, INT64_MIN, INT64_MAX, &value);
	*out = value < min ? min : value > max ? max : value;
	return true;
}
