/*
 * tsuzukid: argv, settings, then app_run(). The tour of what follows: app.c (what there is, in order of
 * starting), http.c (bytes to requests), router.c (requests to handlers), api_*.c (handlers), writer.c (jobs
 * to commits); below them sync/apply.c (gather, decide, scatter).
 */
#include <signal.h>
#include <sodium.h>
#include <stdio.h>

#include "daemon/app.h"
#include "daemon/backup.h"
#include "daemon/cli.h"
#include "daemon/doctor.h"
#include "daemon/user.h"
#include "daemon/verify.h"

enum {
	MAIN_EXIT_OK = 0,
	MAIN_EXIT_FAILED = 1,
	MAIN_EXIT_NOINPUT = 66,
	MAIN_EXIT_CONFIG = 78,
	TEXT_MAX = 16384
};

extern char **environ;

static int say(FILE *where, const struct buf *text)
{
	if (!buf_ok(text) || fwrite(text->ptr, 1, text->len, where) != text->len || fflush(where) != 0)
		return MAIN_EXIT_FAILED;
	return MAIN_EXIT_OK;
}

static int complain(struct buf *why, int code)
{
	buf_char(why, '\n');
	(void)say(stderr, why);
	return code;
}

static int run_command(const struct config *config, const struct cli *cli)
{
	switch (cli->action) {
	case CLI_VERIFY:
		return verify_command(config, cli->repair);
	case CLI_USER_ADD:
		return user_add(config, cli);
	case CLI_USER_LIST:
		return user_list(config, cli);
	case CLI_USER_PASSWD:
		return user_passwd(config, cli);
	case CLI_USER_ROLE:
		return user_role(config, cli);
	case CLI_USER_DELETE:
		return user_delete(config, cli);
	case CLI_BACKUP:
		return backup_command(config, cli);
	case CLI_RESTORE:
		return restore_command(config, cli);
	case CLI_DOCTOR:
		return doctor_command(config, cli);
	case CLI_CHECK:
	case CLI_RUN:
	case CLI_VERSION:
	case CLI_HELP:
	case CLI_GROUP:
		break;
	}
	return MAIN_EXIT_OK;
}

static int serve(const struct cli *cli, struct buf *why)
{
	static struct app app; /* zeroed; one process runs one */
	enum err err = config_load(&cli->flags, environ, &app.config, why);
	if (err == ERR_NOMEM)
		buf_text(why, "out of memory");
	if (err)
		return complain(why, err == ERR_NOT_FOUND ? MAIN_EXIT_NOINPUT : MAIN_EXIT_CONFIG);
	int code = MAIN_EXIT_OK;
	if (cli->action == CLI_RUN) {
		app.flags = &cli->flags;
		log_setup(app.config.log_level, app.config.log_json);
		code = app_run(&app);
	} else {
		code = run_command(&app.config, cli);
	}
	config_free(&app.config);
	return code;
}

int main(int argc, char **argv)
{
	struct cli cli;
	struct buf text = buf_make(TEXT_MAX);
	int code = MAIN_EXIT_FAILED;
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || sodium_init() < 0) {
		(void)fputs("tsuzukid: the process cannot be set up\n", stderr);
		return MAIN_EXIT_FAILED;
	}
	if (cli_parse(argc, argv, &cli, &text)) {
		code = complain(&text, CLI_EXIT_USAGE);
	} else if (cli.action == CLI_HELP) {
		if (cli.command)
			cli_help_command(cli.command, &text);
		else
			cli_help(&text);
		code = say(stdout, &text);
	} else if (cli.action == CLI_VERSION) {
		cli_version(&text);
		code = say(stdout, &text);
	} else {
		code = serve(&cli, &text);
	}
	buf_free(&text);
	return code;
}
