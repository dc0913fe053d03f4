/*
 * One command being run: its words, the store, where it writes.
 */
#ifndef TSUZUKI_CLIENTS_CLI_RUN_H
#define TSUZUKI_CLIENTS_CLI_RUN_H

#include <jansson.h>

#include "clients/c/tsuzuki.h"
#include "clients/cli/args.h"
#include "clients/cli/out.h"

struct run {
	const struct args *args;
	struct tsz *store;
	struct out out;
};

#define COMMAND(function, name, words, least, most, options, sync, summary, more) \
	int run_##function(struct run *r);
#include "clients/cli/commands.def"

/* A line on standard error, part of which may be a server's words. */
void run_say(const char *before, const char *text);
/* The exit code of what the library said; the sentence goes to standard error. */
int run_failed(struct run *r, enum tsz_code code);
/* Prints what the library handed out as it is, or parses it for a table. Takes the text. NULL: no memory. */
json_t *run_json(char *text);
int run_print(struct run *r, char *text);
/*
 * Exchanges with the server if there is one, for at most about two seconds, and says when it is away. Never a
 * reason for a command to fail.
 */
void run_sync(struct run *r);

#endif
