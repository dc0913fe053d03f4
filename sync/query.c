#include "sync/query.h"

#include <stdlib.h>
#include <string.h>

#include "sync/base/check.h"
#include "sync/profile.h"
#include "sync/reader.h"
#include "sync/rows.h"
#include "sync/tx.h"
#include "sync/view.h"

/* A few more than there are, should an older version have left them. */
enum { OUTSIDE_READ = OUTSIDE_MOST + 8 };

enum err query_email(struct reader *reader, struct str email, uint64_t *user)
{
	return login_find(&reader->statements, LOGIN_EMAIL, email, user);
}

enum err query_profile(struct reader *reader, uint64_t user, struct arena *a, struct profile *out)
{
	enum err err = snapshot_begin(reader);
	if (err)
		return err;
	err = profile_load(&reader->statements, user, a, out);
	return snapshot_end(reader, err);
}

enum err query_identity(
	struct reader *reader, uint64_t user, struct session_id session, struct query_identity *out)
{
	struct query q = stmt_query(&reader->statements, STMT_IDENTITY);
	memset(out, 0, sizeof *out);
	query_int(&q, (int64_t)user);
	query_session(&q, session);
	bool found = query_row(&q);
	if (found) {
		struct str oid = query_get_str(&q, 0);
		if (oid.len == OID_TEXT_SIZE - 1)
			memcpy(out->oid, oid.ptr, oid.len);
		out->admin = str_eq(query_get_str(&q, 1), STR("admin"));
		out->session_known = !query_get_null(&q, 2);
		out->session.session = session;
		query_get_bytes(&q, 2, out->session.device.bytes, DEVICE_SIZE);
		out->session.expires = query_get_int(&q, 3);
		out->session.ended = query_get_int(&q, 4) != 0;
	}
	enum err err = query_end(&q);
	return err ? err : found ? ERR_OK : ERR_NOT_FOUND;
}

enum err query_id_key(struct reader *reader, uint64_t user, unsigned char out[ID_KEY_SIZE])
{
	struct account a;
	enum err err = account_load(&reader->statements, user, &a);
	if (!err)
		memcpy(out, a.id_key, ID_KEY_SIZE);
	return err;
}

static void device_json(struct buf *out, struct device_id device)
{
	char text[2 * DEVICE_SIZE + 1];
	str_to_hex(device.bytes, DEVICE_SIZE, text);
	buf_text(out, "\"id\":\"");
	buf_text(out, text);
	buf_char(out, '"');
}

enum err query_devices(struct reader *reader, uint64_t user, struct device_id current, struct buf *out)
{
	struct query q = stmt_query(&reader->statements, STMT_DEVICE_LIST);
	bool first = true;
	query_int(&q, (int64_t)user);
	buf_char(out, '[');
	while (query_row(&q)) {
		struct device_id device;
		query_get_bytes(&q, 0, device.bytes, DEVICE_SIZE);
		buf_text(out, first ? "{" : ",{");
		first = false;
		device_json(out, device);
		buf_text(out, ",\"name\":");
		buf_json(out, query_get_str(&q, 1));
		buf_text(out, ",\"lastSeen\":");
		buf_json_time(out, query_get_int(&q, 2));
		buf_text(out, device_eq(device, current) ? ",\"current\":true}" : ",\"current\":false}");
	}
	buf_char(out, ']');
	return query_end(&q);
}

enum err query_owed_mail(struct reader *reader, uint64_t *user, unsigned *attempts, int64_t *due, bool *found)
{
	struct query q = stmt_query(&reader->statements, STMT_MAIL_NEXT);
	*found = query_row(&q);
	if (*found) {
		*user = (uint64_t)query_get_int(&q, 0);
		*attempts = (unsigned)query_get_int(&q, 1);
		*due = query_get_int(&q, 2);
	}
	return query_end(&q);
}

enum err query_alive(struct reader *reader)
{
	struct query q = stmt_query(&reader->statements, STMT_META_GET);
	query_text(&q, STR("server"));
	return query_run(&q);
}

/* --- items --- */

/* Reads rows into the buffer as documents, one arena's worth at a time; returns how many. */
static int64_t write_items(struct query *q, const struct account *a, enum collection collection,
	const char *user_oid, struct buf *out)
{
	int64_t count = 0;
	struct item it;
	struct arena arena = arena_make((size_t)1 << 20);
	while (buf_ok(out) && query_row(q)) {
		item_read(q, collection, &arena, &it);
		if (count++)
			buf_char(out, ',');
		view_item(out, user_oid, &it, a->cleared[collection]);
		arena_reset(&arena);
	}
	if (!buf_ok(out) && !q->err)
		q->err = ERR_NOMEM;
	arena_free(&arena);
	return count;
}

static enum err watchlist_rows(struct reader *reader, const struct account *a, const char *user_oid,
	struct watchlist_page *page, struct buf *out)
{
	bool filter = page->status >= 0;
	page->total = 0;
	for (int i = 0; i < STATUS_COUNT; i++)
		if (!filter || i == page->status)
			page->total += a->statuses[i];
	struct query q =
		stmt_query(&reader->statements, filter ? STMT_WATCHLIST_PAGE_STATUS : STMT_WATCHLIST_PAGE);
	query_int(&q, (int64_t)a->user);
	query_int(&q, stamp_ms(a->cleared[COLLECTION_WATCHLIST]));
	query_blob(&q, a->cleared[COLLECTION_WATCHLIST].bytes, STAMP_SIZE);
	if (filter)
		query_text(&q, str_from(status_names[page->status]));
	query_int(&q, page->limit ? page->limit : -1);
	query_int(&q, page->limit ? (page->page - 1) * page->limit : 0);
	buf_char(out, '[');
	(void)write_items(&q, a, COLLECTION_WATCHLIST, user_oid, out);
	buf_char(out, ']');
	return query_end(&q);
}

