/*
 * Taking back the last change of a title. What it was before is read from the history: the newest entry that
 * won is what is taken back; of each register that it set, the newest entry before it that set the same one
 * tells the value. A delete ends that search: before it there was nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "clients/c/edit.h"
#include "sync/registers.h"
#include "sync/wire.h"

enum { WHAT_BYTES = 256 * 1024 };

static bool won(const json_t *entry)
{
	const char *outcome = json_string_value(json_object_get(entry, "outcome"));
	return outcome && (strcmp(outcome, outcome_names[OUTCOME_APPLIED]) == 0 ||
				  strcmp(outcome, outcome_names[OUTCOME_MERGED]) == 0);
}

static bool is_delete(const json_t *entry)
{
	return json_is_true(json_object_get(entry, "delete"));
}

/* The index of the next entry that won, from `at` on; the length when there is none. */
static size_t next_won(const json_t *entries, size_t at)
{
	size_t count = json_array_size(entries);
	while (at < count && !won(json_array_get(entries, at)))
		at++;
	return at;
}

/* The registers that an entry is about: those it set; of a delete, all of its collection. */
static unsigned touched(const json_t *entry, enum collection c)
{
	unsigned mask = 0;
	for (int reg = 0; reg < REG_COUNT; reg++)
		if (register_of((enum reg)reg, c) &&
			(is_delete(entry) || json_object_get(json_object_get(entry, "registers"),
						     register_defs[reg].name)))
			mask |= 1u << reg;
	return mask;
}

/* Values from the entries after the one taken back. *lived: the title was there before it. */
static enum err values_before(
	const json_t *entries, size_t at, unsigned mask, struct apply *a, enum collection c, bool *lived)
{
	struct op *op = &a->ops[0];
	*lived = false;
	for (at = next_won(entries, at + 1); at < json_array_size(entries); at = next_won(entries, at + 1)) {
		const json_t *entry = json_array_get(entries, at);
		if (is_delete(entry))
			break;
		*lived = true;
		for (int reg = 0; reg < REG_COUNT; reg++) {
			unsigned given = 0;
			const json_t *value =
				json_object_get(json_object_get(entry, "registers"), register_defs[reg].name);
			if (!value || !(mask & 1u << reg) || op->present & 1u << reg ||
				!register_of((enum reg)reg, c))
				continue;
			enum err err =
				wire_value(value, (enum reg)reg, &a->job.arena, &op->values[reg], &given);
			if (err)
				return err;
			op->present |= 1u << reg;
		}
	}
	/* One that nobody had set read as its default; a place has none, and stays. */
	for (int reg = 0; *lived && reg < REG_COUNT; reg++) {
		struct value standard = value_default((enum reg)reg);
		if (!(mask & 1u << reg) || op->present & 1u << reg || !value_valid((enum reg)reg, &standard))
			continue;
		op->values[reg] = standard;
		op->present |= 1u << reg;
	}
	return ERR_OK;
}

static enum tsz_code say_what(struct tsz *t, const struct op *op, char **what)
{
	struct buf text = buf_make(WHAT_BYTES);
	if (op->kind == OP_DELETE)
		buf_text(&text, "null");
	else
		registers_json(op->present, op->values, &text);
	return tsz_give(t, &text, what);
}

static enum tsz_code take_back(
	struct tsz *t, const json_t *entries, enum collection c, const char *key, char **what)
{
	struct op *op = NULL;
	bool lived = false;
	size_t at = next_won(entries, 0);
	if (at >= json_array_size(entries))
		return tsz_fail(t, TSZ_NOT_FOUND, "%s has no history in the %s that could be taken back.",
			key, collection_names[c]);
	const json_t *newest = json_array_get(entries, at);
	struct apply *a = edit_make(t, OP_SET, c, key, &op);
	if (!a)
		return TSZ_INVALID;
	enum err err = values_before(entries, at, touched(newest, c), a, c, &lived);
	enum tsz_code code = tsz_fail_err(t, err, "read the history");
	if (!code && !lived && is_delete(newest))
		code = tsz_fail(t, TSZ_NOT_FOUND, "The history of %s does not reach back far enough.", key);
	if (!lived)
		op->kind = OP_DELETE;
	if (!code)
		code = edit_check(t, op);
	if (!code && what)
		code = say_what(t, op, what);
	if (!code)
		return edit_run(t, a);
	job_free(&a->job);
	return code;
}

enum tsz_code tsz_undo(struct tsz *t, const char *collection, const char *key, char **what)
{
	char *text = NULL;
	if (what)
		*what = NULL;
	enum tsz_code code = tsz_history(t, collection, key, &text);
	if (code)
		return code;
	json_t *entries = json_loads(text, 0, NULL);
	tsz_free(text);
	if (!entries)
		return tsz_fail_err(t, ERR_NOMEM, NULL);
	enum collection c = strcmp(collection, collection_names[COLLECTION_PROGRESS]) == 0
				    ? COLLECTION_PROGRESS
				    : COLLECTION_WATCHLIST;
	code = take_back(t, entries, c, key, what);
	json_decref(entries);
	if (code && what) {
		tsz_free(*what);
		*what = NULL;
	}
	return code;
}
