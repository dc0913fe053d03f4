#include "daemon/cli.h"

#include <string.h>

#include "sync/base/check.h"
#include "sync/base/suggest.h"

enum flag_id {
	FLAG_CONFIG,
	FLAG_DATA_DIR,
	FLAG_PORT,
	FLAG_BIND,
	FLAG_CHECK,
	FLAG_VERSION,
	FLAG_HELP,
	FLAG_REPAIR,
	FLAG_COUNT
};

/* What tsuzukid itself understands, when it serves. */
enum { SERVE_FLAGS = (1 << FLAG_REPAIR) - 1 };

static const struct {
	const char *name;
	const char *letter; /* NULL: none */
	const char *value;  /* what --help calls its value; NULL: it takes none */
	const char *help;
} flags[FLAG_COUNT] = {
	[FLAG_CONFIG] = {"--config", NULL, "FILE",
		"read settings from FILE (default " CONFIG_DEFAULT_PATH ")"},
	[FLAG_DATA_DIR] = {"--data-dir", NULL, "DIR", "keep the data in DIR; beats DATA_DIR"},
	[FLAG_PORT] = {"--port", NULL, "N", "listen on TCP port N; beats PORT"},
	[FLAG_BIND] = {"--bind", NULL, "ADDR", "listen on ADDR; beats BIND"},
	[FLAG_CHECK] = {"--check-config", NULL, NULL, "read the settings, say what is wrong, start nothing"},
	[FLAG_VERSION] = {"--version", NULL, NULL, "print the version"},
	[FLAG_HELP] = {"--help", "-h", NULL, "print this"},
	[FLAG_REPAIR] = {"--repair", NULL, NULL,
		"write what disagrees anew from the journal, after a backup into DIR/backups/; not while a "
		"daemon runs"},
};

struct cli_command {
	const char *name;
	enum cli_action action;
	unsigned flags; /* bit per flag that it takes */
	const char *purpose;
	const char *help;
};

/* Administration: the first word of the command line. */
static const struct cli_command commands[] = {
	{"verify", CLI_VERIFY, 1 << FLAG_CONFIG | 1 << FLAG_DATA_DIR | 1 << FLAG_HELP | 1 << FLAG_REPAIR,
		"see whether the database agrees with itself",
		"Reads the whole database and prints one line for everything that does not agree: damage in "
		"the "
		"file, journal rows whose checksum fails, values that are not what the journal says, counts. "
		"It "
		"changes nothing and may run beside the daemon. Exits 0 when all agrees, 74 when not."},
};

static const struct {
	const char *command;
	const char *purpose;
} examples[] = {
	{"tsuzukid --data-dir ./data", "serve on http://localhost:5000"},
	{"tsuzukid --config ./.env --check-config", "see whether the settings are good"},
	{"tsuzukid --bind unix:/run/tsuzuki.sock", "serve on a unix socket, behind a proxy"},
	{"tsuzukid verify --data-dir ./data", "see whether the database agrees with itself"},
};

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

/* --- reading
 * ---------------------------------------------------------------------------------------------------- */

static unsigned flags_of(const struct cli_command *command)
{
	return command ? command->flags : SERVE_FLAGS;
}

static const struct cli_command *find_command(struct str word)
{
	for (size_t i = 0; i < COUNT_OF(commands); i++)
		if (str_eq(word, str_from(commands[i].name)))
			return &commands[i];
	return NULL;
}

static bool find(unsigned known, struct str word, enum flag_id *out)
{
	for (size_t i = 0; i < FLAG_COUNT; i++)
		if (known & 1u << i &&
			(str_eq(word, str_from(flags[i].name)) ||
				(flags[i].letter && str_eq(word, str_from(flags[i].letter))))) {
			*out = (enum flag_id)i;
			return true;
		}
	return false;
}

/* The word as a terminal may show it. */
static void say_word(struct buf *why, struct str word)
{
	if (word.len > 80)
		word.len = 80;
	for (size_t i = 0; i < word.len; i++)
		buf_char(why, (char)(word.ptr[i] >= 0x20 && word.ptr[i] != 0x7F ? word.ptr[i] : '?'));
}

static enum err refuse(struct buf *why, const struct cli_command *command, struct str word, bool first)
{
	const char *names[FLAG_COUNT + COUNT_OF(commands)];
	size_t count = 0;
	bool flag = word.len && word.ptr[0] == '-';
	for (size_t i = 0; i < FLAG_COUNT && flag; i++)
		if (flags_of(command) & 1u << i)
			names[count++] = flags[i].name;
	for (size_t i = 0; i < COUNT_OF(commands) && first && !flag; i++)
		names[count++] = commands[i].name;
	if (flag)
		buf_text(why, "unknown flag ");
	else if (first)
		buf_text(why, "unknown command ");
	else
		buf_fmt(why, "tsuzukid%s%s takes no argument ", command ? " " : "",
			command ? command->name : "");
	say_word(why, word);
	const char *near = suggest(word, names, count);
	if (near)
		buf_fmt(why, "; did you mean %s?", near);
	else
		buf_fmt(why, "; see tsuzukid %s%s--help", command ? command->name : "", command ? " " : "");
	return ERR_INVALID;
}

