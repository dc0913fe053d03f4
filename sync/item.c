#include "sync/item.h"

#include <string.h>

bool running_outside(enum running running)
{
	return running == RUNNING_NOW || running == RUNNING_RECENT;
}

bool register_of(enum reg reg, enum collection collection)
{
	return (register_defs[reg].collections & 1u << collection) != 0;
}

void item_init(struct item *it, enum collection collection, struct str key)
{
	memset(it, 0, sizeof *it);
	it->collection = collection;
	it->key = key;
	it->fresh = true;
	for (int reg = 0; reg < REG_COUNT; reg++)
		it->cells[reg].value = value_default((enum reg)reg);
}

struct stamp item_newest(const struct item *it)
{
	struct stamp newest = {{0}};
	for (int reg = 0; reg < REG_COUNT; reg++)
		if (register_of((enum reg)reg, it->collection))
			newest = stamp_max(newest, it->cells[reg].stamp);
	return newest;
}

struct stamp item_void(const struct item *it, struct stamp cleared)
{
	return stamp_max(it->deleted, cleared);
}

bool item_holds(const struct item *it, enum reg reg, struct stamp cleared)
{
	const struct cell *cell = &it->cells[reg];
	return stamp_set(cell->stamp) && stamp_cmp(cell->stamp, item_void(it, cleared)) > 0;
}

bool item_exists(const struct item *it, struct stamp cleared)
{
	struct stamp newest = item_newest(it);
	return stamp_set(newest) && stamp_cmp(newest, item_void(it, cleared)) > 0;
}

bool item_shown(const struct item *it, struct stamp cleared)
{
	if (it->collection == COLLECTION_PROGRESS)
		return item_holds(it, REG_POSITION, cleared) || item_holds(it, REG_OPENED, cleared);
	return item_exists(it, cleared);
}

int64_t item_last_watched(const struct item *it, struct stamp cleared)
{
	struct stamp last = {{0}};
	if (it->collection != COLLECTION_PROGRESS)
		return 0;
	if (item_holds(it, REG_POSITION, cleared))
		last = it->cells[REG_POSITION].stamp;
	if (item_holds(it, REG_OPENED, cleared))
		last = stamp_max(last, it->cells[REG_OPENED].stamp);
	return stamp_ms(last);
}

void item_void_values(struct item *it, struct stamp cleared)
{
	for (int reg = 0; reg < REG_COUNT; reg++) {
		if (!register_of((enum reg)reg, it->collection) || register_defs[reg].flags & DESCRIPTIVE)
			continue;
		if (item_holds(it, (enum reg)reg, cleared))
			continue;
		it->cells[reg].value = value_default((enum reg)reg);
		it->cells[reg].row = 0;
		if (reg == REG_POSITION) {
			it->place_session = STR("");
			it->place_began = 0;
		}
	}
}

bool item_holds_row(const struct item *it, int64_t row)
{
	if (row == 0)
		return false;
	if (it->deleted_row == row)
		return true;
	for (int reg = 0; reg < REG_COUNT; reg++)
		if (register_of((enum reg)reg, it->collection) && it->cells[reg].row == row)
			return true;
	return false;
}
