#include "daemon/cli.h"

#include <string.h>

#include "daemon/cli_table.h"
#include "sync/base/suggest.h"

enum { COMMANDS_MAX = 32 };

static unsigned flags_of(const struct cli_command *command)
{
	return command ? command->flags : CLI_SERVE_FLAGS;
}

/* The command that argv begins with, and of how many words. */
static const struct cli_command *find_command(int argc, char *const *argv, int *words)
{
	const struct cli_command *found = NULL;
	for (size_t i = 0; i < cli_command_count && argc > 1; i++) {
		struct str second = str_from(cli_commands[i].name);
		struct str first = str_cut(&second, ' ');
		if (!str_eq(str_from(argv[1]), first))
			continue;
		if (second.len == 0 && !found) {
			found = &cli_commands[i];
			*words = 1;
		} else if (second.len && argc > 2 && str_eq(str_from(argv[2]), second)) {
			*words = 2;
			return &cli_commands[i];
		}
	}
	return found;
}

static bool find(unsigned known, struct str word, enum flag_id *out)
{
	for (size_t i = 0; i < FLAG_COUNT; i++)
		if (known & 1u << i &&
			(str_eq(word, str_from(cli_flags[i].name)) ||
				(cli_flags[i].letter && str_eq(word, str_from(cli_flags[i].letter))))) {
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

static void suggest_or_help(struct buf *why, const struct cli_command *command, struct str word,
	const char *const *names, size_t n)
{
	const char *near = suggest(word, names, n);
	if (near)
		buf_fmt(why, "; did you mean %s?", near);
	else
		buf_fmt(why, "; see tsuzukid %s%s--help", command ? command->name : "", command ? " " : "");
}

static enum err refuse_flag(struct buf *why, const struct cli_command *command, struct str word)
{
	const char *names[FLAG_COUNT];
	size_t count = 0;
	for (size_t i = 0; i < FLAG_COUNT; i++)
		if (flags_of(command) & 1u << i)
			names[count++] = cli_flags[i].name;
	buf_text(why, "unknown flag ");
	say_word(why, word);
	suggest_or_help(why, command, word, names, count);
	return ERR_INVALID;
}

/* The first word is no command, or the second one none of a group. */
static enum err refuse_command(struct buf *why, const struct cli_command *group, struct str word)
{
	const char *names[COMMANDS_MAX];
	size_t count = 0;
	for (size_t i = 0; i < cli_command_count && count < COMMANDS_MAX; i++) {
		struct str second = str_from(cli_commands[i].name);
		struct str first = str_cut(&second, ' ');
		if (!group)
			names[count++] = cli_commands[i].name;
		else if (second.len && str_eq(first, str_from(group->name)))
			names[count++] = second.ptr;
	}
	buf_text(why, "unknown command ");
	if (group)
		buf_fmt(why, "%s ", group->name);
	say_word(why, word);
	suggest_or_help(why, group, word, names, count);
	return ERR_INVALID;
}

static enum err refuse_argument(struct buf *why, const struct cli_command *command, struct str word)
{
	buf_fmt(why, "tsuzukid%s%s takes no %sargument ", command ? " " : "", command ? command->name : "",
		command && command->most ? "further " : "");
	say_word(why, word);
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
	case FLAG_ADMIN:
		cli->admin = true;
		break;
	case FLAG_JSON:
		cli->json = true;
		break;
	case FLAG_YES:
		cli->yes = true;
		break;
	case FLAG_LATEST:
		cli->latest = true;
		break;
	case FLAG_END_SESSIONS:
		cli->end_sessions = true;
		break;
	case FLAG_COUNT:
		break;
	}
}

/* The flag at argv[*at], and its value, which may be the next word. */
static enum err take_flag(struct cli *cli, int argc, char *const *argv, int *at, struct buf *why)
{
	struct str rest = str_from(argv[*at]);
	struct str word = str_cut(&rest, '=');
	bool attached = word.len < strlen(argv[*at]);
	enum flag_id id;
	if (!find(flags_of(cli->command), word, &id))
		return refuse_flag(why, cli->command, word);
	if (!cli_flags[id].value && attached) {
		buf_fmt(why, "%s takes no value", cli_flags[id].name);
		return ERR_INVALID;
	}
	const char *value = attached ? rest.ptr : NULL;
	if (cli_flags[id].value && !attached && *at + 1 < argc)
		value = argv[++*at];
	if (cli_flags[id].value && (!value || !*value)) {
		buf_fmt(why, "%s needs a value: %s %s", cli_flags[id].name, cli_flags[id].name,
			cli_flags[id].value);
		return ERR_INVALID;
	}
	keep(cli, id, value);
	return ERR_OK;
}

static enum err take_argument(struct cli *cli, const char *text, bool first, struct buf *why)
{
	struct str word = str_from(text);
	if (!cli->command && first)
		return refuse_command(why, NULL, word);
	if (cli->command && cli->command->action == CLI_GROUP)
		return refuse_command(why, cli->command, word);
	size_t most = cli->command ? cli->command->most : 0;
	if (cli->arg_count >= most)
		return refuse_argument(why, cli->command, word);
	cli->args[cli->arg_count++] = text;
	return ERR_OK;
}

static enum err finish(const struct cli *cli, struct buf *why)
{
	const struct cli_command *command = cli->command;
	if (!command || cli->action == CLI_HELP)
		return ERR_OK;
	if (cli->action == CLI_GROUP) {
		buf_fmt(why, "tsuzukid %s: %s", command->name, command->help);
		return ERR_INVALID;
	}
	if (cli->arg_count < command->least) {
		buf_fmt(why, "tsuzukid %s needs %s; see tsuzukid %s --help", command->name,
			command->arguments, command->name);
		return ERR_INVALID;
	}
	return ERR_OK;
}

enum err cli_parse(int argc, char *const *argv, struct cli *out, struct buf *why)
{
	struct cli cli = {.action = CLI_RUN};
	int words = 0;
	bool only_arguments = false;
	enum err err = ERR_OK;
	cli.command = find_command(argc, argv, &words);
	if (cli.command)
		cli.action = cli.command->action;
	for (int i = 1 + words; i < argc && !err; i++) {
		if (cli.command && cli.command->most && !only_arguments && strcmp(argv[i], "--") == 0)
			only_arguments = true;
		else if (argv[i][0] == '-' && !only_arguments)
			err = take_flag(&cli, argc, argv, &i, why);
		else
			err = take_argument(&cli, argv[i], i == 1, why);
	}
	if (!err)
		err = finish(&cli, why);
	if (!err)
		*out = cli;
	return err;
}
