/* Changes: ops that go through apply, as every change of a store does. */
#include "clients/c/edit.h"

#include <stdlib.h>
#include <string.h>

#include "sync/query.h"

enum { EPISODE_MOST = 1000000 };

struct apply *edit_make(
	struct tsz *t, enum op_kind kind, enum collection collection, const char *key, struct op **op)
{
	struct device_id device = {{0}};
	struct str copy = STR("");
	if (!key_valid(str_from(key)) || !str_utf8(str_from(key))) {
		(void)tsz_fail(t, TSZ_INVALID,
			"A title's key is a text of 1 to %d bytes without control characters.", KEY_MAX);
		return NULL;
	}
	struct apply *a = apply_make(t->user, 1);
	if (!a || !arena_str(&a->job.arena, str_from(key), &copy)) {
		(void)tsz_fail_err(t, ERR_NOMEM, NULL);
		if (a)
			job_free(&a->job);
		return NULL;
	}
	(void)str_hex(str_from(t->tokens.device), device.bytes, DEVICE_SIZE);
	*op = &a->ops[0];
	**op = op_make(kind, collection, copy, device);
	(*op)->session = STR("");
	return a;
}

static enum tsz_code refused(struct tsz *t, const struct op_result *result, const struct op *op)
{
	switch (result->refusal) {
	case REFUSED_EXISTS:
		return tsz_fail(t, TSZ_CONFLICT, "%.*s is in the watchlist already. Change it with `set`.",
			STR_ARG(op->key));
	case REFUSED_MISSING:
		return tsz_fail(t, TSZ_NOT_FOUND,
			op->restore_seq				 ? "%.*s has no such entry in its history."
			: op->collection == COLLECTION_WATCHLIST ? "%.*s is not in the watchlist."
								 : "%.*s is not being watched.",
			STR_ARG(op->key));
	case REFUSED_TOO_MANY:
		return tsz_fail(t, TSZ_INVALID, "There are too many titles here. Remove some first.");
	default:
		return TSZ_OK;
	}
}

enum tsz_code edit_run(struct tsz *t, struct apply *a)
{
	struct turn turn;
	enum tsz_code code = turn_begin(t, &turn);
	if (!code) {
		code = turn_run(t, &turn, &a->job, "write the change");
		turn_end(&turn);
	}
	if (!code)
		code = refused(t, &a->results[0], &a->ops[0]);
	job_free(&a->job);
	return code;
}

/* --- fields --- */

/* One register of a bare value: what people may say there. */
static const char *const rules[REG_COUNT] = {
	[REG_TITLE] = "A title is a text of at most 300 characters.",
	[REG_IMAGE] = "An image is an address of at most 2048 characters.",
	[REG_TOTAL] = "The number of episodes is between 0 and 1,000,000.",
	[REG_WATCHED] = "The number of episodes is between 0 and 1,000,000.",
	[REG_STATUS] = "The status is plan_to_watch, watching, on_hold, completed or dropped.",
	[REG_RATING] = "The rating is between 1 and 10.",
	[REG_NOTES] = "Notes are a text of at most 500 characters.",
	[REG_POSITION] = "Episodes count from 1 to 1,000,000, time and duration are at most 10,000,000 s.",
	[REG_OPENED] = "Texts of an episode have at most 300 characters; dub is yes or no.",
};

/* Text into one field; false when memory is short. NULL leaves it alone. */
static bool put_text(struct apply *a, enum reg reg, size_t field, const char *text)
{
	struct op *op = &a->ops[0];
	if (!text)
		return true;
	op->present |= 1u << reg;
	op->partial[reg] |= 1u << field;
	return arena_str(&a->job.arena, str_from(text), &op->values[reg].f[field].s);
}

static void put_int(struct op *op, enum reg reg, int64_t value)
{
	if (value == -1)
		return;
	op->values[reg].f[0].i = value;
	op->values[reg].f[0].null = false;
	op->present |= 1u << reg;
}

static void put_rating(struct op *op, int64_t rating)
{
	put_int(op, REG_RATING, rating);
	op->values[REG_RATING].f[0].null |= rating == 0;
}

