/*
 * tsuzuki: the command line of the local store. The tour of what follows: args.c (words and options, from
 * commands.def and options.def), cmd_read.c, cmd_write.c and cmd_server.c (what the commands do), out.c (what
 * people see); below them clients/c (the library).
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "clients/cli/run.h"

enum { MAIN_TEXT = 64 * 1024 };

static int say(struct buf *text, FILE *where, int code)
{
	bool good = buf_ok(text) && text->ptr && fputs(text->ptr, where) >= 0 && fflush(where) == 0;
	buf_free(text);
	return good ? code : EXIT_FAILED;
}

/* $XDG_DATA_HOME/tsuzuki, which is ~/.local/share/tsuzuki. */
static bool data_dir(const struct args *args, struct buf *out)
{
	const char *data = getenv("XDG_DATA_HOME");
	const char *home = getenv("HOME");
	if (args->values[OPT_DATA_DIR])
		buf_text(out, args->values[OPT_DATA_DIR]);
	else if (data && data[0] == '/')
		buf_fmt(out, "%s/tsuzuki", data);
	else if (home && home[0] == '/')
		buf_fmt(out, "%s/.local/share/tsuzuki", home);
	return buf_ok(out) && out->len;
}

static int run(const struct args *args)
{
	struct run r = {.args = args};
	struct buf dir = buf_make(MAIN_TEXT);
	int code = EXIT_IO;
	out_look(&r.out, args->given[OPT_JSON], args->given[OPT_NO_COLOR]);
	if (!data_dir(args, &dir)) {
		(void)fputs("tsuzuki: There is no HOME to keep the data in. Name a folder with --data-dir.\n",
			stderr);
		buf_free(&dir);
		return EXIT_IO;
	}
	struct tsz_options options = {.dir = dir.ptr, .device_name = args->values[OPT_DEVICE_NAME]};
	enum tsz_code opened = tsz_open(&options, &r.store);
	if (opened) {
		code = run_failed(&r, opened);
	} else {
		if (args->command->sync == SYNC_BEFORE)
			run_sync(&r);
		code = args->command->run(&r);
	}
	tsz_close(r.store);
	buf_free(&dir);
	return code;
}

int main(int argc, char **argv)
{
	struct args args;
	struct buf text = buf_make(MAIN_TEXT);
	/* A pipe that is closed is an error of writing, and a server that hangs up one of reading. */
	(void)signal(SIGPIPE, SIG_IGN);
	if (!args_parse(argc, argv, &args, &text)) {
		struct buf line = buf_make(MAIN_TEXT);
		buf_text(&line, "tsuzuki: ");
		buf_add_str(&line, buf_str(&text));
		buf_char(&line, '\n');
		buf_free(&text);
		return say(&line, stderr, EXIT_USAGE);
	}
	if (args.version) {
		buf_text(&text, "tsuzuki " TSUZUKI_VERSION "\n");
		return say(&text, stdout, EXIT_GOOD);
	}
	if (args.help || !args.command) {
		if (args.command)
			args_help_command(args.command, &text);
		else
			args_help(!args.help, &text);
		/* Nothing was asked: that is help, but no success of a script. */
		return say(&text, args.help ? stdout : stderr, args.help ? EXIT_GOOD : EXIT_USAGE);
	}
	buf_free(&text);
	return run(&args);
}
