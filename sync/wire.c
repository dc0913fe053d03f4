/* Writing. */
#include "sync/wire.h"

static const struct {
	const char *code;
	const char *message;
} rejects[REJECT_COUNT] = {
	[REJECT_NOT] = {"", ""},
	[REJECT_N] = {"invalid_n", "n must be a whole number from 1 to 9007199254740991"},
	[REJECT_OP] = {"invalid_op", "An op is an object with exactly one of set, delete and clear, and no "
				     "field that is not documented"},
	[REJECT_KEY] = {"invalid_key", "key must be 1 to 200 bytes without control characters"},
	[REJECT_VALUE] = {"invalid_value",
		"A register's value is out of its bounds, incomplete or has unknown fields"},
	[REJECT_EVENT] = {"invalid_event", "event must be open (without position) or heartbeat, pause, stop, "
					   "seek or manual (with one), in progress"},
	[REJECT_SESSION] = {"invalid_session",
		"session must be a text of at most 64 bytes without control characters"},
	[REJECT_TIME] = {"invalid_time",
		"Send at or age, not both, and playing only with an event; each is a number"},
	[REJECT_STAMP] = {"invalid_stamp",
		"stamp must be a stamp of the op's origin, and come without at, age or event"},
	[REJECT_ORIGIN] = {"invalid_origin", "origin must be 16 hexadecimal digits"},
	[REJECT_COLLECTION] = {"unknown_collection", "collection must be watchlist or progress"},
	[REJECT_REGISTER] = {"unknown_register", "The collection has no register of that name"},
	[REJECT_TOO_MANY] = {"too_many_items",
		"Too many items. Remove some, or ask the server's owner to raise MAX_ITEMS"},
};

const char *reject_code(enum reject reject)
{
	return rejects[reject].code;
}

const char *reject_message(enum reject reject)
{
	return rejects[reject].message;
}

void wire_stamp(struct buf *out, struct stamp stamp)
{
	char text[STAMP_TEXT_SIZE];
	stamp_text(stamp, text);
	buf_char(out, '"');
	buf_text(out, text);
	buf_char(out, '"');
}

void wire_registers(struct buf *out, unsigned mask, unsigned stamps_only, const struct item *it)
{
	bool first = true;
	buf_char(out, '{');
	for (int reg = 0; reg < REG_COUNT; reg++) {
		if (!((mask | stamps_only) & 1u << reg))
			continue;
		buf_text(out, first ? "\"" : ",\"");
		first = false;
		buf_text(out, register_defs[reg].name);
		buf_text(out, "\":{\"value\":");
		if (mask & 1u << reg)
			value_json((enum reg)reg, &it->cells[reg].value, out);
		else
			buf_text(out, "null");
		if (stamp_set(it->cells[reg].stamp)) {
			buf_text(out, ",\"stamp\":");
			wire_stamp(out, it->cells[reg].stamp);
		}
		buf_char(out, '}');
	}
	buf_char(out, '}');
}

unsigned wire_told(const struct item *it, struct stamp cleared)
{
	unsigned mask = 0;
	for (int reg = 0; reg < REG_COUNT; reg++) {
		if (!register_of((enum reg)reg, it->collection) || !stamp_set(it->cells[reg].stamp))
			continue;
		if (register_defs[reg].flags & DESCRIPTIVE || item_holds(it, (enum reg)reg, cleared))
			mask |= 1u << reg;
	}
	return mask;
}

/* What a replica below may hold as void, and have to be told of: also one that is no longer held at all. */
static unsigned maybe_void(const struct item *it, struct stamp cleared)
{
	unsigned mask = 0;
	for (int reg = 0; reg < REG_COUNT; reg++)
		if (register_of((enum reg)reg, it->collection) && !(register_defs[reg].flags & DESCRIPTIVE) &&
			stamp_set(item_void(it, cleared)))
			mask |= 1u << reg;
	return mask;
}

void wire_item(struct buf *out, const struct item *it, struct stamp cleared, bool below)
{
	unsigned told = wire_told(it, cleared);
	char oid[OID_TEXT_SIZE];
	str_to_hex(it->oid, OID_SIZE, oid);
	buf_text(out, "{\"collection\":\"");
	buf_text(out, collection_names[it->collection]);
	buf_text(out, "\",\"key\":");
	buf_json(out, it->key);
	buf_text(out, ",\"_id\":\"");
	buf_text(out, oid);
	buf_text(out, "\",\"created\":");
	buf_json_time(out, it->created);
	buf_text(out, item_exists(it, cleared) ? ",\"deleted\":false" : ",\"deleted\":true");
	if (stamp_set(it->deleted)) {
		buf_text(out, ",\"deletedStamp\":");
		wire_stamp(out, it->deleted);
	}
	buf_text(out, ",\"registers\":");
	wire_registers(out, told, below ? maybe_void(it, cleared) & ~told : 0, it);
	buf_char(out, '}');
}

void wire_cleared(struct buf *out, const struct stamp cleared[COLLECTION_COUNT])
{
	bool first = true;
	buf_char(out, '{');
	for (int c = 0; c < COLLECTION_COUNT; c++) {
		if (!stamp_set(cleared[c]))
			continue;
		buf_text(out, first ? "\"" : ",\"");
		first = false;
		buf_text(out, collection_names[c]);
		buf_text(out, "\":");
		wire_stamp(out, cleared[c]);
	}
	buf_char(out, '}');
}
