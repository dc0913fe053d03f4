/*
 * What handlers share: answers that wrap `data`, users as JSON, jobs that end in an answer. Loop thread only.
 */
#ifndef TSUZUKI_DAEMON_ANSWER_H
#define TSUZUKI_DAEMON_ANSWER_H

#include "daemon/reply.h"
#include "sync/account.h"
#include "sync/apply.h"

/* A buffer that starts {"success":true,"data": */
struct buf answer_begin(void);
/* Closes the object and sends it. */
void answer_end(struct request *r, int status, struct buf *b);

/* The fields of a user reply, whole and without the password: `"_id":...,"updatedAt":...` without braces. */
void answer_user_fields(struct buf *b, const struct profile *p);
/* {"success":true,"data":{the user}} with 200. */
void answer_user(struct request *r, const struct profile *p);

/*
 * Submits a job whose done() will end the request: job->context is set to r. false: the queue is full; the
 * job was freed and the request answered with 503.
 */
bool answer_submit(struct request *r, struct job *job, void (*done)(struct job *job));
/* For done(): true when the job failed; then the request was answered and the job freed. */
bool answer_failed(struct request *r, struct job *job);
/* One op as a job; NULL after a 500 was answered. *op is made of kind, collection, key and the caller's
 * device. */
struct apply *answer_apply(
	struct request *r, enum op_kind kind, enum collection collection, struct str key, struct op **op);
/* {"success":true,"data":item or null} of a job of one op, or its refusal; ends request and job. */
void answer_item(struct request *r, struct apply *a, int status, const char *missing);

#endif
