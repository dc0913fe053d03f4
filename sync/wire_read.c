/* Reading a push: strict, op by op. */
#include <math.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "sync/wire.h"

static const int64_t N_MAX = 9007199254740991;
/* Older or later than any time there is: clocks that are off by decades are never refused. */
static const double TIME_BOUND = 4e15;
static const double PLAYING_MAX_S = 10000000;
/* A push has at most 4 MiB, of which escapes and numbers make at most six times as much. */
enum { DIGEST_BYTES = 32 * 1024 * 1024, DIGEST_DEPTH = 64 };

/* --- canonical JSON: what two bodies must share to be the same op --- */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void canonical(const json_t *json, int depth, struct buf *out);

static bool left_out(const char *name)
{
	return strcmp(name, "n") == 0 || strcmp(name, "at") == 0 || strcmp(name, "age") == 0;
}

static void canonical_object(const json_t *json, int depth, struct buf *out)
{
	size_t count = 0;
	const char **names = calloc(json_object_size(json) + 1, sizeof *names);
	if (!names) {
		out->failed = true;
		return;
	}
	for (void *at = json_object_iter((json_t *)(uintptr_t)json); at;
		at = json_object_iter_next((json_t *)(uintptr_t)json, at))
		if (depth || !left_out(json_object_iter_key(at)))
			names[count++] = json_object_iter_key(at);
	qsort(names, count, sizeof *names, by_name);
	buf_char(out, '{');
	for (size_t i = 0; i < count; i++) {
		buf_json(out, str_from(names[i]));
		buf_char(out, ':');
		canonical(json_object_get(json, names[i]), depth + 1, out);
	}
	buf_char(out, '}');
	free(names);
}

static void canonical(const json_t *json, int depth, struct buf *out)
{
	if (depth > DIGEST_DEPTH) {
		out->failed = true;
		return;
	}
	switch (json_typeof(json)) {
	case JSON_OBJECT:
		canonical_object(json, depth, out);
		break;
	case JSON_ARRAY:
		buf_char(out, '[');
		for (size_t i = 0; i < json_array_size(json); i++) {
			canonical(json_array_get(json, i), depth + 1, out);
			buf_char(out, ',');
		}
		buf_char(out, ']');
		break;
	case JSON_STRING:
		buf_json(out, (struct str){json_string_value(json), json_string_length(json)});
		break;
	case JSON_INTEGER:
		buf_int(out, json_integer_value(json));
		break;
	case JSON_REAL: /* 7.0 is 7 */
		buf_json_real(out, json_real_value(json));
		break;
	default:
		buf_char(out, json_is_true(json) ? 't' : json_is_false(json) ? 'f' : 'n');
	}
}

static enum err digest(const json_t *json, struct buf *scratch, unsigned char out[DIGEST_SIZE])
{
	buf_clear(scratch);
	canonical(json, 0, scratch);
	if (!buf_ok(scratch))
		return ERR_NOMEM;
	(void)crypto_generichash(
		out, DIGEST_SIZE, (const unsigned char *)scratch->ptr, scratch->len, NULL, 0);
	return ERR_OK;
}

/* --- values --- */

static struct str text_of(const json_t *json)
{
	return (struct str){json_string_value(json), json_string_length(json)};
}

bool wire_integer(const json_t *json, int64_t *out)
{
	if (json_is_integer(json)) {
		*out = json_integer_value(json);
		return true;
	}
	double real = json_real_value(json);
	if (!json_is_real(json) || real != floor(real) || fabs(real) > (double)N_MAX)
		return false;
	*out = (int64_t)real;
	return true;
}

static enum err read_field(
	const json_t *json, const struct field_def *def, struct arena *a, struct field *out)
{
	struct field f = {.null = false};
	if (def->type == FIELD_RATING && json_is_null(json)) {
		f.null = true;
	} else if (field_is_text(def->type)) {
		if (!json_is_string(json))
			return ERR_INVALID;
		f.s = text_of(json);
	} else if (def->type == FIELD_REAL) {
		if (!json_is_number(json))
			return ERR_INVALID;
		f.r = json_number_value(json);
	} else if (!wire_integer(json, &f.i)) {
		return ERR_INVALID;
	}
	if (!field_valid(def, &f))
		return ERR_INVALID;
	if (field_is_text(def->type) && !arena_str(a, f.s, &f.s))
		return ERR_NOMEM;
	*out = f;
	return ERR_OK;
}

