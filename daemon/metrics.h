/*
 * The Prometheus text of /metrics: counters of the store, the workers and HTTP. Loop thread.
 */
#ifndef TSUZUKI_DAEMON_METRICS_H
#define TSUZUKI_DAEMON_METRICS_H

#include "daemon/app.h"
#include "sync/base/buf.h"

void metrics_write(struct app *app, struct buf *out);

#endif
