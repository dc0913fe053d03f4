/* Commands that show what is held here. */
#include <stdio.h>
#include <string.h>

#include "clients/cli/run.h"

enum { CELL_BYTES = 4096 };

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : "";
}

static double number_of(const json_t *object, const char *name)
{
	return json_number_value(json_object_get(object, name));
}

/* "2026-11-25 15:27" of an ISO time. */
static void cell_time(struct table *t, const char *iso)
{
	char text[17] = "";
	if (strlen(iso) >= 16) {
		memcpy(text, iso, 16);
		text[10] = ' ';
	}
	table_text(t, text);
}

static void cell_buf(struct table *t, struct buf *b)
{
	table_cell(t, buf_ok(b) ? buf_str(b) : STR("?"));
	buf_clear(b);
}

/* --- list --- */

static void cell_episodes(const struct out *o, struct table *t, const json_t *item, struct buf *b)
{
	double seen = number_of(item, "episodesWatched");
	double all = number_of(item, "totalEpisodes");
	out_bar(o, seen, all, b);
	buf_fmt(b, "%.0f", seen);
	if (all > 0)
		buf_fmt(b, "/%.0f", all);
	cell_buf(t, b);
}

static void cell_rating(struct table *t, const json_t *item, struct buf *b)
{
	const json_t *rating = json_object_get(item, "rating");
	if (json_is_integer(rating))
		buf_int(b, json_integer_value(rating));
	cell_buf(t, b);
}

static bool print_watchlist(const struct out *o, const json_t *items, size_t most)
{
	struct table t = table_make(5, 4);
	struct buf b = buf_make(CELL_BYTES);
	static const char *const heading[] = {"KEY", "STATUS", "SEEN", "RATING", "TITLE"};
	for (size_t i = 0; i < 5; i++)
		table_text(&t, heading[i]);
	for (size_t i = 0; i < json_array_size(items) && i < most; i++) {
		const json_t *item = json_array_get(items, i);
		table_text(&t, text_of(item, "animeId"));
		table_text(&t, text_of(item, "status"));
		cell_episodes(o, &t, item, &b);
		cell_rating(&t, item, &b);
		table_text(&t, text_of(item, "animeTitle"));
	}
	buf_free(&b);
	return table_print(o, &t);
}

static void cell_place(const struct out *o, struct table *t, const json_t *item, struct buf *b)
{
	double time = number_of(item, "currentTime");
	double duration = number_of(item, "duration");
	out_bar(o, time, duration, b);
	out_time(time, b);
	if (duration > 0) {
		buf_text(b, " of ");
		out_time(duration, b);
	}
	cell_buf(t, b);
}

static bool print_progress(const struct out *o, const json_t *items)
{
	struct table t = table_make(5, 4);
	struct buf b = buf_make(CELL_BYTES);
	static const char *const heading[] = {"KEY", "EPISODE", "PLACE", "LAST WATCHED", "TITLE"};
	for (size_t i = 0; i < 5; i++)
		table_text(&t, heading[i]);
	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *item = json_array_get(items, i);
		table_text(&t, text_of(item, "animeId"));
		buf_fmt(&b, "%.0f", number_of(item, "currentEpisode"));
		cell_buf(&t, &b);
		cell_place(o, &t, item, &b);
		cell_time(&t, text_of(item, "lastWatched"));
		table_text(&t, text_of(item, "animeTitle"));
	}
	buf_free(&b);
	return table_print(o, &t);
}

/* An option that is a number; false when it is none. */
static bool number(struct run *r, enum option option, int64_t least, int64_t *out)
{
	const char *text = r->args->values[option];
	if (!text || str_int(str_from(text), least, 1000000, out))
		return true;
	(void)fprintf(
		stderr, "tsuzuki: --limit takes a number from %lld on, not %s.\n", (long long)least, text);
	return false;
}

static int show_list(struct run *r, char *text, bool watching, size_t most)
{
	json_t *json = run_json(text);
	bool good = json != NULL;
	size_t count = json_array_size(json);
	if (good && r->out.json) {
		while (json_array_size(json) > most)
			(void)json_array_remove(json, json_array_size(json) - 1);
		good = json_dumpf(json, stdout, JSON_COMPACT) == 0 && putchar('\n') != EOF && out_flush();
	} else if (good) {
		good = watching ? print_progress(&r->out, json) : print_watchlist(&r->out, json, most);
	}
	if (good && count == 0 && !r->out.json)
		(void)fputs(watching
				    ? "Nothing is being watched. `tsuzuki progress KEY --episode N --time T` "
				      "notes a place.\n"
				    : "No titles. `tsuzuki add KEY TITLE` puts one here.\n",
			stderr);
	json_decref(json);
	return good ? EXIT_GOOD : EXIT_IO;
}

