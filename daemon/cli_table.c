#include "daemon/cli_table.h"

#include "sync/base/check.h"

const struct cli_flag cli_flags[FLAG_COUNT] = {
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
	[FLAG_ADMIN] = {"--admin", NULL, NULL, "the new user is an admin"},
	[FLAG_JSON] = {"--json", NULL, NULL, "print JSON, for programs"},
	[FLAG_YES] = {"--yes", NULL, NULL, "do not ask first"},
	[FLAG_LATEST] = {"--latest", NULL, NULL, "restore the newest backup in DIR/backups/"},
	[FLAG_END_SESSIONS] = {"--end-sessions", NULL, NULL, "end every session: everybody logs in anew"},
};

/* What every command takes. */
enum { COMMON = 1 << FLAG_CONFIG | 1 << FLAG_DATA_DIR | 1 << FLAG_HELP };

#define WHERE "It is done by the running daemon, or by the command itself when none runs."

const struct cli_command cli_commands[] = {
	{"user", CLI_GROUP, 1 << FLAG_HELP, 0, 0, NULL, "manage accounts: add, list, passwd, role, delete",
		"Say what to do: tsuzukid user add, user list, user passwd, user role or user delete; each "
		"has a --help of its own."},
	{"user add", CLI_USER_ADD, COMMON | 1 << FLAG_ADMIN, 2, 2, "NAME EMAIL", "make an account",
		"The password is typed twice on a terminal, else it is the first line of standard input; it "
		"is never an argument. " WHERE},
	{"user list", CLI_USER_LIST, COMMON | 1 << FLAG_JSON, 0, 0, NULL, "list the accounts",
		"One line each, ordered by name. It only reads, and may run beside the daemon."},
	{"user passwd", CLI_USER_PASSWD, COMMON, 1, 1, "NAME", "give an account a new password",
		"NAME is a user name or an e-mail address. The password is typed twice on a terminal, else "
		"it "
		"is the first line of standard input. Every session of the account ends. " WHERE},
	{"user role", CLI_USER_ROLE, COMMON, 2, 2, "NAME user|admin", "make somebody an admin, or not",
		"NAME is a user name or an e-mail address. It counts from the next request on. " WHERE},
	{"user delete", CLI_USER_DELETE, COMMON | 1 << FLAG_YES, 1, 1, "NAME",
		"delete an account and its data",
		"NAME is a user name or an e-mail address. Lists and history go with it, which cannot be "
		"undone but by restoring a backup. " WHERE},
	{"backup", CLI_BACKUP, COMMON, 0, 1, "[FILE]", "make a backup now, and verify it",
		"Makes DATA_DIR/backups/tsuzuki-TIME.db and prints its name; with FILE, copies it there too. "
		"Of those in the folder the newest BACKUP_KEEP are kept. It holds neither the secret nor "
		"owed "
		"mail. " WHERE},
	{"restore", CLI_RESTORE, COMMON | 1 << FLAG_LATEST | 1 << FLAG_END_SESSIONS, 0, 1, "[FILE]",
		"put a backup in the database's place",
		"Not while a daemon runs. The backup is verified first; what it replaces is kept in "
		"DATA_DIR/backups/replaced-TIME.db. Sessions that were ended since live again unless "
		"--end-sessions is given. Once the daemon is started, devices give back what they hold and "
		"the "
		"backup lacks."},
	{"doctor", CLI_DOCTOR, COMMON | 1 << FLAG_JSON, 0, 0, NULL, "see what is wrong, and how to fix it",
		"Looks at settings, data folder, secret, database, space, backups, the daemon, port, "
		"certificate, mail relay, clock and descriptors: one line each, ok, warn or fail, with the "
		"command that fixes it. It changes nothing and may run beside the daemon."},
	{"verify", CLI_VERIFY, COMMON | 1 << FLAG_REPAIR, 0, 0, NULL,
		"see whether the database agrees with itself",
		"Reads the whole database and prints one line for everything that does not agree: damage in "
		"the "
		"file, journal rows whose checksum fails, values that are not what the journal says, counts. "
		"It "
		"changes nothing and may run beside the daemon. Exits 0 when all agrees, 74 when not."},
};
const size_t cli_command_count = COUNT_OF(cli_commands);

const struct cli_example cli_examples[] = {
	{"tsuzukid --data-dir ./data", "serve on http://localhost:5000"},
	{"tsuzukid --config ./.env --check-config", "see whether the settings are good"},
	{"tsuzukid --bind unix:/run/tsuzuki.sock", "serve on a unix socket, behind a proxy"},
	{"tsuzukid user add anna anna@example.org", "make an account"},
	{"tsuzukid backup /mnt/usb/tsuzuki.db", "make a backup, and a copy of it"},
	{"tsuzukid verify --data-dir ./data", "see whether the database agrees with itself"},
};
const size_t cli_example_count = COUNT_OF(cli_examples);
