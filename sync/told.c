#include "sync/told.h"

#include <stdlib.h>

void told_add(struct told *list, size_t *count, const struct op_result *r)
{
	for (size_t i = *count; i-- > 0;) {
		struct told *told = &list[i];
		if (told->collection != r->item.collection || told->item != r->item.id)
			continue;
		if (told->after == r->seq_before)
			told->after = r->seq_after;
		return;
	}
	list[(*count)++] = (struct told){.collection = r->item.collection,
		.item = r->item.id,
		.before = r->seq_before,
		.after = r->seq_after};
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