int run_list(struct run *r)
{
	const struct args *a = r->args;
	char *text = NULL;
	int64_t limit = 0;
	if (!number(r, OPT_LIMIT, 1, &limit))
		return EXIT_USAGE;
	if (a->given[OPT_CONTINUE] && a->given[OPT_STATUS]) {
		(void)fputs(
			"tsuzuki: --continue and --status do not go together: what is being watched has no "
			"status.\n",
			stderr);
		return EXIT_USAGE;
	}
	enum tsz_code code = a->given[OPT_CONTINUE] ? tsz_continue(r->store, (unsigned)limit, &text)
						    : tsz_list(r->store, a->values[OPT_STATUS], &text);
	if (code)
		return run_failed(r, code);
	return show_list(r, text, a->given[OPT_CONTINUE], limit ? (size_t)limit : SIZE_MAX);
}

/* --- one title --- */

/* "Notes:     on the train", when there is something to say. */
static void line(const char *name, struct buf *b)
{
	struct buf clean = buf_make(CELL_BYTES);
	out_clean(buf_str(b), &clean);
	if (buf_ok(&clean) && clean.len)
		(void)printf("%-11s%s\n", name, clean.ptr);
	buf_free(&clean);
	buf_clear(b);
}

static void line_text(const char *name, const json_t *item, const char *field)
{
	struct buf b = buf_make(CELL_BYTES);
	buf_text(&b, text_of(item, field));
	if (buf_ok(&b) && b.len)
		line(name, &b);
	buf_free(&b);
}

static void write_place(const struct out *o, const json_t *item, struct buf *b)
{
	double time = number_of(item, "currentTime");
	double duration = number_of(item, "duration");
	buf_fmt(b, "episode %.0f at ", number_of(item, "currentEpisode"));
	out_time(time, b);
	if (duration > 0) {
		buf_text(b, " of ");
		out_time(duration, b);
		if (o->table)
			buf_char(b, ' ');
		out_bar(o, time, duration, b);
	}
}

static void print_title(const struct out *o, const json_t *listed, const json_t *watched)
{
	struct buf b = buf_make(CELL_BYTES);
	line_text("Title:", json_is_object(listed) ? listed : watched, "animeTitle");
	line_text("Key:", json_is_object(listed) ? listed : watched, "animeId");
	if (json_is_object(listed)) {
		line_text("Status:", listed, "status");
		buf_fmt(&b, "%.0f", number_of(listed, "episodesWatched"));
		if (number_of(listed, "totalEpisodes") > 0)
			buf_fmt(&b, " of %.0f", number_of(listed, "totalEpisodes"));
		line("Seen:", &b);
		if (json_is_integer(json_object_get(listed, "rating"))) {
			buf_fmt(&b, "%.0f", number_of(listed, "rating"));
			line("Rating:", &b);
		}
		line_text("Notes:", listed, "notes");
	}
	if (json_is_object(watched)) {
		write_place(o, watched, &b);
		line("Place:", &b);
		line_text("Episode:", watched, "episodeTitle");
		line_text("Watched:", watched, "lastWatched");
	}
	buf_free(&b);
}

int run_show(struct run *r)
{
	char *text = NULL;
	enum tsz_code code = tsz_show(r->store, r->args->words[0], &text);
	if (code)
		return run_failed(r, code);
	if (r->out.json)
		return run_print(r, text);
	json_t *json = run_json(text);
	if (!json)
		return EXIT_FAILED;
	print_title(&r->out, json_object_get(json, "watchlist"), json_object_get(json, "progress"));
	json_decref(json);
	return out_flush() ? EXIT_GOOD : EXIT_IO;
}

/* --- resume --- */

/* The place to go on at, of a title or of the last one; NULL after the reason was said. */
static json_t *place(struct run *r, int *exit)
{
	const char *key = r->args->word_count ? r->args->words[0] : NULL;
	char *text = NULL;
	enum tsz_code code = key ? tsz_show(r->store, key, &text) : tsz_continue(r->store, 1, &text);
	if (code) {
		*exit = run_failed(r, code);
		return NULL;
	}
	json_t *json = run_json(text);
	json_t *item = key ? json_object_get(json, "progress") : json_array_get(json, 0);
	*exit = json ? EXIT_NOT_FOUND : EXIT_FAILED;
	if (json && !json_is_object(item)) {
		item = NULL;
		(void)fprintf(stderr,
			"tsuzuki: %s is %sbeing watched. `tsuzuki progress KEY --episode N --time T` notes a "
			"place.\n",
			key ? key : "Nothing", key ? "not " : "");
	}
	json_incref(item);
	json_decref(json);
	return item;
}

