/* What --help prints. */
#include "daemon/cli_table.h"
#include "sync/base/check.h"

static const char *const setting_groups[] = {
#define OPTION_GROUP(title) title,
#define OPTION(name, kind, field, fallback, least, most, secrecy, help) NULL,
#include "daemon/options.def"
#undef OPTION_GROUP
#undef OPTION
};

/* Line for line beside setting_groups; the name is NULL where a group begins. */
static const struct {
	const char *name;
	const char *fallback;
	const char *help;
} settings[] = {
#define OPTION_GROUP(title) {NULL, NULL, NULL},
#define OPTION(name, kind, field, fallback, least, most, secrecy, help) {#name, fallback, help},
#include "daemon/options.def"
#undef OPTION_GROUP
#undef OPTION
};

#define EXIT_STATUS                                                                                    \
	"\nExit status: 0 ended well, 64 wrong usage, 69 the daemon cannot be reached, 74 reading or " \
	"writing "                                                                                     \
	"failed,\n78 a setting or the database is none that it can use.\n"

enum { HELP_WIDTH = 78, HELP_INDENT = 6 };

/* Words up to HELP_WIDTH columns, every line indented. */
static void help_wrap(struct buf *out, const char *text)
{
	struct str rest = str_from(text);
	size_t column = 0;
	while (rest.len) {
		struct str word = str_cut(&rest, ' ');
		if (column == 0 || column + 1 + word.len > HELP_WIDTH) {
			buf_fmt(out, "%s%*s", column ? "\n" : "", HELP_INDENT, "");
			column = HELP_INDENT;
		} else {
			buf_char(out, ' ');
			column++;
		}
		buf_add_str(out, word);
		column += word.len;
	}
	buf_char(out, '\n');
}

static void help_usage(struct buf *out, const struct cli_command *command)
{
	buf_fmt(out, "Usage: tsuzukid%s%s", command ? " " : "", command ? command->name : "");
	unsigned known = command ? command->flags : CLI_SERVE_FLAGS;
	if (command && command->arguments)
		buf_fmt(out, " %s", command->arguments);
	for (size_t i = 0; i < FLAG_COUNT; i++)
		if (known & 1u << i)
			buf_fmt(out, " [%s%s%s]", cli_flags[i].name, cli_flags[i].value ? " " : "",
				cli_flags[i].value ? cli_flags[i].value : "");
	buf_char(out, '\n');
}

static void help_flags(struct buf *out, unsigned known)
{
	buf_text(out, "\nFlags:\n");
	for (size_t i = 0; i < FLAG_COUNT; i++) {
		if (!(known & 1u << i))
			continue;
		buf_text(out, "  ");
		if (cli_flags[i].letter)
			buf_fmt(out, "%s, ", cli_flags[i].letter);
		buf_fmt(out, "%s%s%s\n", cli_flags[i].name, cli_flags[i].value ? " " : "",
			cli_flags[i].value ? cli_flags[i].value : "");
		help_wrap(out, cli_flags[i].help);
	}
}

static void help_settings(struct buf *out)
{
	buf_text(out, "\nSettings, from the environment or as KEY=VALUE lines of the settings file:\n");
	for (size_t i = 0; i < COUNT_OF(settings); i++) {
		if (!settings[i].name) {
			buf_fmt(out, "\n%s\n", setting_groups[i]);
			continue;
		}
		buf_fmt(out, "  %s%s%s%s\n", settings[i].name, *settings[i].fallback ? " (default " : "",
			settings[i].fallback, *settings[i].fallback ? ")" : "");
		help_wrap(out, settings[i].help);
	}
}

void cli_help(struct buf *out)
{
	buf_text(out, "tsuzukid: remembers where you stopped watching, on every device\n\nExamples:\n");
	for (size_t i = 0; i < cli_example_count; i++)
		buf_fmt(out, "  %-42s # %s\n", cli_examples[i].command, cli_examples[i].purpose);
	buf_char(out, '\n');
	help_usage(out, NULL);
	buf_text(out, "\nCommands, each with a --help of its own:\n");
	for (size_t i = 0; i < cli_command_count; i++)
		if (cli_commands[i].action != CLI_GROUP)
			buf_fmt(out, "  tsuzukid %-12s %s\n", cli_commands[i].name, cli_commands[i].purpose);
	help_flags(out, CLI_SERVE_FLAGS);
	help_settings(out);
	buf_text(out, EXIT_STATUS);
}

void cli_help_command(const struct cli_command *command, struct buf *out)
{
	buf_fmt(out, "tsuzukid %s: %s\n\n", command->name, command->purpose);
	help_usage(out, command);
	buf_char(out, '\n');
	help_wrap(out, command->help);
	help_flags(out, command->flags);
	buf_text(out, EXIT_STATUS);
}

void cli_version(struct buf *out)
{
	buf_text(out, "tsuzukid " TSUZUKI_VERSION "\n");
}
