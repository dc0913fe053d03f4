#include "sync/merge.h"

enum merge merge_register(
	struct cell *cell, enum reg reg, const struct value *value, struct stamp stamp, int64_t row)
{
	int order = stamp_cmp(stamp, cell->stamp);
	if (order == 0) {
		order = value_cmp(reg, value, &cell->value);
		if (order == 0)
			return MERGE_SAME;
	}
	if (order < 0)
		return MERGE_LOST;
	cell->value = *value;
	cell->stamp = stamp;
	cell->row = row;
	return MERGE_WON;
}

bool merge_stamp(struct stamp *held, struct stamp stamp)
{
	if (stamp_cmp(stamp, *held) <= 0)
		return false;
	*held = stamp;
	return true;
}
