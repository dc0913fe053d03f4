/* What is held here, as JSON. */
#include <string.h>

#include "clients/c/turn.h"
#include "sync/query.h"
#include "sync/rejected.h"
#include "sync/replica.h"

enum { STATUS_TEXT = 4 * 1024 * 1024 };

static bool collection_named(const char *name, enum collection *out)
{
	for (int c = 0; name && c < COLLECTION_COUNT; c++) {
		if (strcmp(name, collection_names[c]) == 0) {
			*out = (enum collection)c;
			return true;
		}
	}
	return false;
}

enum tsz_code tsz_list(struct tsz *t, const char *status, char **json)
{
	struct watchlist_page page = {.status = -1, .page = 1};
	struct buf out = buf_make(TSZ_JSON_TEXT);
	struct turn turn;
	if (status) {
		page.status = status_index(str_from(status));
		if (page.status < 0)
			return tsz_fail(t, TSZ_INVALID,
				"There is no status %s. Use plan_to_watch, watching, on_hold, completed or "
				"dropped.",
				status);
	}
	enum tsz_code code = turn_begin(t, &turn);
	if (code)
		return code;
	enum err err = query_watchlist(turn.reader, t->user, t->oid, &page, &out);
	turn_end(&turn);
	if (err) {
		buf_free(&out);
		return tsz_fail_err(t, err, "read the watchlist");
	}
	return tsz_give(t, &out, json);
}

enum tsz_code tsz_continue(struct tsz *t, unsigned limit, char **json)
{
	struct buf out = buf_make(TSZ_JSON_TEXT);
	struct turn turn;
	int64_t count = 0;
	enum tsz_code code = turn_begin(t, &turn);
	if (code)
		return code;
	enum err err = query_progress(turn.reader, t->user, t->oid, limit ? limit : INT32_MAX, &out, &count);
	turn_end(&turn);
	if (err) {
		buf_free(&out);
		return tsz_fail_err(t, err, "read what is being watched");
	}
	return tsz_give(t, &out, json);
}

/* The item, or null. */
static enum err item_or_null(
	struct tsz *t, struct turn *turn, enum collection c, struct str key, struct buf *out, bool *found)
{
	enum err err = query_item(turn->reader, t->user, t->oid, c, key, out);
	*found |= err == ERR_OK;
	if (err != ERR_NOT_FOUND)
		return err;
	buf_text(out, "null");
	return ERR_OK;
}

enum tsz_code tsz_show(struct tsz *t, const char *key, char **json)
{
	struct buf out = buf_make(TSZ_JSON_TEXT);
	struct turn turn;
	bool found = false;
	enum tsz_code code = turn_begin(t, &turn);
	if (code)
		return code;
	buf_text(&out, "{\"watchlist\":");
	enum err err = item_or_null(t, &turn, COLLECTION_WATCHLIST, str_from(key), &out, &found);
	buf_text(&out, ",\"progress\":");
	if (!err)
		err = item_or_null(t, &turn, COLLECTION_PROGRESS, str_from(key), &out, &found);
	buf_char(&out, '}');
	turn_end(&turn);
	if (err || !found) {
		buf_free(&out);
		return err ? tsz_fail_err(t, err, "read the title")
			   : tsz_fail(t, TSZ_NOT_FOUND,
				     "There is no %s here, neither in the watchlist nor being watched.", key);
	}
	return tsz_give(t, &out, json);
}

enum tsz_code tsz_history(struct tsz *t, const char *collection, const char *key, char **json)
{
	struct buf out = buf_make(TSZ_JSON_TEXT);
	enum collection c = COLLECTION_WATCHLIST;
	struct turn turn;
	if (!collection_named(collection, &c))
		return tsz_fail(t, TSZ_INVALID, "There is no collection %s. Use watchlist or progress.",
			collection ? collection : "");
	enum tsz_code code = turn_begin(t, &turn);
	if (code)
		return code;
	enum err err = query_history(turn.reader, t->user, c, str_from(key), &out);
	turn_end(&turn);
	if (err) {
		buf_free(&out);
		return tsz_fail_err(t, err, "read the history");
	}
	return tsz_give(t, &out, json);
}

/* --- status --- */

static void time_or_null(struct buf *out, const char *name, int64_t ms)
{
	buf_fmt(out, ",\"%s\":", name);
	if (ms > 0)
		buf_json_time(out, ms);
	else
		buf_text(out, "null");
}

static void text_or_null(struct buf *out, const char *name, const char *text)
{
	buf_fmt(out, ",\"%s\":", name);
	if (text[0])
		buf_json(out, str_from(text));
	else
		buf_text(out, "null");
}

static enum err write_status(struct tsz *t, struct turn *turn, struct buf *out)
{
	struct replica_state state = {.waiting = 0};
	enum err err = replica_state(turn->reader, t->user, &state);
	bool linked = !err;
	if (err && err != ERR_NOT_FOUND)
		return err;
	buf_fmt(out, "{\"loggedIn\":%s", t->tokens.token[0] ? "true" : "false");
	text_or_null(out, "server", t->tokens.url);
	text_or_null(out, "account", t->tokens.email);
	buf_fmt(out, ",\"linked\":%s,\"device\":{\"id\":\"%s\",\"name\":", linked ? "true" : "false",
		t->tokens.device);
	buf_json(out, str_from(t->device_name));
	buf_fmt(out, "},\"waiting\":%lld,\"rejectedCount\":%lld,\"rejected\":", (long long)state.waiting,
		(long long)state.rejected);
	err = rejected_json(turn->reader, t->user, out);
	time_or_null(out, "lastSync", t->tokens.last_sync);
	time_or_null(out, "lastTry", t->tokens.last_try);
	buf_text(out, ",\"folder\":");
	buf_json(out, str_from(t->dir));
	buf_char(out, '}');
	return err;
}

enum tsz_code tsz_status(struct tsz *t, char **json)
{
	struct buf out = buf_make(STATUS_TEXT);
	struct tokens known = t->tokens;
	struct turn turn;
	enum tsz_code code = turn_begin(t, &turn);
	if (code)
		return code;
	if (tokens_load(t->dir, &t->tokens) != ERR_OK)
		t->tokens = known;
	enum err err = write_status(t, &turn, &out);
	turn_end(&turn);
	if (err) {
		buf_free(&out);
		return tsz_fail_err(t, err, "read what waits");
	}
	return tsz_give(t, &out, json);
}
