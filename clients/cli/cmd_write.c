/* Commands that change something here. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/cli/run.h"

enum { COUNT_MOST = 1000000, LINE_BYTES = 4096 };

/* --- values of options --- */

static bool wrong(const char *option, const char *takes, const char *text)
{
	(void)fprintf(stderr, "tsuzuki: %s takes %s, not %s.\n", option, takes, text);
	return false;
}

/* A whole number; *out stays when the option was not given. */
static bool whole(const struct args *a, enum option option, const char *name, int64_t *out)
{
	const char *text = a->values[option];
	if (!text || str_int(str_from(text), 0, COUNT_MOST, out))
		return true;
	return wrong(name, "a whole number", text);
}

/* Digits, and a fraction. */
static bool seconds(struct str s, double *out)
{
	char text[32];
	char *end = NULL;
	if (s.len == 0 || s.len >= sizeof text)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!strchr("0123456789.", s.ptr[i]))
			return false;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	*out = strtod(text, &end);
	return *end == '\0' && isfinite(*out);
}

/* 720, 720.5, 12:00, 1:02:03. */
static bool time_text(const char *text, double *out)
{
	struct str rest = str_from(text);
	double all = 0;
	for (int parts = 0; parts < 3; parts++) {
		size_t colon = str_find(rest, ':');
		bool last = colon == rest.len;
		int64_t value = 0;
		double part = 0;
		struct str piece = {rest.ptr, colon};
		if (last ? !seconds(piece, &part) : !str_int(piece, 0, COUNT_MOST, &value))
			return false;
		if (parts > 0 && last && part >= 60)
			return false;
		all = all * 60 + (last ? part : (double)value);
		if (last) {
			*out = all;
			return true;
		}
		rest = (struct str){rest.ptr + colon + 1, rest.len - colon - 1};
	}
	return false;
}

static bool time_of(const struct args *a, enum option option, const char *name, double *out)
{
	const char *text = a->values[option];
	return !text || time_text(text, out) || wrong(name, "seconds, 12:00 or 1:02:03", text);
}

static bool rating_of(const struct args *a, int64_t *out)
{
	const char *text = a->values[OPT_RATING];
	if (!text || str_int(str_from(text), 1, 10, out))
		return true;
	*out = 0;
	return strcmp(text, "none") == 0 || wrong("--rating", "1 to 10, or none", text);
}

static bool edit_of(const struct args *a, struct tsz_edit *out)
{
	*out = TSZ_EDIT;
	out->title = a->values[OPT_TITLE];
	out->image = a->values[OPT_IMAGE];
	out->status = a->values[OPT_STATUS];
	out->notes = a->values[OPT_NOTES];
	return whole(a, OPT_WATCHED, "--watched", &out->episodes_watched) &&
	       whole(a, OPT_TOTAL, "--total", &out->total_episodes) && rating_of(a, &out->rating);
}

/* --- what was done --- */

/* With --json the title as it is now, else a sentence on standard error. Then the server hears of it. */
static int done(struct run *r, enum tsz_code code, const char *sentence)
{
	char *text = NULL;
	const char *key = r->args->words[0];
	if (code)
		return run_failed(r, code);
	run_sync(r);
	if (r->out.json) {
		code = tsz_show(r->store, key, &text);
		if (code == TSZ_NOT_FOUND)
			return puts("{\"watchlist\":null,\"progress\":null}") != EOF && out_flush()
				       ? EXIT_GOOD
				       : EXIT_IO;
		return code ? run_failed(r, code) : run_print(r, text);
	}
	struct buf line = buf_make(LINE_BYTES);
	buf_fmt(&line, "%s: %s", key, sentence);
	run_say("", buf_ok(&line) ? line.ptr : sentence);
	buf_free(&line);
	return EXIT_GOOD;
}

int run_add(struct run *r)
{
	struct tsz_edit edit;
	if (!edit_of(r->args, &edit))
		return EXIT_USAGE;
	if (r->args->word_count > 1 && !edit.title)
		edit.title = r->args->words[1];
	return done(r, tsz_add(r->store, r->args->words[0], &edit), "added. `tsuzuki undo` takes it back.");
}

int run_set(struct run *r)
{
	struct tsz_edit edit;
	if (!edit_of(r->args, &edit))
		return EXIT_USAGE;
	return done(r, tsz_set(r->store, r->args->words[0], &edit), "changed. `tsuzuki undo` takes it back.");
}