static void keep(struct cli *cli, enum flag_id id, const char *value)
{
	switch (id) {
	case FLAG_CONFIG:
		cli->flags.config_path = value;
		break;
	case FLAG_DATA_DIR:
		cli->flags.data_dir = value;
		break;
	case FLAG_PORT:
		cli->flags.port = value;
		break;
	case FLAG_BIND:
		cli->flags.bind = value;
		break;
	case FLAG_CHECK:
		if (cli->action == CLI_RUN)
			cli->action = CLI_CHECK;
		break;
	case FLAG_VERSION:
		if (cli->action != CLI_HELP)
			cli->action = CLI_VERSION;
		break;
	case FLAG_HELP:
		cli->action = CLI_HELP;
		break;
	case FLAG_REPAIR:
		cli->repair = true;
		break;
	case FLAG_COUNT:
		break;
	}
}

enum err cli_parse(int argc, char *const *argv, struct cli *out, struct buf *why)
{
	struct cli cli = {.action = CLI_RUN};
	int at = 1;
	if (argc > 1)
		cli.command = find_command(str_from(argv[1]));
	if (cli.command) {
		cli.action = cli.command->action;
		at++;
	}
	for (int i = at; i < argc; i++) {
		struct str rest = str_from(argv[i]);
		struct str word = str_cut(&rest, '=');
		bool attached = word.len < strlen(argv[i]);
		enum flag_id id;
		if (!find(flags_of(cli.command), word, &id))
			return refuse(why, cli.command, word, i == 1);
		if (!flags[id].value && attached) {
			buf_fmt(why, "%s takes no value", flags[id].name);
			return ERR_INVALID;
		}
		const char *value = attached ? rest.ptr : NULL;
		if (flags[id].value && !attached && i + 1 < argc)
			value = argv[++i];
		if (flags[id].value && (!value || !*value)) {
			buf_fmt(why, "%s needs a value: %s %s", flags[id].name, flags[id].name,
				flags[id].value);
			return ERR_INVALID;
		}
		keep(&cli, id, value);
	}
	*out = cli;
	return ERR_OK;
}

/* --- help
 * ------------------------------------------------------------------------------------------------------- */

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
	for (size_t i = 0; i < FLAG_COUNT; i++)
		if (flags_of(command) & 1u << i)
			buf_fmt(out, " [%s%s%s]", flags[i].name, flags[i].value ? " " : "",
				flags[i].value ? flags[i].value : "");
	buf_char(out, '\n');
}

static void help_flags(struct buf *out, unsigned known)
{
	buf_text(out, "\nFlags:\n");
	for (size_t i = 0; i < FLAG_COUNT; i++) {
		if (!(known & 1u << i))
			continue;
		buf_text(out, "  ");
		if (flags[i].letter)
			buf_fmt(out, "%s, ", flags[i].letter);
		buf_fmt(out, "%s%s%s\n", flags[i].name, flags[i].value ? " " : "",
			flags[i].value ? flags[i].value : "");
		help_wrap(out, flags[i].help);
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
	for (size_t i = 0; i < COUNT_OF(examples); i++)
		buf_fmt(out, "  %-42s # %s\n", examples[i].command, examples[i].purpose);
	buf_char(out, '\n');
	help_usage(out, NULL);
	buf_text(out, "\nCommands, each with a --help of its own:\n");
	for (size_t i = 0; i < COUNT_OF(commands); i++)
		buf_fmt(out, "  tsuzukid %-12s %s\n", commands[i].name, commands[i].purpose);
	help_flags(out, SERVE_FLAGS);
	help_settings(out);
	buf_text(out,
		"\nExit status: 0 ended well, 64 wrong usage, 74 reading or writing failed, 78 a setting is "
		"wrong.\n");
}

void cli_help_command(const struct cli_command *command, struct buf *out)
{
	buf_fmt(out, "tsuzukid %s: %s\n\n", command->name, command->purpose);
	help_usage(out, command);
	buf_char(out, '\n');
	help_wrap(out, command->help);
	help_flags(out, command->flags);
}

void cli_version(struct buf *out)
{
	buf_text(out, "tsuzukid " TSUZUKI_VERSION "\n");
}
