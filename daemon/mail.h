/*
 * Mail that is owed: forgotten passwords. The store holds only that a mail is owed; the password is drawn
 * when it is sent, and only its hash is kept. One mail at a time, on a worker; failures are retried with
 * growing pauses.
 */
#ifndef TSUZUKI_DAEMON_MAIL_H
#define TSUZUKI_DAEMON_MAIL_H

#include "sync/base/err.h"

struct app;
struct mailer;

/* Looks for owed mail at start and whenever mailer_wake() is called; loop thread. */
enum err mailer_open(struct app *app, struct mailer **out);
/*
 * Begins no further mail, and has the one under way given up within about a second: it stays owed. Before
 * workers_close(), so that a slow relay does not hold the daemon up. NULL is fine. Loop thread.
 */
void mailer_stop(struct mailer *m);
/* After workers_close() and writer_close(), which may still report to the mailer. NULL is fine. */
void mailer_close(struct mailer *m);
void mailer_wake(struct mailer *m);

#endif