int run_rm(struct run *r)
{
	const struct args *a = r->args;
	bool progress = a->given[OPT_PROGRESS];
	bool listed = a->given[OPT_WATCHLIST] || !progress;
	bool gone = false;
	enum tsz_code code = TSZ_OK;
	if (listed) {
		code = tsz_remove(r->store, "watchlist", a->words[0]);
		gone = code == TSZ_OK;
	}
	if (progress && (code == TSZ_OK || code == TSZ_NOT_FOUND)) {
		code = tsz_remove(r->store, "progress", a->words[0]);
		if (code == TSZ_NOT_FOUND && gone)
			code = TSZ_OK;
	}
	return done(r, code, "removed. `tsuzuki undo` brings it back.");
}

int run_progress(struct run *r)
{
	const struct args *a = r->args;
	struct tsz_progress p = TSZ_PROGRESS;
	if (!a->values[OPT_EPISODE]) {
		(void)fputs("tsuzuki: Say which episode: --episode N.\n", stderr);
		return EXIT_USAGE;
	}
	if (!whole(a, OPT_EPISODE, "--episode", &p.episode) || !time_of(a, OPT_TIME, "--time", &p.time) ||
		!time_of(a, OPT_DURATION, "--duration", &p.duration))
		return EXIT_USAGE;
	p.title = a->values[OPT_TITLE];
	p.image = a->values[OPT_IMAGE];
	p.episode_title = a->values[OPT_EPISODE_TITLE];
	p.episode_id = a->values[OPT_EPISODE_ID];
	p.dub = a->values[OPT_DUB];
	p.server = a->values[OPT_SERVER];
	p.event = a->values[OPT_EVENT];
	p.session = a->values[OPT_SESSION];
	return done(r, tsz_progress(r->store, a->words[0], &p), "noted. `tsuzuki resume` goes on there.");
}

/* --- undo --- */

/* Of each entry of a collection's history its number and time; what `undo` is about when that is not said. */
static bool look_into(struct run *r, const char *collection, int64_t seq, const char *newest, struct buf *at)
{
	char *text = NULL;
	size_t i;
	json_t *entry;
	bool found = false;
	if (tsz_history(r->store, collection, r->args->words[0], &text))
		return false;
	json_t *entries = run_json(text);
	json_array_foreach (entries, i, entry) {
		const char *when = json_string_value(json_object_get(entry, "received"));
		found |= seq && json_integer_value(json_object_get(entry, "seq")) == seq;
		if (i == 0 && when && !seq) {
			buf_text(at, when);
			found = strcmp(when, newest) > 0;
		}
	}
	json_decref(entries);
	return found;
}

/* The collection that an entry is of; without one, that of the last change. */
static const char *which(struct run *r, int64_t seq)
{
	struct buf watched = buf_make(64);
	struct buf listed = buf_make(64);
	const char *collection = "watchlist";
	if (r->args->given[OPT_PROGRESS])
		return "progress";
	if (r->args->given[OPT_WATCHLIST])
		return collection;
	bool in_list = look_into(r, "watchlist", seq, "", &listed);
	const char *when = buf_ok(&listed) && listed.len ? listed.ptr : "";
	if (look_into(r, "progress", seq, when, &watched) && !(seq && in_list))
		collection = "progress";
	buf_free(&watched);
	buf_free(&listed);
	return collection;
}

int run_undo(struct run *r)
{
	const struct args *a = r->args;
	int64_t seq = 0;
	if (a->values[OPT_SEQ] && !str_int(str_from(a->values[OPT_SEQ]), 1, INT64_MAX, &seq)) {
		(void)wrong("--seq", "the number of an entry of `tsuzuki history`", a->values[OPT_SEQ]);
		return EXIT_USAGE;
	}
	const char *collection = which(r, seq);
	if (seq)
		return done(r, tsz_restore(r->store, collection, a->words[0], seq),
			"set as it was in that entry.");
	char *what = NULL;
	enum tsz_code code = tsz_undo(r->store, collection, a->words[0], &what);
	char sentence[512];
	(void)snprintf(sentence, sizeof sentence, "undone in the %s: %.400s", collection,
		!what || strcmp(what, "null") == 0 ? "it is gone again" : what);
	tsz_free(what);
	return done(r, code, sentence);
}
