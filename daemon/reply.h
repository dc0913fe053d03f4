/*
 * Answers. Each function ends the request: the caller must not touch it afterwards. Loop thread only.
 * Error texts and shapes: design.md section 5, live-clients.md section 3.
 */
#ifndef TSUZUKI_DAEMON_REPLY_H
#define TSUZUKI_DAEMON_REPLY_H

#include "daemon/request.h"
#include "sync/base/err.h"

/* One failing rule of a 422. Both texts are static. */
struct fault {
	const char *path;
	const char *msg;
};

enum { FAULTS_MAX = 24 };

struct faults {
	size_t count;
	bool shortage;	  /* memory was short: no fault of the client's, so no 422 but a 500 */
	const char *code; /* for programs; NULL: none */
	struct fault list[FAULTS_MAX];
};

void fault_add(struct faults *f, const char *path, const char *msg);
/* Appends `"errors":[...]`. */
void faults_json(const struct faults *f, struct buf *out);

/* Sends body (whole JSON text, moved from *body) with that status. A failed buffer becomes a 500. */
void reply_json(struct request *r, int status, struct buf *body);
/* {"success":true,"message":...} with 200. */
void reply_message(struct request *r, const char *message);
/* {"success":false,"message":...} and, when code is not NULL, "code". */
void reply_error(struct request *r, int status, const char *message, const char *code);
/* The 422 of f: "Please provide a valid email" when the address alone fails, else "Validation failed". */
void reply_faults(struct request *r, const struct faults *f);
/* What a failed job or read answers: 503 busy, 507 disk_full, 500. */
void reply_err(struct request *r, enum err err);

#endif
