#include "sync/view.h"

static void begin(struct buf *out, const char *user_oid, const struct item *it)
{
	char oid[OID_TEXT_SIZE];
	str_to_hex(it->oid, OID_SIZE, oid);
	buf_text(out, "{\"_id\":\"");
	buf_text(out, oid);
	buf_text(out, "\",\"user\":\"");
	buf_text(out, user_oid);
	buf_text(out, "\",\"animeId\":");
	buf_json(out, it->key);
	buf_text(out, ",\"animeTitle\":");
	buf_json(out, it->cells[REG_TITLE].value.f[0].s);
	buf_text(out, ",\"animeImage\":");
	buf_json(out, it->cells[REG_IMAGE].value.f[0].s);
}

static void end(struct buf *out, const struct item *it)
{
	buf_text(out, ",\"createdAt\":");
	buf_json_time(out, it->created);
	buf_text(out, ",\"updatedAt\":");
	buf_json_time(out, stamp_ms(item_newest(it)));
	buf_char(out, '}');
}

/* The register's value, or what a void one reads as. */
static struct value shown(const struct item *it, enum reg reg, struct stamp cleared)
{
	return item_holds(it, reg, cleared) ? it->cells[reg].value : value_default(reg);
}

void view_watchlist(struct buf *out, const char *user_oid, const struct item *it, struct stamp cleared)
{
	static const enum reg order[] = {REG_STATUS, REG_RATING, REG_WATCHED};
	begin(out, user_oid, it);
	for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
		struct value v = shown(it, order[i], cleared);
		buf_text(out, ",\"");
		buf_text(out, register_defs[order[i]].name);
		buf_text(out, "\":");
		value_json(order[i], &v, out);
	}
	buf_text(out, ",\"totalEpisodes\":");
	value_json(REG_TOTAL, &it->cells[REG_TOTAL].value, out);
	struct value notes = shown(it, REG_NOTES, cleared);
	buf_text(out, ",\"notes\":");
	value_json(REG_NOTES, &notes, out);
	end(out, it);
}

/*
 * Position, with the details of `opened` when it names the same episode; but when `opened` is newer and names
 * another one, that episode at 0 (sync-protocol.md section 2).
 */
static struct value place_of(const struct item *it, struct stamp cleared, struct value *details)
{
	bool place = item_holds(it, REG_POSITION, cleared);
	bool opened = item_holds(it, REG_OPENED, cleared);
	struct value position = shown(it, REG_POSITION, cleared);
	const struct cell *o = &it->cells[REG_OPENED];
	*details = value_default(REG_OPENED);
	if (!opened)
		return position;
	bool same = place && position.f[POSITION_EPISODE].i == o->value.f[OPENED_EPISODE].i;
	if (same || !place || stamp_cmp(o->stamp, it->cells[REG_POSITION].stamp) > 0)
		*details = o->value;
	if (same || (place && stamp_cmp(o->stamp, it->cells[REG_POSITION].stamp) <= 0))
		return position;
	position = value_default(REG_POSITION);
	position.f[POSITION_EPISODE].i = o->value.f[OPENED_EPISODE].i;
	return position;
}

void view_progress(struct buf *out, const char *user_oid, const struct item *it, struct stamp cleared)
{
	struct value details;
	struct value place = place_of(it, cleared, &details);
	begin(out, user_oid, it);
	buf_text(out, ",\"currentEpisode\":");
	buf_int(out, place.f[POSITION_EPISODE].i);
	buf_text(out, ",\"currentTime\":");
	buf_json_real(out, place.f[POSITION_TIME].r);
	buf_text(out, ",\"duration\":");
	buf_json_real(out, place.f[POSITION_DURATION].r);
	for (size_t i = OPENED_TITLE; i <= OPENED_SERVER; i++) {
		buf_text(out, ",\"");
		buf_text(out, register_defs[REG_OPENED].field[i].name);
		buf_text(out, "\":");
		buf_json(out, details.f[i].s);
	}
	buf_text(out, ",\"lastWatched\":");
	buf_json_time(out, item_last_watched(it, cleared));
	end(out, it);
}

void view_item(struct buf *out, const char *user_oid, const struct item *it, struct stamp cleared)
{
	if (it->collection == COLLECTION_WATCHLIST)
		view_watchlist(out, user_oid, it, cleared);
	else
		view_progress(out, user_oid, it, cleared);
}