static bool put_edit(struct apply *a, const struct tsz_edit *edit)
{
	struct op *op = &a->ops[0];
	put_int(op, REG_TOTAL, edit->total_episodes);
	put_int(op, REG_WATCHED, edit->episodes_watched);
	put_rating(op, edit->rating);
	return put_text(a, REG_TITLE, 0, edit->title) && put_text(a, REG_IMAGE, 0, edit->image) &&
	       put_text(a, REG_STATUS, 0, edit->status) && put_text(a, REG_NOTES, 0, edit->notes);
}

/* Fields that were not given are completed by admission: their defaults are valid meanwhile. */
static bool valid(const struct op *op, enum reg reg)
{
	struct value v = op->values[reg];
	struct value standard = value_default(reg);
	bool bare = register_defs[reg].fields == 1;
	for (size_t i = 0; !bare && op->event != EVENT_NONE && i < register_defs[reg].fields; i++)
		if (!(op->partial[reg] & 1u << i))
			v.f[i] = standard.f[i];
	return value_valid(reg, &v);
}

enum tsz_code edit_check(struct tsz *t, const struct op *op)
{
	for (int reg = 0; reg < REG_COUNT; reg++)
		if (op->present & 1u << reg && !valid(op, (enum reg)reg))
			return tsz_fail(t, TSZ_INVALID, "%s", rules[reg]);
	if (op->kind == OP_SET && op->present == 0 && op->restore_seq == 0)
		return tsz_fail(t, TSZ_INVALID, "Say what is to be changed.");
	return TSZ_OK;
}

/* Runs it when memory sufficed and every value is good. */
static enum tsz_code check_and_run(struct tsz *t, struct apply *a, bool good)
{
	enum tsz_code code = good ? edit_check(t, &a->ops[0]) : tsz_fail_err(t, ERR_NOMEM, NULL);
	if (!code)
		return edit_run(t, a);
	job_free(&a->job);
	return code;
}

/* --- the watchlist --- */

enum tsz_code tsz_add(struct tsz *t, const char *key, const struct tsz_edit *edit)
{
	struct op *op = NULL;
	struct apply *a = edit_make(t, OP_SET, COLLECTION_WATCHLIST, key, &op);
	if (!a)
		return TSZ_INVALID;
	/* Adding writes every register, defaults included (sync-protocol.md section 4, rule 4). */
	for (int reg = 0; reg < REG_COUNT; reg++) {
		if (!register_of((enum reg)reg, COLLECTION_WATCHLIST))
			continue;
		op->values[reg] = value_default((enum reg)reg);
		op->present |= 1u << reg;
	}
	op->need = NEED_ABSENT;
	bool good = put_text(a, REG_TITLE, 0, key) && put_edit(a, edit);
	return check_and_run(t, a, good);
}

enum tsz_code tsz_set(struct tsz *t, const char *key, const struct tsz_edit *edit)
{
	struct op *op = NULL;
	struct apply *a = edit_make(t, OP_SET, COLLECTION_WATCHLIST, key, &op);
	if (!a)
		return TSZ_INVALID;
	op->need = NEED_PRESENT;
	return check_and_run(t, a, put_edit(a, edit));
}

static enum tsz_code collection_of(struct tsz *t, const char *name, enum collection *out)
{
	for (int c = 0; name && c < COLLECTION_COUNT; c++) {
		*out = (enum collection)c;
		if (strcmp(name, collection_names[c]) == 0)
			return TSZ_OK;
	}
	return tsz_fail(
		t, TSZ_INVALID, "There is no collection %s. Use watchlist or progress.", name ? name : "");
}

enum tsz_code tsz_remove(struct tsz *t, const char *collection, const char *key)
{
	enum collection c = COLLECTION_WATCHLIST;
	struct op *op = NULL;
	enum tsz_code code = collection_of(t, collection, &c);
	struct apply *a = code ? NULL : edit_make(t, OP_DELETE, c, key, &op);
	if (!a)
		return TSZ_INVALID;
	op->need = NEED_PRESENT;
	return edit_run(t, a);
}

enum tsz_code tsz_restore(struct tsz *t, const char *collection, const char *key, int64_t seq)
{
	enum collection c = COLLECTION_WATCHLIST;
	struct op *op = NULL;
	enum tsz_code code = collection_of(t, collection, &c);
	if (!code && seq < 1)
		code = tsz_fail(t, TSZ_INVALID, "The number of an entry is what `history` shows.");
	struct apply *a = code ? NULL : edit_make(t, OP_SET, c, key, &op);
	if (!a)
		return TSZ_INVALID;
	op->restore_seq = seq;
	return edit_run(t, a);
}