int run_resume(struct run *r)
{
	int exit = EXIT_GOOD;
	json_t *item = place(r, &exit);
	if (!item)
		return exit;
	if (r->out.json) {
		(void)json_dumpf(item, stdout, JSON_COMPACT);
		(void)putchar('\n');
	} else {
		struct buf b = buf_make(CELL_BYTES);
		struct buf clean = buf_make(CELL_BYTES);
		out_clean(str_from(text_of(item, "animeTitle")), &clean);
		write_place(&r->out, item, &b);
		(void)printf("%s: %s\n", buf_ok(&clean) && clean.len ? clean.ptr : "?", b.ptr);
		buf_free(&b);
		buf_free(&clean);
	}
	json_decref(item);
	return out_flush() ? EXIT_GOOD : EXIT_IO;
}

/* --- history --- */

static void cell_what(const json_t *entry, struct table *t)
{
	struct buf b = buf_make(CELL_BYTES);
	const char *name = NULL;
	json_t *value = NULL;
	json_t *registers = json_object_get(entry, "registers");
	if (json_is_true(json_object_get(entry, "delete")))
		buf_text(&b, "removed");
	json_object_foreach (registers, name, value) {
		char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
		buf_fmt(&b, "%s%s %s", b.len ? ", " : "", name, text ? text : "?");
		tsz_free(text);
	}
	cell_buf(t, &b);
	buf_free(&b);
}

static void add_entries(struct table *t, const json_t *entries, const char *collection)
{
	for (size_t i = 0; i < json_array_size(entries); i++) {
		const json_t *entry = json_array_get(entries, i);
		const json_t *device = json_object_get(entry, "device");
		const char *name = text_of(device, "name");
		char seq[24];
		(void)snprintf(seq, sizeof seq, "%.0f", number_of(entry, "seq"));
		table_text(t, seq);
		cell_time(t, text_of(entry, "at"));
		table_text(t, collection);
		table_text(t, json_is_true(json_object_get(entry, "current")) ? "current"
									      : text_of(entry, "outcome"));
		table_text(t, name[0] ? name : text_of(device, "id"));
		cell_what(entry, t);
	}
}

/* {"watchlist": [...], "progress": [...]}, without what was not asked for. */
static enum tsz_code histories(struct run *r, json_t *out)
{
	static const char *const names[] = {"watchlist", "progress"};
	const struct args *a = r->args;
	for (size_t i = 0; i < 2; i++) {
		bool wanted = a->given[i ? OPT_PROGRESS : OPT_WATCHLIST] ||
			      !(a->given[OPT_PROGRESS] || a->given[OPT_WATCHLIST]);
		char *text = NULL;
		if (!wanted)
			continue;
		enum tsz_code code = tsz_history(r->store, names[i], a->words[0], &text);
		if (code)
			return code;
		(void)json_object_set_new(out, names[i], run_json(text));
	}
	return TSZ_OK;
}

int run_history(struct run *r)
{
	json_t *json = json_object();
	const json_t *listed = NULL;
	const json_t *watched = NULL;
	enum tsz_code code = histories(r, json);
	int exit = EXIT_GOOD;
	listed = json_object_get(json, "watchlist");
	watched = json_object_get(json, "progress");
	if (code) {
		exit = run_failed(r, code);
	} else if (json_array_size(listed) + json_array_size(watched) == 0) {
		(void)fprintf(stderr, "tsuzuki: %s has no history here.\n", r->args->words[0]);
		exit = EXIT_NOT_FOUND;
	} else if (r->out.json) {
		(void)json_dumpf(json, stdout, JSON_COMPACT);
		(void)putchar('\n');
	} else {
		struct table t = table_make(6, 5);
		static const char *const heading[] = {
			"ENTRY", "WHEN (UTC)", "OF", "OUTCOME", "DEVICE", "WHAT"};
		for (size_t i = 0; i < 6; i++)
			table_text(&t, heading[i]);
		add_entries(&t, watched, "progress");
		add_entries(&t, listed, "watchlist");
		(void)table_print(&r->out, &t);
	}
	json_decref(json);
	return exit ? exit : out_flush() ? EXIT_GOOD : EXIT_IO;
}

/* --- export --- */

int run_export(struct run *r)
{
	char *listed = NULL;
	char *watched = NULL;
	enum tsz_code code = tsz_list(r->store, NULL, &listed);
	if (!code)
		code = tsz_continue(r->store, 0, &watched);
	if (!code)
		(void)printf("{\"watchlist\":%s,\"progress\":%s}\n", listed, watched);
	tsz_free(listed);
	tsz_free(watched);
	if (code)
		return run_failed(r, code);
	return out_flush() ? EXIT_GOOD : EXIT_IO;
}
