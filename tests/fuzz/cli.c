/* A command line, one word a line: what is not understood is named in a sentence, the rest is a slice of
 * argv. */
#include <stdlib.h>

#include "daemon/cli.h"
#include "tests/fuzz/fuzz.h"

enum { WORDS = 32, BYTES = 4096, WHY = 8192 };

static bool has(int argc, char *const *argv, const char *word)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], word) == 0)
			return true;
	return false;
}

/* Value of a flag: behind a '=' or a word of its own, so never a pointer from elsewhere. */
static bool of_argv(const char *value, int argc, char *const *argv)
{
	if (!value)
		return true;
	for (int i = 1; i < argc; i++)
		if (value >= argv[i] && value <= argv[i] + strlen(argv[i]))
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char program[] = "tsuzukid";
	char bytes[BYTES];
	char *argv[WORDS + 1] = {program};
	int argc = 1;
	if (size >= sizeof bytes || (size && memchr(data, 0, size)))
		return 0;
	if (size)
		memcpy(bytes, data, size);
	bytes[size] = '\0';
	for (char *rest = size ? bytes : NULL, *word; (word = strsep(&rest, "\n")) != NULL && argc < WORDS;)
		argv[argc++] = word;
	argv[argc] = NULL;

	struct cli cli = {0};
	struct buf why = buf_make(WHY);
	enum err err = cli_parse(argc, argv, &cli, &why);
	CHECK(buf_ok(&why));
	if (err) {
		CHECK(err == ERR_INVALID);
		CHECK(input_sentence(buf_str(&why)));
	} else {
		CHECK(why.len == 0);
		CHECK(of_argv(cli.flags.config_path, argc, argv) && of_argv(cli.flags.data_dir, argc, argv));
		CHECK(of_argv(cli.flags.port, argc, argv) && of_argv(cli.flags.bind, argc, argv));
		for (size_t i = 0; i < CLI_ARGUMENTS; i++)
			CHECK(!cli.args[i] == (i >= cli.arg_count) && of_argv(cli.args[i], argc, argv));
		CHECK(cli.action != CLI_GROUP);
		CHECK(cli.action != CLI_HELP || has(argc, argv, "--help") || has(argc, argv, "-h"));
		CHECK(cli.action != CLI_VERSION || has(argc, argv, "--version"));
	}
	buf_free(&why);
	return 0;
}
