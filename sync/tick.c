#include "sync/tick.h"

#include <string.h>

#include "sync/tell.h"
#include "sync/work.h"

/* One op, the rows that it reads, and what is told of it. */
enum { TICK_ARENA = 4 * 1024 * 1024, TEXT_BYTES = 256 * 1024 };

static enum err tick_run(struct tx *tx, struct job *job)
{
	struct tick *t = (struct tick *)job;
	struct buf text = buf_make(TEXT_BYTES);
	struct work w;
	t->text = STR("");
	enum err err = work_begin(tx, job->user, &job->arena, 1, &w);
	if (!err)
		err = work_op(tx, &w, &t->op, &t->result);
	if (!err)
		err = work_end(tx, &w);
	if (err)
		return err;
	t->head.seq = w.account.head;
	memcpy(t->head.epoch, w.account.epoch, sizeof t->head.epoch);
	if (t->result.refusal == REFUSED_NOT) {
		tell_result(tx->s, job->user, &t->op, &t->result, TELLING_FIRST, &text);
		if (!buf_ok(&text) || !arena_str(&job->arena, buf_str(&text), &t->text))
			err = ERR_NOMEM;
	}
	buf_free(&text);
	return err;
}

struct tick *tick_make(uint64_t user)
{
	struct tick *t = job_make(sizeof *t, tick_run, TICK_ARENA);
	if (t)
		t->job.user = user;
	return t;
}
