/*
 * Commands that change accounts, as JSON requests: the same code whether a running daemon runs them
 * (control.c) or the command itself does, with the store's lock (admin_run.c). Pure: no socket, no store.
 *
 * A request is {"command":"user add","name":...}, an answer {"ok":true,"message":...} or
 * {"ok":false,"code":64,"message":...}: the code is what the command exits with, the message is for people.
 */
#ifndef TSUZUKI_DAEMON_ADMIN_H
#define TSUZUKI_DAEMON_ADMIN_H

#include <jansson.h>

#include "sync/base/buf.h"
#include "sync/manage.h"

/* Exit codes of every command (design.md section 5). */
enum admin_exit { ADMIN_OK = 0, ADMIN_USAGE = 64, ADMIN_UNAVAILABLE = 69, ADMIN_IO = 74, ADMIN_CONFIG = 78 };

/*
 * The job that a request of "user ..." asks for; the caller runs it and frees it. Passwords come hashed
 * (argon2id): no plain one crosses a socket. NULL: refused, and *answer says why.
 */
struct manage *admin_job(const json_t *request, struct buf *answer);
/* What came of it; job.err counts. */
void admin_answer(const struct manage *m, struct buf *answer);

/* The two kinds of answer, one line each, with its newline. */
void admin_good(struct buf *answer, const char *message);
void admin_bad(struct buf *answer, enum admin_exit code, const char *message);

#endif