enum err query_watchlist(struct reader *reader, uint64_t user, const char *user_oid,
	struct watchlist_page *page, struct buf *out)
{
	struct account a;
	enum err err = snapshot_begin(reader);
	if (err)
		return err;
	err = account_load(&reader->statements, user, &a);
	if (!err)
		err = watchlist_rows(reader, &a, user_oid, page, out);
	return snapshot_end(reader, err);
}

enum err query_watchlist_stats(struct reader *reader, uint64_t user, struct watchlist_stats *out)
{
	struct account a;
	enum err err = account_load(&reader->statements, user, &a);
	if (err)
		return err;
	*out = (struct watchlist_stats){.rated = a.rated, .rating_sum = a.rating_sum};
	for (int i = 0; i < STATUS_COUNT; i++) {
		out->statuses[i] = a.statuses[i];
		out->total += a.statuses[i];
	}
	return ERR_OK;
}

enum err query_item(struct reader *reader, uint64_t user, const char *user_oid, enum collection collection,
	struct str key, struct buf *out)
{
	struct account a;
	struct item it;
	struct arena arena = arena_make((size_t)1 << 20);
	enum err err = snapshot_begin(reader);
	if (!err) {
		err = account_load(&reader->statements, user, &a);
		if (!err)
			err = item_load(&reader->statements, user, collection, key, &arena, &it);
		if (!err && !item_shown(&it, a.cleared[collection]))
			err = ERR_NOT_FOUND;
		err = snapshot_end(reader, err);
	}
	if (!err)
		view_item(out, user_oid, &it, a.cleared[collection]);
	arena_free(&arena);
	return err;
}

/* --- progress: the index merged with the items that stand outside it --- */

struct outside_item {
	struct item item;
	int64_t last_watched;
};

struct outside_list {
	struct outside_item *items[OUTSIDE_READ];
	size_t count;
};

static int newest_first(const void *a, const void *b)
{
	const struct outside_item *left = *(struct outside_item *const *)a;
	const struct outside_item *right = *(struct outside_item *const *)b;
	if (left->last_watched != right->last_watched)
		return left->last_watched < right->last_watched ? 1 : -1;
	return left->item.id < right->item.id ? 1 : -1;
}

static enum err read_outside(
	struct reader *reader, const struct account *a, struct arena *arena, struct outside_list *list)
{
	struct stamp cleared = a->cleared[COLLECTION_PROGRESS];
	struct query q = stmt_query(&reader->statements, STMT_PROGRESS_OUTSIDE);
	query_int(&q, (int64_t)a->user);
	query_int(&q, -1);
	while (list->count < COUNT_OF(list->items) && query_row(&q)) {
		struct outside_item *o = arena_alloc(arena, sizeof *o);
		if (!o) {
			q.err = ERR_NOMEM;
			break;
		}
		item_read(&q, COLLECTION_PROGRESS, arena, &o->item);
		o->last_watched = item_last_watched(&o->item, cleared);
		if (item_shown(&o->item, cleared))
			list->items[list->count++] = o;
	}
	enum err err = query_end(&q);
	if (!err)
		qsort(list->items, list->count, sizeof(struct outside_item *), newest_first);
	return err;
}

static enum err progress_rows(struct reader *reader, const struct account *a, const char *user_oid,
	int64_t limit, struct arena *arena, struct buf *out, int64_t *count)
{
	struct stamp cleared = a->cleared[COLLECTION_PROGRESS];
	struct arena row_arena = arena_make((size_t)1 << 20);
	struct outside_list outside = {.count = 0};
	struct item it;
	size_t next = 0;
	enum err err = read_outside(reader, a, arena, &outside);
	if (err)
		return err;
	struct query q = stmt_query(&reader->statements, STMT_PROGRESS_PAGE);
	query_int(&q, (int64_t)a->user);
	query_blob(&q, cleared.bytes, STAMP_SIZE);
	query_int(&q, limit ? limit : -1);
	bool row = query_row(&q), fresh = row;
	while ((row || next < outside.count) && (!limit || *count < limit) && buf_ok(out) && !q.err) {
		bool take_outside = next < outside.count;
		if (fresh) {
			arena_reset(&row_arena);
			item_read(&q, COLLECTION_PROGRESS, &row_arena, &it);
			fresh = false;
		}
		if (row && take_outside)
			take_outside = outside.items[next]->last_watched >= item_last_watched(&it, cleared);
		if ((*count)++)
			buf_char(out, ',');
		view_progress(out, user_oid, take_outside ? &outside.items[next]->item : &it, cleared);
		if (take_outside)
			next++;
		else
			row = fresh = query_row(&q);
	}
	arena_free(&row_arena);
	return query_end(&q);
}

enum err query_progress(struct reader *reader, uint64_t user, const char *user_oid, int64_t limit,
	struct buf *out, int64_t *count)
{
	struct account a;
	struct arena arena = arena_make((size_t)1 << 20);
	enum err err = snapshot_begin(reader);
	*count = 0;
	if (!err) {
		err = account_load(&reader->statements, user, &a);
		buf_char(out, '[');
		if (!err)
			err = progress_rows(reader, &a, user_oid, limit, &arena, out, count);
		buf_char(out, ']');
		err = snapshot_end(reader, err);
	}
	arena_free(&arena);
	return !err && !buf_ok(out) ? ERR_NOMEM : err;
}
