/*
 * The command line: commands and options as tables, words and values as given, help.
 */
#ifndef TSUZUKI_CLIENTS_CLI_ARGS_H
#define TSUZUKI_CLIENTS_CLI_ARGS_H

#include <stdbool.h>

#include "sync/base/buf.h"

/* packaging: what scripts can rely on. */
enum exit_code {
	EXIT_GOOD = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_AWAY = 3,
	EXIT_DENIED = 4,
	EXIT_NOT_FOUND = 5,
	EXIT_CONFLICT = 6,
	EXIT_IO = 74
};

enum option {
#define OPTION(id, name, takes, everywhere, help) OPT_##id,
#include "clients/cli/options.def"
	OPT_COUNT
};

enum sync_when { SYNC_NEVER, SYNC_BEFORE, SYNC_AFTER };

enum { WORDS_MOST = 2 };

struct run;

struct command {
	int (*run)(struct run *r);
	const char *name;
	const char *words;
	size_t least;
	size_t most;
	unsigned long options; /* bits */
	enum sync_when sync;
	const char *summary;
	const char *more;
};

struct args {
	const struct command *command; /* NULL: none was named */
	bool help;
	bool version;
	bool given[OPT_COUNT];
	const char *values[OPT_COUNT]; /* of those that take one and were given */
	const char *words[WORDS_MOST];
	size_t word_count;
};

/* false: *why says what is not understood, and what may have been meant. */
bool args_parse(int argc, char **argv, struct args *out, struct buf *why);
/* What `tsuzuki` alone says: short=true; or --help. */
void args_help(bool brief, struct buf *out);
void args_help_command(const struct command *c, struct buf *out);

#endif
