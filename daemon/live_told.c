/* What the acks of a connection told, which its stream need not say again (sync-protocol.md section 6). */
#include <stdlib.h>

#include "daemon/live_conn.h"

void live_told(
	struct live *l, struct moved moved, const struct cursor *head, const struct told *told, size_t count)
{
	bool all = l->state == LIVE_OPEN && moved.to && l->cursor.seq == moved.from && !l->catch_up;
	for (size_t i = 0; i < count; i++)
		all = all && told[i].after != TOLD_NOT_ALL;
	/* Most often nobody else writes: then the ack itself has told everything up to here. */
	if (all) {
		l->cursor = *head;
		return;
	}
	if (!l->told && count)
		l->told = calloc(LIMIT_LIVE_TOLD, sizeof *l->told);
	/* What has no room here is merely told twice. */
	for (size_t i = 0; l->told && i < count && l->told_count < LIMIT_LIVE_TOLD; i++)
		told_add(l->told, &l->told_count, told[i]);
}

void live_told_prune(struct live *l)
{
	size_t kept = 0;
	for (size_t i = 0; i < l->told_count; i++)
		if (l->told[i].after > l->cursor.seq)
			l->told[kept++] = l->told[i];
	l->told_count = kept;
	if (kept)
		return;
	free(l->told);
	l->told = NULL;
}
