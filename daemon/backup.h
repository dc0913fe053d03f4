/*
 * The commands `tsuzukid backup [FILE]` and `tsuzukid restore [--latest | FILE] [--end-sessions]`.
 */
#ifndef TSUZUKI_DAEMON_BACKUP_H
#define TSUZUKI_DAEMON_BACKUP_H

#include "daemon/cli.h"
#include "daemon/config.h"

/* Each prints, and returns the exit code (admin.h). */
int backup_command(const struct config *config, const struct cli *cli);
int restore_command(const struct config *config, const struct cli *cli);

#endif
