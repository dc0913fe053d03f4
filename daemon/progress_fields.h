/*
 * The fields of POST /api/continue-watching, which a `progress` frame of the live channel has too
 * (sync-protocol.md section 7).
 */
#ifndef TSUZUKI_DAEMON_PROGRESS_FIELDS_H
#define TSUZUKI_DAEMON_PROGRESS_FIELDS_H

#include "daemon/reply.h"
#include "sync/op.h"

/*
 * Reads them into op, which op_make() has made; each wrong one adds its fault. op's slices point into json or
 * the arena. Unknown fields are ignored.
 */
void progress_fields(const json_t *json, struct arena *a, struct op *op, struct faults *faults);

#endif
