/*
 * What a command asks the person in front of it: on a terminal with a prompt, else a line of standard input.
 */
#ifndef TSUZUKI_DAEMON_ASK_H
#define TSUZUKI_DAEMON_ASK_H

#include <stdbool.h>

#include "sync/base/buf.h"

/*
 * A new password into *out (whose ceiling is LIMIT_PASSWORD + 2; the caller wipes it): typed twice without
 * echo on a terminal, else one line of standard input. false: *why says what is wrong.
 */
bool ask_password(struct buf *out, const char **why);
/* yes or no, on a terminal; false also when there is none. */
bool ask_yes(const char *question);
bool ask_possible(void);

#endif
