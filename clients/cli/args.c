#include "clients/cli/args.h"

#include <string.h>

#include "clients/cli/run.h"
#include "sync/base/check.h"
#include "sync/base/suggest.h"

struct option_def {
	const char *name;
	const char *takes; /* NULL: nothing */
	bool everywhere;
	const char *help;
};

static const struct option_def options[OPT_COUNT] = {
#define OPTION(id, name, takes, everywhere, help) {(name), (takes), (everywhere), (help)},
#include "clients/cli/options.def"
};

#define BIT(id) (1ul << OPT_##id)
static const struct command commands[] = {
#define COMMAND(function, name, words, least, most, options, sync, summary, more) \
	{run_##function, (name), (words), (least), (most), (options), (sync), (summary), (more)},
#include "clients/cli/commands.def"
};

_Static_assert(OPT_COUNT <= 32, "bits of an unsigned long");

static bool takes_option(const struct command *c, size_t option)
{
	return options[option].everywhere || (c && c->options & 1ul << option);
}

/* --- parsing --- */

static bool near(const char *typed, const char *const *names, size_t count, struct buf *why)
{
	const char *best = suggest(str_from(typed), names, count);
	if (best)
		buf_fmt(why, " Did you mean %s?", best);
	return false;
}

static bool find_command(const char *word, struct args *out, struct buf *why)
{
	const char *names[COUNT_OF(commands)];
	for (size_t i = 0; i < COUNT_OF(commands); i++) {
		names[i] = commands[i].name;
		if (strcmp(word, names[i]) == 0) {
			out->command = &commands[i];
			return true;
		}
	}
	buf_fmt(why, "There is no command %s.", word);
	(void)near(word, names, COUNT_OF(names), why);
	buf_text(why, " `tsuzuki --help` lists them.");
	return false;
}

static bool unknown_option(const char *word, const struct command *c, struct buf *why)
{
	const char *names[OPT_COUNT];
	size_t count = 0;
	struct str typed = str_from(word);
	typed = str_cut(&typed, '=');
	for (size_t i = 0; i < OPT_COUNT; i++)
		if (takes_option(c, i))
			names[count++] = options[i].name;
	buf_fmt(why, "%s%s%s does not take %.*s.", "tsuzuki", c ? " " : "", c ? c->name : "", STR_ARG(typed));
	const char *best = suggest(typed, names, count);
	if (best)
		buf_fmt(why, " Did you mean %s?", best);
	if (c)
		buf_fmt(why, " `tsuzuki %s --help` lists what it takes.", c->name);
	return false;
}

/* One option; *at moves over a value that stands in a word of its own. */
static bool take_option(char **argv, int argc, int *at, struct args *out, struct buf *why)
{
	const char *word = argv[*at];
	const char *value = strchr(word, '=');
	size_t len = value ? (size_t)(value - word) : strlen(word);
	for (size_t i = 0; i < OPT_COUNT; i++) {
		const struct option_def *o = &options[i];
		if (strlen(o->name) != len || memcmp(o->name, word, len) != 0 ||
			!takes_option(out->command, i))
			continue;
		if (!o->takes && value) {
			buf_fmt(why, "%s takes no value.", o->name);
			return false;
		}
		if (o->takes && !value && ++*at >= argc) {
			buf_fmt(why, "%s needs a value: %s %s.", o->name, o->name, o->takes);
			return false;
		}
		out->given[i] = true;
		if (o->takes)
			out->values[i] = value ? value + 1 : argv[*at];
		return true;
	}
	return unknown_option(word, out->command, why);
}

static bool take_word(const char *word, struct args *out, struct buf *why)
{
	if (!out->command && !out->given[OPT_HELP] && strcmp(word, "help") == 0) {
		out->given[OPT_HELP] = true;
		return true;
	}
	if (!out->command)
		return find_command(word, out, why);
	if (out->word_count >= out->command->most) {
		buf_fmt(why, "%s is one word too many. `tsuzuki %s --help` says what it takes.", word,
			out->command->name);
		return false;
	}
	out->words[out->word_count++] = word;
	return true;
}

/* The command comes first, so that its options are known; those of every command may stand before it. */
static bool take_all(int argc, char **argv, struct args *out, struct buf *why)
{
	bool words_only = false;
	for (int i = 1; i < argc; i++) {
		const char *word = argv[i];
		bool good = true;
		if (!words_only && strcmp(word, "--") == 0)
			words_only = true;
		else if (!words_only && strcmp(word, "-h") == 0)
			out->given[OPT_HELP] = true;
		else if (!words_only && strcmp(word, "--version") == 0)
			out->version = true;
		else if (!words_only && word[0] == '-' && word[1])
			good = take_option(argv, argc, &i, out, why);
		else
			good = take_word(word, out, why);
		if (!good)
			return false;
	}
	return true;
}

bool args_parse(int argc, char **argv, struct args *out, struct buf *why)
{
	memset(out, 0, sizeof *out);
	if (!take_all(argc, argv, out, why))
		return false;
	out->help = out->given[OPT_HELP];
	if (!out->help && out->command && out->word_count < out->command->least) {
		buf_fmt(why, "Say which title: tsuzuki %s %s.", out->command->name, out->command->words);
		return false;
	}
	return true;
}

/* --- help --- */

static void help_options(const struct command *c, bool everywhere, struct buf *out)
{
	for (size_t i = 0; i < OPT_COUNT; i++) {
		const struct option_def *o = &options[i];
		char text[64];
		if (o->everywhere != everywhere || !takes_option(c, i))
			continue;
		struct buf name = buf_make(sizeof text);
		buf_fmt(&name, "%s%s%s", o->name, o->takes ? " " : "", o->takes ? o->takes : "");
		buf_fmt(out, "  %-24s %s\n", buf_ok(&name) ? name.ptr : o->name, o->help);
		buf_free(&name);
	}
}

void args_help(bool brief, struct buf *out)
{
	buf_text(out, "tsuzuki remembers where you stopped watching, on this machine and, when it can be "
		      "reached, on your server.\n\nUsage: tsuzuki COMMAND [options]\n\n");
	buf_text(out, "  tsuzuki add one-piece-001 \"One Piece\" --status watching\n"
		      "  tsuzuki progress one-piece-001 --episode 13 --time 12:00 --duration 24:00\n"
		      "  tsuzuki resume\n"
		      "  tsuzuki login https://home.example --email user@example.com\n\n");
	for (size_t i = 0; i < COUNT_OF(commands); i++)
		buf_fmt(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
	if (brief) {
		buf_text(out, "\n`tsuzuki COMMAND --help` says more.\n");
		return;
	}
	buf_text(out, "\nEvery command takes:\n");
	help_options(NULL, true, out);
	buf_text(out,
		"  --version                say which version this is\n\n"
		"Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the server cannot be reached, 4 not logged "
		"in,\n5 not found, 6 conflict, 74 the data folder cannot be used.\n");
}

void args_help_command(const struct command *c, struct buf *out)
{
	buf_fmt(out, "%s.\n\nUsage: tsuzuki %s%s%s%s\n\n", c->summary, c->name, c->words[0] ? " " : "",
		c->words, c->options ? " [options]" : "");
	if (c->options) {
		help_options(c, false, out);
		buf_char(out, '\n');
	}
	buf_text(out, "Every command takes:\n");
	help_options(c, true, out);
	buf_fmt(out, "\n%s", c->more);
}