static int field_of(const struct register_def *def, const char *name)
{
	for (size_t i = 0; i < def->fields; i++)
		if (strcmp(def->field[i].name, name) == 0)
			return (int)i;
	return -1;
}

enum err wire_value(const json_t *json, enum reg reg, struct arena *a, struct value *out, unsigned *given)
{
	const struct register_def *def = &register_defs[reg];
	*out = value_default(reg);
	*given = 0;
	if (def->fields == 1 && !def->field[0].name[0]) {
		*given = 1;
		return read_field(json, &def->field[0], a, &out->f[0]);
	}
	if (!json_is_object(json))
		return ERR_INVALID;
	for (void *at = json_object_iter((json_t *)(uintptr_t)json); at;
		at = json_object_iter_next((json_t *)(uintptr_t)json, at)) {
		int field = field_of(def, json_object_iter_key(at));
		if (field < 0)
			return ERR_INVALID;
		enum err err = read_field(json_object_iter_value(at), &def->field[field], a, &out->f[field]);
		if (err)
			return err;
		*given |= 1u << field;
	}
	return ERR_OK;
}

/* The fields given are marked in op->partial. */
static enum err read_register(const json_t *json, enum reg reg, struct arena *a, struct op *op)
{
	op->present |= 1u << reg;
	return wire_value(json, reg, a, &op->values[reg], &op->partial[reg]);
}

int wire_register_named(const char *name, enum collection collection)
{
	for (int reg = 0; reg < REG_COUNT; reg++)
		if (register_of((enum reg)reg, collection) && strcmp(register_defs[reg].name, name) == 0)
			return reg;
	return -1;
}

static bool whole(const struct op *op, enum reg reg)
{
	return op->partial[reg] == (1u << register_defs[reg].fields) - 1;
}

/* --- one op --- */

struct fields {
	const json_t *n, *collection, *key, *set, *delete, *clear, *at, *age, *event, *session, *playing,
		*origin, *stamp;
};

static bool read_fields(const json_t *json, struct fields *out)
{
	const struct {
		const char *name;
		const json_t **at;
	} known[] = {{"n", &out->n}, {"collection", &out->collection}, {"key", &out->key}, {"set", &out->set},
		{"delete", &out->delete}, {"clear", &out->clear}, {"at", &out->at}, {"age", &out->age},
		{"event", &out->event}, {"session", &out->session}, {"playing", &out->playing},
		{"origin", &out->origin}, {"stamp", &out->stamp}};
	size_t found = 0;
	memset(out, 0, sizeof *out);
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		*known[i].at = json_object_get(json, known[i].name);
		found += *known[i].at != NULL;
	}
	return found == json_object_size(json);
}

static enum reject read_kind(const struct fields *f, struct op *op)
{
	if (!!f->set + !!f->delete + !!f->clear != 1)
		return REJECT_OP;
	if ((f->delete &&!json_is_true(f->delete)) || (f->clear && !json_is_true(f->clear)))
		return REJECT_OP;
	op->kind = f->set ? OP_SET : f->delete ? OP_DELETE : OP_CLEAR;
	return REJECT_NOT;
}

int wire_collection_named(const json_t *name)
{
	for (int c = 0; c < COLLECTION_COUNT; c++)
		if (json_is_string(name) && str_eq(text_of(name), str_from(collection_names[c])))
			return c;
	return -1;
}

static enum reject read_collection(const struct fields *f, struct op *op)
{
	int collection = wire_collection_named(f->collection);
	if (collection < 0)
		return f->collection ? REJECT_COLLECTION : REJECT_OP;
	op->collection = (enum collection)collection;
	return REJECT_NOT;
}

static enum err read_key(const struct fields *f, struct arena *a, struct push_op *p)
{
	struct str key = text_of(f->key);
	if (p->op.kind == OP_CLEAR) {
		p->reject = f->key ? REJECT_OP : REJECT_NOT;
		return ERR_OK;
	}
	if (!json_is_string(f->key) || !key_valid(key)) {
		p->reject = REJECT_KEY;
		return ERR_OK;
	}
	return arena_str(a, key, &p->op.key) ? ERR_OK : ERR_NOMEM;
}

static bool time_number(const json_t *json, int64_t *out)
{
	if (!json_is_number(json))
		return false;
	double v = json_number_value(json);
	*out = (int64_t)(v > TIME_BOUND ? TIME_BOUND : v < -TIME_BOUND ? -TIME_BOUND : v);
	return true;
}

