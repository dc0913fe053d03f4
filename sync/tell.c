#include "sync/tell.h"

#include "sync/wire.h"

static void tell_device(struct statements *s, uint64_t user, struct stamp stamp, struct buf *out)
{
	struct device_id device = stamp_device(stamp);
	char id[2 * DEVICE_SIZE + 1];
	bool named = false;
	struct query q = stmt_query(s, STMT_DEVICE_GET);
	query_int(&q, (int64_t)user);
	query_device(&q, device);
	if (query_row(&q) && query_get_str(&q, 0).len) {
		buf_json(out, query_get_str(&q, 0));
		named = true;
	}
	(void)query_end(&q);
	str_to_hex(device.bytes, DEVICE_SIZE, id);
	if (!named)
		buf_json(out, str_from(id));
}

static void tell_winner(struct statements *s, uint64_t user, struct stamp winner, struct buf *out)
{
	if (!stamp_set(winner))
		return;
	buf_text(out, ",\"winner\":{\"stamp\":");
	wire_stamp(out, winner);
	buf_text(out, ",\"device\":");
	tell_device(s, user, winner, out);
	buf_char(out, '}');
}

/* What beat the op, if anything did. */
static struct stamp winner_of(const struct op *op, const struct op_result *r, unsigned differing)
{
	struct stamp winner = {{0}};
	switch (r->rule) {
	case RULE_NEWEST:
		return winner;
	case RULE_DELETED_LATER:
		return r->item.deleted;
	case RULE_CLEARED_LATER:
		return r->cleared;
	case RULE_PAUSED_PLAYER:
	case RULE_EARLY_REWIND:
		return r->item.cells[REG_POSITION].stamp;
	default:
		break;
	}
	if (op->kind == OP_CLEAR)
		return r->cleared;
	if (op->kind == OP_DELETE)
		return r->outcome == OUTCOME_MERGED ? item_newest(&r->item) : r->item.deleted;
	for (int reg = 0; reg < REG_COUNT; reg++)
		if (differing & 1u << reg && stamp_cmp(r->item.cells[reg].stamp, r->stamp) > 0)
			winner = stamp_max(winner, r->item.cells[reg].stamp);
	return winner;
}

/* The op's registers that now hold another value or stamp than the op's; void ones aside. */
static unsigned differing(const struct op *op, const struct op_result *r)
{
	unsigned mask = wire_told(&r->item, r->cleared) & (op->present | r->admitted);
	for (int reg = 0; reg < REG_COUNT; reg++) {
		const struct cell *cell = &r->item.cells[reg];
		bool given = op->present & 1u << reg &&
			     (op->event == EVENT_NONE ||
				     op->partial[reg] == (1u << register_defs[reg].fields) - 1);
		if (given && stamp_cmp(cell->stamp, r->stamp) == 0 &&
			value_eq((enum reg)reg, &cell->value, &op->values[reg]))
			mask &= ~(1u << reg);
	}
	return mask;
}

/* Below an upstream the first stamp may have been moved back since, and the register be void by that. */
static unsigned moved_void(const struct op *op, const struct op_result *r)
{
	unsigned told = wire_told(&r->item, r->cleared);
	unsigned mask = 0;
	for (int reg = 0; reg < REG_COUNT && op->kind == OP_SET; reg++)
		if ((op->present | r->admitted) & ~told & 1u << reg &&
			stamp_cmp(r->item.cells[reg].stamp, r->stamp) != 0)
			mask |= 1u << reg;
	return mask;
}

void tell_result(struct statements *s, uint64_t user, const struct op *op, const struct op_result *r,
	enum telling telling, struct buf *out)
{
	buf_text(out, "\"outcome\":\"");
	buf_text(out, outcome_names[r->outcome]);
	buf_char(out, '"');
	if (r->outcome != OUTCOME_APPLIED) {
		buf_text(out, ",\"rule\":\"");
		buf_text(out, rule_names[r->rule]);
		buf_char(out, '"');
	}
	buf_text(out, ",\"stamp\":");
	wire_stamp(out, r->stamp);
	unsigned mask = op->kind == OP_SET ? differing(op, r) : 0;
	if (r->outcome != OUTCOME_APPLIED)
		tell_winner(s, user, winner_of(op, r, mask), out);
	unsigned moved = telling == TELLING_AGAIN_BELOW ? moved_void(op, r) : 0;
	if (mask | moved) {
		buf_text(out, ",\"registers\":");
		wire_registers(out, mask, moved, &r->item);
	}
	if (op->kind == OP_DELETE && stamp_set(r->item.deleted) &&
		(telling != TELLING_FIRST || stamp_cmp(r->item.deleted, r->stamp) != 0)) {
		buf_text(out, ",\"deletedStamp\":");
		wire_stamp(out, r->item.deleted);
	}
}
