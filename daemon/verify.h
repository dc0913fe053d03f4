/*
 * The command `tsuzukid verify [--repair]`: one line per finding on standard output, and a last one that sums
 * up.
 */
#ifndef TSUZUKI_DAEMON_VERIFY_H
#define TSUZUKI_DAEMON_VERIFY_H

#include "daemon/config.h"

/*
 * Verifies the database of config->data_dir; only reads, so a daemon may be running on it. With repair: takes
 * the store's lock, makes a backup, writes what disagrees anew from the journal, and verifies again. Prints;
 * returns the exit code: 0 when all agrees (in the end), 74 when not, or when it could not be done.
 */
int verify_command(const struct config *config, bool repair);

#endif
