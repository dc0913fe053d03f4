#include "sync/told.h"

#include <stdlib.h>

/* What had lived before and lives again. */
static bool revived(const struct op_result *r)
{
	return r->began && (!r->item.fresh || r->seq_before);
}

struct told told_of(const struct op_result *r)
{
	return (struct told){.collection = r->item.collection,
		.item = r->item.id,
		.before = r->seq_before,
		.after = revived(r) ? TOLD_NOT_ALL : r->seq_after};
}

void told_add(struct told *list, size_t *count, struct told told)
{
	for (size_t i = *count; i-- > 0;) {
		struct told *known = &list[i];
		if (known->collection != told.collection || known->item != told.item)
			continue;
		if (known->after == told.before)
			known->after = told.after;
		return;
	}
	list[(*count)++] = told;
}

static int by_item(const void *a, const void *b)
{
	const struct told *left = a;
	const struct told *right = b;
	if (left->collection != right->collection)
		return left->collection < right->collection ? -1 : 1;
	return left->item < right->item ? -1 : left->item > right->item;
}

void told_sort(struct told *list, size_t count)
{
	if (count > 1)
		qsort(list, count, sizeof *list, by_item);
}
