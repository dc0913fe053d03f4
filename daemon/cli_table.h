/*
 * What the command line understands, as tables: flags, commands, examples. cli.c reads by them, cli_help.c
 * shows them.
 */
#ifndef TSUZUKI_DAEMON_CLI_TABLE_H
#define TSUZUKI_DAEMON_CLI_TABLE_H

#include "daemon/cli.h"

enum flag_id {
	FLAG_CONFIG,
	FLAG_DATA_DIR,
	FLAG_PORT,
	FLAG_BIND,
	FLAG_CHECK,
	FLAG_VERSION,
	FLAG_HELP,
	FLAG_REPAIR,
	FLAG_ADMIN,
	FLAG_JSON,
	FLAG_YES,
	FLAG_LATEST,
	FLAG_END_SESSIONS,
	FLAG_COUNT
};

/* What tsuzukid itself understands, when it serves. */
enum { CLI_SERVE_FLAGS = (1 << FLAG_REPAIR) - 1 };

struct cli_flag {
	const char *name;
	const char *letter; /* NULL: none */
	const char *value;  /* what --help calls its value; NULL: it takes none */
	const char *help;
};
extern const struct cli_flag cli_flags[FLAG_COUNT];

struct cli_command {
	const char *name; /* one word or two */
	enum cli_action action;
	unsigned flags; /* bit per flag that it takes */
	size_t least;	/* arguments */
	size_t most;
	const char *arguments; /* what --help calls them; NULL: none */
	const char *purpose;
	const char *help;
};
extern const struct cli_command cli_commands[];
extern const size_t cli_command_count;

struct cli_example {
	const char *command;
	const char *purpose;
};
extern const struct cli_example cli_examples[];
extern const size_t cli_example_count;

#endif