/* --- playback --- */

/* What a title is called that is watched for the first time here: as in the watchlist, else by its key. */
static enum tsz_code first_title(struct tsz *t, const char *key, struct apply *a)
{
	char *shown = NULL;
	enum tsz_code code = tsz_show(t, key, &shown);
	json_t *json = code ? NULL : json_loads(shown, 0, NULL);
	const json_t *listed = json_object_get(json, "watchlist");
	bool good = true;
	if (!code || code == TSZ_NOT_FOUND) {
		code = TSZ_OK;
		if (!json_is_object(json_object_get(json, "progress"))) {
			const char *title = json_string_value(json_object_get(listed, "animeTitle"));
			const char *image = json_string_value(json_object_get(listed, "animeImage"));
			good = put_text(a, REG_TITLE, 0, title ? title : key) &&
			       put_text(a, REG_IMAGE, 0, image && image[0] ? image : NULL);
		}
	}
	json_decref(json);
	tsz_free(shown);
	return good ? code : tsz_fail_err(t, ERR_NOMEM, NULL);
}

static void put_real(struct op *op, size_t field, double value)
{
	if (value < 0)
		return;
	op->values[REG_POSITION].f[field].r = value;
	op->partial[REG_POSITION] |= 1u << field;
}

static bool put_progress(struct apply *a, const struct tsz_progress *p)
{
	struct op *op = &a->ops[0];
	op->present |= 1u << REG_POSITION | 1u << REG_OPENED;
	op->partial[REG_POSITION] |= 1u << POSITION_EPISODE;
	op->partial[REG_OPENED] |= 1u << OPENED_EPISODE;
	op->values[REG_POSITION].f[POSITION_EPISODE].i = p->episode;
	op->values[REG_OPENED].f[OPENED_EPISODE].i = p->episode;
	put_real(op, POSITION_TIME, p->time);
	put_real(op, POSITION_DURATION, p->duration);
	bool nowhere = p->time < 0 || (p->time == 0 && p->duration <= 0);
	op->event = nowhere ? EVENT_OPEN : EVENT_MANUAL;
	if (p->event)
		op->event = event_of(str_from(p->event));
	if (op->event == EVENT_OPEN)
		op->present &= ~(1u << REG_POSITION);
	op->playing_ms = p->playing_ms;
	return put_text(a, REG_TITLE, 0, p->title) && put_text(a, REG_IMAGE, 0, p->image) &&
	       put_text(a, REG_OPENED, OPENED_TITLE, p->episode_title) &&
	       put_text(a, REG_OPENED, OPENED_ID, p->episode_id) &&
	       put_text(a, REG_OPENED, OPENED_DUB, p->dub) &&
	       put_text(a, REG_OPENED, OPENED_SERVER, p->server) &&
	       arena_str(&a->job.arena, str_from(p->session), &op->session);
}

static enum tsz_code check_session(struct tsz *t, const struct op *op)
{
	/* Said of the place, whichever register it would break. */
	int64_t episode = op->values[REG_OPENED].f[OPENED_EPISODE].i;
	if (episode < 1 || episode > EPISODE_MOST)
		return tsz_fail(t, TSZ_INVALID, "%s", rules[REG_POSITION]);
	if (op->event == EVENT_NONE)
		return tsz_fail(t, TSZ_INVALID, "The event is open, heartbeat, pause, stop, seek or manual.");
	if (op->session.len > SESSION_MAX || str_has_control(op->session) || !str_utf8(op->session))
		return tsz_fail(t, TSZ_INVALID,
			"A session is a text of at most %d bytes without control characters.", SESSION_MAX);
	return TSZ_OK;
}

enum tsz_code tsz_progress(struct tsz *t, const char *key, const struct tsz_progress *progress)
{
	struct op *op = NULL;
	struct apply *a = edit_make(t, OP_SET, COLLECTION_PROGRESS, key, &op);
	if (!a)
		return TSZ_INVALID;
	bool good = put_progress(a, progress);
	enum tsz_code code = good ? check_session(t, op) : TSZ_OK;
	if (!code && good && !progress->title)
		code = first_title(t, key, a);
	if (!code)
		return check_and_run(t, a, good);
	job_free(&a->job);
	return code;
}
