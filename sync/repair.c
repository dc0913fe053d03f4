#include "sync/repair.h"

#include <string.h>

#include "sync/backup.h"
#include "sync/tx.h"
#include "sync/verifying.h"

enum { REPAIR_ARENA = 4096 };

enum err repair_backup(const char *dir, int64_t now_ms, struct buf *path, struct buf *why)
{
	struct backup_how how = {.dir = dir, .prefix = "before-repair-", .now_ms = now_ms, .damaged = true};
	enum err err = backup_make(&how, path, why);
	if (err)
		buf_text(why, " So nothing was repaired.");
	return err;
}

/* --- the job --- */

static enum err repair_users(struct verifying *v)
{
	enum err err = ERR_OK;
	struct query q = stmt_query(v->s, STMT_VERIFY_ACCOUNTS);
	while (!err && query_row(&q)) {
		if (query_get_int(&q, 1) & PURGE_ACCOUNT_BIT)
			continue;
		v->counts->users++;
		err = verify_user_items(v, (uint64_t)query_get_int(&q, 0), query_get_int(&q, 3) != 0);
	}
	enum err end = query_end(&q);
	return err ? err : end;
}

static enum err repair_run(struct tx *tx, struct job *job)
{
	struct repair *r = (struct repair *)job;
	struct verifying v = {.s = tx->s,
		.found = r->found,
		.context = r->context,
		.counts = &r->counts,
		.text = buf_make(VERIFY_TEXT),
		.arena = arena_make(VERIFY_ARENA),
		.repair = true};
	memset(&r->counts, 0, sizeof r->counts);
	r->healed = 0;
	/* Indexes first: everything below finds its rows by them. */
	struct query q = stmt_query(tx->s, STMT_VERIFY_REINDEX);
	enum err err = query_run(&q);
	if (!err)
		err = repair_users(&v);
	if (!err)
		err = verify_people(&v);
	r->healed = v.healed;
	arena_free(&v.arena);
	buf_free(&v.text);
	return err;
}

struct repair *repair_make(void)
{
	return job_make(sizeof(struct repair), repair_run, REPAIR_ARENA);
}
