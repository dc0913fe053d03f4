/*
 * The commands `tsuzukid user add|list|passwd|role|delete`.
 */
#ifndef TSUZUKI_DAEMON_USER_H
#define TSUZUKI_DAEMON_USER_H

#include "daemon/cli.h"
#include "daemon/config.h"

/* Each prints, and returns the exit code (admin.h). */
int user_add(const struct config *config, const struct cli *cli);
int user_list(const struct config *config, const struct cli *cli);
int user_passwd(const struct config *config, const struct cli *cli);
int user_role(const struct config *config, const struct cli *cli);
int user_delete(const struct config *config, const struct cli *cli);

#endif
