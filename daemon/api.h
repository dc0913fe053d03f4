/*
 * The handlers that routes.def names, declared from it. Each answers its request exactly once (request.h).
 * Loop thread.
 */
#ifndef TSUZUKI_DAEMON_API_H
#define TSUZUKI_DAEMON_API_H

#include "daemon/request.h"

#define ROUTE(method, path, scope, body_cap, rate, handler) void handler(struct request *r);
#include "daemon/routes.def"

#endif
