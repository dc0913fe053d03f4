/*
 * What the tests of daemon/ share: requests without a socket, whose answers are kept instead of sent.
 * Including this file is what makes the build put support.c in http_send()'s place.
 */
#ifndef TSUZUKI_TESTS_UNIT_DAEMON_SUPPORT_H
#define TSUZUKI_TESTS_UNIT_DAEMON_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/reply.h"
#include "daemon/request.h"

/* A request and what was answered to it. The request's memory stays until exchange_close(). */
struct exchange_of_test {
	struct request r;
	unsigned answers;
	int status;
	char body[16384]; /* the answer's, cut if need be */
	bool no_body;
};

/* An empty request of that method and path. app may be NULL when nothing looks at it. */
void exchange_open(struct exchange_of_test *x, struct app *app, enum method method, const char *path);
/* Its body as parsed JSON; the text must be an object. */
void exchange_json(struct exchange_of_test *x, const char *json);
void exchange_query(struct exchange_of_test *x, const char *name, const char *value);
void exchange_close(struct exchange_of_test *x);

#endif
