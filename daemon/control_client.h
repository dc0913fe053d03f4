/*
 * The other end of the control socket: one request to a running daemon, one answer. Blocks, for commands.
 */
#ifndef TSUZUKI_DAEMON_CONTROL_CLIENT_H
#define TSUZUKI_DAEMON_CONTROL_CLIENT_H

#include <stdint.h>

#include "sync/base/buf.h"
#include "sync/base/err.h"

/*
 * Sends a line (with its newline) to the daemon of that data folder, and waits at most wait_ms for the line
 * that it answers. ERR_NOT_FOUND: no daemon listens there. ERR_DENIED: it is another user's. ERR_EXPIRED: no
 * answer in time. ERR_IO: it hung up. *why says so for people.
 */
enum err control_ask(
	const char *data_dir, struct str line, int64_t wait_ms, struct buf *answer, struct buf *why);

#endif
