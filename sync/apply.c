#include "sync/apply.h"

#include "sync/work.h"

enum { APPLY_ARENA = 32 * 1024 * 1024 };

static enum err apply_run(struct tx *tx, struct job *job)
{
	struct apply *a = (struct apply *)job;
	struct work w;
	enum err err = work_begin(tx, job->user, &job->arena, job->ops, &w);
	for (unsigned i = 0; i < job->ops && !err; i++)
		err = work_op(tx, &w, &a->ops[i], &a->results[i]);
	return err ? err : work_end(tx, &w);
}

struct apply *apply_make(uint64_t user, unsigned count)
{
	struct apply *a = job_make(sizeof *a, apply_run, APPLY_ARENA);
	if (!a)
		return NULL;
	a->job.user = user;
	a->job.ops = count;
	a->ops = arena_alloc(&a->job.arena, count * sizeof *a->ops);
	a->results = arena_alloc(&a->job.arena, count * sizeof *a->results);
	if (!a->ops || !a->results) {
		job_free(&a->job);
		return NULL;
	}
	return a;
}
