/*
 * The control socket: how administration reaches a running daemon (design.md section 2). A unix socket,
 * mode 0600, in $RUNTIME_DIRECTORY (then a link in DATA_DIR leads there) or in DATA_DIR. One line of JSON
 * asks, one line answers, then the connection closes; the other end must be this very user or root. Loop
 * thread only.
 */
#ifndef TSUZUKI_DAEMON_CONTROL_H
#define TSUZUKI_DAEMON_CONTROL_H

#include "sync/base/buf.h"
#include "sync/base/err.h"

struct app;
struct control;
struct control_call;

/* In DATA_DIR, and in RUNTIME_DIRECTORY. */
#define CONTROL_NAME "control.sock"

/* Listens. *why: what is wrong, for people. ERR_IO, ERR_NOMEM. */
enum err control_open(struct app *app, struct control **out, struct buf *why);
/* Accepts nobody any more; what was asked is still answered. NULL is fine. */
void control_stop(struct control *control);
/* After the writer and the workers, which may still answer; before the loop. NULL is fine. */
void control_close(struct control *control);

/* For the commands (control_commands.c). */
struct app *control_app(struct control_call *call);
/* The answer, a whole line, moved from *line: ends the call. At once or later, exactly once. */
void control_answer(struct control_call *call, struct buf *line);
/* What the commands do with a request; ends in control_answer(). */
void control_command(struct control_call *call, struct str line);

#endif
