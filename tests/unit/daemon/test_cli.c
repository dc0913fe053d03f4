/* The command line: what is understood, what is refused, what --help shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/cli.h"
#include "sync/base/check.h"

enum { ARGS_MAX = 12 };

static enum err parse(const char *const *words, struct cli *out, struct buf *why)
{
	static char copies[ARGS_MAX][128] = {"tsuzukid"};
	char *argv[ARGS_MAX + 1] = {copies[0]};
	int argc = 1;
	for (; words[argc - 1]; argc++) {
		assert_true(argc < ARGS_MAX);
		assert_true(strlen(words[argc - 1]) < sizeof copies[0]);
		strcpy(copies[argc], words[argc - 1]);
		argv[argc] = copies[argc];
	}
	buf_clear(why);
	return cli_parse(argc, argv, out, why);
}

#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL}, &cli, &why)

static void test_flags(void **state)
{
	(void)state;
	struct cli cli;
	struct buf why = buf_make(4096);
	assert_int_equal(parse((const char *const[]){NULL}, &cli, &why), ERR_OK);
	assert_int_equal(cli.action, CLI_RUN);
	assert_null(cli.flags.config_path);
	assert_null(cli.flags.port);
	assert_int_equal(PARSE("--config", "a.env", "--data-dir=d", "--port", "80", "--bind=::"), ERR_OK);
	assert_int_equal(cli.action, CLI_RUN);
	assert_string_equal(cli.flags.config_path, "a.env");
	assert_string_equal(cli.flags.data_dir, "d");
	assert_string_equal(cli.flags.port, "80");
	assert_string_equal(cli.flags.bind, "::");
	assert_int_equal(PARSE("--port=1", "--port=2"), ERR_OK);
	assert_string_equal(cli.flags.port, "2");
	assert_int_equal(PARSE("--data-dir=a=b"), ERR_OK);
	assert_string_equal(cli.flags.data_dir, "a=b");
	assert_int_equal(PARSE("--check-config"), ERR_OK);
	assert_int_equal(cli.action, CLI_CHECK);
	assert_int_equal(PARSE("--version", "--check-config"), ERR_OK);
	assert_int_equal(cli.action, CLI_VERSION);
	assert_int_equal(PARSE("--check-config", "--version", "-h"), ERR_OK);
	assert_int_equal(cli.action, CLI_HELP);
	assert_int_equal(PARSE("--help", "--version"), ERR_OK);
	assert_int_equal(cli.action, CLI_HELP);
	buf_free(&why);
}

static void test_refused(void **state)
{
	(void)state;
	static const struct {
		const char *words[6];
		const char *says[2];
	} cases[] = {
		{{"--prot", "80"}, {"--prot", "did you mean --port?"}},
		{{"--prot=80"}, {"--prot;", "did you mean --port?"}},
		{{"--datadir=x"}, {"--datadir", "did you mean --data-dir?"}},
		{{"--check"}, {"--check;", "did you mean --check-config?"}},
		{{"--frobnicate"}, {"unknown flag --frobnicate", "--help"}},
		{{"-p"}, {"unknown flag -p", "--help"}},
		{{"--"}, {"unknown flag --", "--help"}},
		{{"serve"}, {"unknown command serve", "see tsuzukid --help"}},
		{{""}, {"unknown command", "--help"}},
		{{"verfy"}, {"unknown command verfy", "did you mean verify?"}},
		{{"--port=1", "verify"}, {"takes no argument verify", "--help"}},
		{{"--repair"}, {"unknown flag --repair", ""}},
		{{"verify", "--port=1"}, {"unknown flag --port", "see tsuzukid verify --help"}},
		{{"verify", "--repiar"}, {"unknown flag --repiar", "did you mean --repair?"}},
		{{"verify", "--repair=yes"}, {"--repair takes no value", ""}},
		{{"user"}, {"tsuzukid user: ", "user add"}},
		{{"user", "ad"}, {"unknown command user ad", "did you mean add?"}},
		{{"user", "zzzzzz"}, {"unknown command user zzzzzz", "see tsuzukid user --help"}},
		{{"user", "add"}, {"user add needs NAME EMAIL", "tsuzukid user add --help"}},
		{{"user", "list", "all"}, {"tsuzukid user list takes no argument all", ""}},
		{{"user", "delete", "--", "-x", "y"}, {"takes no further argument y", ""}},
		{{"verify", "now"}, {"tsuzukid verify takes no argument now", "see tsuzukid verify --help"}},
		{{"--port"}, {"--port needs a value", "--port N"}},
		{{"--port="}, {"--port needs a value", "--port N"}},
		{{"--config", ""}, {"--config needs a value", "FILE"}},
		{{"--help=yes"}, {"--help takes no value", ""}},
		{{"--check-config=a.env"}, {"--check-config takes no value", ""}},
		{{"--\x1B[31m\n"}, {"unknown flag --?[31m?", ""}},
	};
	struct buf why = buf_make(4096);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct cli cli = {.action = CLI_HELP};
		assert_int_equal(parse(cases[i].words, &cli, &why), ERR_INVALID);
		assert_int_equal(cli.action, CLI_HELP);
		for (size_t j = 0; j < 2; j++)
			if (!strstr(why.ptr, cases[i].says[j]))
				fail_msg("without \"%s\": %s", cases[i].says[j], why.ptr);
	}
	buf_free(&why);
}

static void test_commands(void **state)
{
	(void)state;
	struct cli cli;
	struct buf why = buf_make(4096);
	assert_int_equal(PARSE("verify"), ERR_OK);
	assert_int_equal(cli.action, CLI_VERIFY);
	assert_non_null(cli.command);
	assert_false(cli.repair);
	assert_int_equal(PARSE("verify", "--repair", "--data-dir", "d", "--config=a.env"), ERR_OK);
	assert_int_equal(cli.action, CLI_VERIFY);
	assert_true(cli.repair);
	assert_string_equal(cli.flags.data_dir, "d");
	assert_string_equal(cli.flags.config_path, "a.env");
	assert_int_equal(PARSE("verify", "--repair", "--help"), ERR_OK);
	assert_int_equal(cli.action, CLI_HELP);
	buf_clear(&why);
	cli_help_command(cli.command, &why);
	assert_non_null(strstr(why.ptr, "Usage: tsuzukid verify [--config FILE] [--data-dir DIR]"));
	assert_non_null(strstr(why.ptr, "--repair"));
	assert_null(strstr(why.ptr, "--port"));
	buf_free(&why);
}

static void test_arguments(void **state)
{
	(void)state;
	struct cli cli;
	struct buf why = buf_make(4096);
	assert_int_equal(PARSE("user", "add", "anna", "--admin", "a@b.cc", "--data-dir", "d"), ERR_OK);
	assert_int_equal(cli.action, CLI_USER_ADD);
	assert_int_equal(cli.arg_count, 2);
	assert_string_equal(cli.args[0], "anna");
	assert_string_equal(cli.args[1], "a@b.cc");
	assert_true(cli.admin);
	assert_string_equal(cli.flags.data_dir, "d");
	assert_int_equal(PARSE("user", "delete", "--yes", "--", "--anna"), ERR_OK);
	assert_true(cli.yes);
	assert_string_equal(cli.args[0], "--anna");
	assert_int_equal(PARSE("user", "list", "--json"), ERR_OK);
	assert_true(cli.json);
	assert_int_equal(cli.arg_count, 0);
	assert_int_equal(PARSE("user", "--help"), ERR_OK);
	assert_int_equal(cli.action, CLI_HELP);
	assert_int_equal(PARSE("user", "add", "-h"), ERR_OK);
	buf_clear(&why);
	cli_help_command(cli.command, &why);
	assert_non_null(strstr(why.ptr, "Usage: tsuzukid user add NAME EMAIL [--config FILE]"));
	assert_non_null(strstr(why.ptr, "Exit status: "));
	buf_free(&why);
}

static void test_help(void **state)
{
	(void)state;
	static const char *const words[] = {
#define OPTION_GROUP(title) title,
#define OPTION(name, kind, field, fallback, least, most, secrecy, help) "  " #name,
#include "daemon/options.def"
		"--config FILE", "--data-dir DIR", "--port N", "--bind ADDR", "--check-config", "--version",
		"-h, --help", "tsuzukid verify", "(default 5000)", "\n\nExit status: "};
	struct buf out = buf_make(16384);
	cli_help(&out);
	assert_true(buf_ok(&out));
	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (!strstr(out.ptr, words[i]))
			fail_msg("without \"%s\"", words[i]);
	/* Examples first. */
	assert_true(strstr(out.ptr, "Examples:") < strstr(out.ptr, "Usage:"));
	assert_true(strstr(out.ptr, "Usage:") < strstr(out.ptr, "Settings"));
	buf_free(&out);
}

static void test_version(void **state)
{
	(void)state;
	struct buf out = buf_make(100);
	cli_version(&out);
	assert_string_equal(out.ptr, "tsuzukid " TSUZUKI_VERSION "\n");
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_version),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
