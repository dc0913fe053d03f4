/*
 * The command line of tsuzukid: flags into config_flags, and the text of --help. Pure: reads no file, prints
 * nothing.
 */
#ifndef TSUZUKI_DAEMON_CLI_H
#define TSUZUKI_DAEMON_CLI_H

#include "daemon/config.h"
#include "sync/base/buf.h"
#include "sync/base/err.h"

enum cli_action {
	CLI_RUN,     /* serve */
	CLI_CHECK,   /* --check-config: load the settings, exit 0 or 78 */
	CLI_VERSION, /* print cli_version() */
	CLI_HELP,    /* print cli_help() or, behind a command, cli_help_command() */
	CLI_VERIFY   /* the command verify */
};

enum { CLI_EXIT_USAGE = 64 };

struct cli_command;

struct cli {
	struct config_flags flags; /* slices of argv */
	enum cli_action action;
	const struct cli_command *command; /* NULL: none, so serve */
	bool repair;
};

/*
 * Reads argv[1..]: a command if the first is one, then flags; "--flag VALUE" and "--flag=VALUE", the last of
 * two wins. --help beats everything else,
 * --version everything but that. ERR_INVALID: *why names the word that is not understood and suggests one:
 * exit CLI_EXIT_USAGE.
 */
enum err cli_parse(int argc, char *const *argv, struct cli *out, struct buf *why);
/* Usage for people: examples, flags, settings. 16 KiB hold it. */
void cli_help(struct buf *out);
/* Usage of one command. */
void cli_help_command(const struct cli_command *command, struct buf *out);
/* "tsuzukid 0.1.0\n" */
void cli_version(struct buf *out);

#endif