static enum reject read_times(const struct fields *f, struct push_op *p)
{
	int64_t age = 0;
	if (f->at && f->age)
		return REJECT_TIME;
	if (f->at) {
		if (!time_number(f->at, &p->sender_at_ms))
			return REJECT_TIME;
		p->sent_at = true;
	}
	if (f->age) {
		if (!time_number(f->age, &age))
			return REJECT_TIME;
		p->op.age_ms = age > 0 ? age : 0;
	}
	if (f->playing) {
		double seconds = json_number_value(f->playing);
		if (!json_is_number(f->playing) || seconds < 0 || seconds > PLAYING_MAX_S || !f->event)
			return REJECT_TIME;
		p->op.playing_ms = (int64_t)(seconds * 1000);
	}
	return REJECT_NOT;
}

static enum reject read_origin(const struct fields *f, struct push_op *p)
{
	if (f->origin &&
		(!json_is_string(f->origin) || !str_hex(text_of(f->origin), p->op.device.bytes, DEVICE_SIZE)))
		return REJECT_ORIGIN;
	if (!f->stamp)
		return REJECT_NOT;
	if (!json_is_string(f->stamp) || !stamp_parse(text_of(f->stamp), &p->op.offer) ||
		!stamp_set(p->op.offer) || !f->origin ||
		!device_eq(stamp_device(p->op.offer), p->op.device) || f->at || f->age || f->event)
		return REJECT_STAMP;
	return REJECT_NOT;
}

static enum err read_session(const struct fields *f, struct arena *a, struct push_op *p)
{
	struct op *op = &p->op;
	op->session = STR("");
	if (!f->session)
		return ERR_OK;
	struct str session = text_of(f->session);
	if (!json_is_string(f->session) || session.len > SESSION_MAX || !str_utf8(session) ||
		str_has_control(session) || op->kind != OP_SET || op->collection != COLLECTION_PROGRESS) {
		p->reject = REJECT_SESSION;
		return ERR_OK;
	}
	return arena_str(a, session, &op->session) ? ERR_OK : ERR_NOMEM;
}

static enum reject read_event(const struct fields *f, struct op *op)
{
	if (!f->event)
		return REJECT_NOT;
	if (op->kind != OP_SET || op->collection != COLLECTION_PROGRESS || !json_is_string(f->event))
		return REJECT_EVENT;
	op->event = event_of(text_of(f->event));
	return op->event == EVENT_NONE ? REJECT_EVENT : REJECT_NOT;
}

/* With an event registers may be partial, but name their episode, and the same one. */
static enum reject check_event(struct op *op)
{
	bool place = op->present & 1u << REG_POSITION;
	bool opened = op->present & 1u << REG_OPENED;
	struct field *p = op->values[REG_POSITION].f;
	struct field *o = op->values[REG_OPENED].f;
	if (place == (op->event == EVENT_OPEN))
		return REJECT_EVENT;
	if (place ? !(op->partial[REG_POSITION] & 1u << POSITION_EPISODE)
		  : !opened || !(op->partial[REG_OPENED] & 1u << OPENED_EPISODE))
		return REJECT_VALUE;
	if (place && opened && op->partial[REG_OPENED] & 1u << OPENED_EPISODE &&
		o[OPENED_EPISODE].i != p[POSITION_EPISODE].i)
		return REJECT_VALUE;
	if (place && opened)
		o[OPENED_EPISODE].i = p[POSITION_EPISODE].i;
	return REJECT_NOT;
}

static enum err read_set(const struct fields *f, struct arena *a, struct push_op *p)
{
	struct op *op = &p->op;
	if (op->kind != OP_SET)
		return ERR_OK;
	if (!json_is_object(f->set) || json_object_size(f->set) == 0) {
		p->reject = REJECT_OP;
		return ERR_OK;
	}
	for (void *at = json_object_iter((json_t *)(uintptr_t)f->set); at;
		at = json_object_iter_next((json_t *)(uintptr_t)f->set, at)) {
		int reg = wire_register_named(json_object_iter_key(at), op->collection);
		if (reg < 0) {
			p->reject = REJECT_REGISTER;
			return ERR_OK;
		}
		enum err err = read_register(json_object_iter_value(at), (enum reg)reg, a, op);
		if (err == ERR_NOMEM)
			return err;
		if (err || (op->event == EVENT_NONE && !whole(op, (enum reg)reg))) {
			p->reject = REJECT_VALUE;
			return ERR_OK;
		}
	}
	if (op->event != EVENT_NONE)
		p->reject = check_event(op);
	return ERR_OK;
}

