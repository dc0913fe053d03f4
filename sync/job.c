#include "sync/job.h"

#include <stdlib.h>

void *job_make(size_t size, enum err (*run)(struct tx *, struct job *), size_t arena_cap)
{
	struct job *job = calloc(1, size);
	if (!job)
		return NULL;
	job->run = run;
	job->ops = 1;
	job->arena = arena_make(arena_cap);
	return job;
}

void job_free(struct job *job)
{
	if (!job)
		return;
	arena_free(&job->arena);
	free(job);
}
