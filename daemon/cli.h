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
	CLI_GROUP,   /* a word that other commands begin with: only its help */
	CLI_VERIFY,  /* from here on: the commands */
	CLI_USER_ADD,
	CLI_USER_LIST,
	CLI_USER_PASSWD,
	CLI_USER_ROLE,
	CLI_USER_DELETE,
	CLI_BACKUP,
	CLI_RESTORE,
	CLI_DOCTOR
};

enum { CLI_EXIT_USAGE = 64, CLI_ARGUMENTS = 2 };

struct cli_command;

struct cli {
	struct config_flags flags; /* slices of argv */
	enum cli_action action;
	const struct cli_command *command; /* NULL: none, so serve */
	const char *args[CLI_ARGUMENTS];   /* of argv; NULL where there are fewer */
	size_t arg_count;
	bool repair;
	bool admin;
	bool json;
	bool yes;
	bool latest;
	bool end_sessions;
};

/*
 * Reads argv[1..]: a command if it begins with one, then flags and the command's arguments; "--flag VALUE"
 * and "--flag=VALUE", the last of two wins; behind "--" all are arguments. --help beats everything else,
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