static enum err read_op(const json_t *json, struct arena *a, struct push_op *p)
{
	struct fields f;
	enum err err = ERR_OK;
	if (!read_fields(json, &f))
		p->reject = REJECT_OP;
	if (!p->reject)
		p->reject = read_kind(&f, &p->op);
	if (!p->reject)
		p->reject = read_collection(&f, &p->op);
	if (!p->reject)
		err = read_key(&f, a, p);
	if (!p->reject && !err)
		p->reject = read_event(&f, &p->op);
	if (!p->reject && !err)
		err = read_session(&f, a, p);
	if (!p->reject && !err)
		p->reject = read_times(&f, p);
	if (!p->reject && !err)
		p->reject = read_origin(&f, p);
	if (!p->reject && !err)
		err = read_set(&f, a, p);
	return err;
}

/* --- the whole --- */

static enum err fail(struct wire_fault *fault, const char *path, const char *message, const char *code)
{
	*fault = (struct wire_fault){path, message, code};
	return ERR_INVALID;
}

static enum err read_ops(
	const json_t *ops, unsigned most, struct arena *a, struct exchange_in *out, struct wire_fault *fault)
{
	static const struct device_id sender;
	struct buf scratch = buf_make(DIGEST_BYTES);
	int64_t previous = 0;
	enum err err = ERR_OK;
	out->count = json_array_size(ops);
	if (!json_is_array(ops))
		return fail(fault, "ops", "Ops must be an array", NULL);
	if (out->count > most)
		return fail(fault, "ops", "Too many ops in one push. Cut it into several", "too_many_ops");
	out->ops = arena_alloc(a, (out->count + 1) * sizeof *out->ops);
	if (!out->ops)
		return ERR_NOMEM;
	for (size_t i = 0; i < out->count && !err; i++) {
		const json_t *json = json_array_get(ops, i);
		struct push_op *p = &out->ops[i];
		p->op = op_make(OP_SET, COLLECTION_WATCHLIST, STR(""), sender);
		p->op.session = STR("");
		if (!wire_integer(json_object_get(json, "n"), &p->n) || p->n < 1 || p->n > N_MAX) {
			p->n = 0;
			p->reject = REJECT_N;
			continue;
		}
		if (p->n <= previous)
			err = fail(fault, "ops", "The numbers of a push must ascend", NULL);
		previous = p->n;
		if (!err)
			err = digest(json, &scratch, p->digest);
		if (!err)
			err = read_op(json, a, p);
		if (p->sent_at && !out->has_now && !err)
			err = fail(fault, "now", "Ops with at need now: the sender's own clock", NULL);
	}
	buf_free(&scratch);
	return err;
}

static bool read_cursor(const json_t *json, struct cursor *out)
{
	return json_is_string(json) && cursor_parse(text_of(json), out);
}

enum err wire_exchange(const json_t *body, unsigned most_ops, struct arena *a, struct exchange_in *out,
	struct wire_fault *fault)
{
	const json_t *now = json_object_get(body, "now"), *cursor = json_object_get(body, "cursor"),
		     *head = json_object_get(body, "head"), *limit = json_object_get(body, "limit"),
		     *ops = json_object_get(body, "ops");
	int64_t most = PULL_LIMIT;
	*out = (struct exchange_in){.limit = PULL_LIMIT};
	*fault = (struct wire_fault){"", "", NULL};
	if (now && !json_is_null(now)) {
		if (!time_number(now, &out->now_ms))
			return fail(fault, "now", "Now must be a number of milliseconds", NULL);
		out->has_now = true;
	}
	if (cursor) {
		out->kind = json_is_null(cursor) ? CURSOR_NULL : CURSOR_GIVEN;
		if (!json_is_null(cursor) && !read_cursor(cursor, &out->cursor))
			return fail(
				fault, "cursor", "Cursor must be null or one that this server gave", NULL);
	}
	if (head && !json_is_null(head)) {
		if (!read_cursor(head, &out->head))
			return fail(fault, "head", "Head must be one that this server gave", NULL);
		out->has_head = true;
	}
	if (limit && !json_is_null(limit) && !wire_integer(limit, &most))
		return fail(fault, "limit", "Limit must be a whole number", NULL);
	out->limit = most < 1 ? 1 : most > PULL_LIMIT_MAX ? PULL_LIMIT_MAX : (unsigned)most;
	return ops && !json_is_null(ops) ? read_ops(ops, most_ops, a, out, fault) : ERR_OK;
}
