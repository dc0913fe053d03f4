#include "daemon/user.h"

#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

#include "daemon/admin_run.h"
#include "daemon/ask.h"
#include "daemon/fields.h"
#include "daemon/password.h"
#include "sync/base/time.h"

/* Runs a request and forgets it. NULL: memory was short. */
static int run(const struct config *config, json_t *request)
{
	int code = ADMIN_IO;
	if (!request)
		code = admin_complain(ADMIN_IO, "Memory is short, or that is not UTF-8.");
	else if (admin_as_owner(config))
		code = admin_run(config, request, LIMIT_CONTROL_WAIT_MS, admin_local_change, NULL);
	json_decref(request);
	return code;
}

/* Asks for a password and hashes it: from here on there is only the hash. Returns an exit code. */
static int ask_hash(char hash[PASSWORD_HASH_SIZE])
{
	struct buf password = buf_make(LIMIT_PASSWORD + 2);
	const char *why = NULL;
	int code = ADMIN_OK;
	if (!ask_password(&password, &why))
		code = admin_complain(ADMIN_USAGE, why);
	else if (password_hash(buf_str(&password), hash))
		code = admin_complain(ADMIN_IO, "Memory is short.");
	if (password.ptr)
		sodium_memzero(password.ptr, password.room);
	buf_free(&password);
	return code;
}

int user_add(const struct config *config, const struct cli *cli)
{
	char hash[PASSWORD_HASH_SIZE] = "";
	/* Before a password is asked for in vain. */
	if (!username_valid(str_from(cli->args[0])))
		return admin_complain(
			ADMIN_USAGE, "A user name has 3 to 30 letters, digits and underscores.");
	if (!email_valid(str_trim(str_from(cli->args[1]))))
		return admin_complain(ADMIN_USAGE, "That is no e-mail address.");
	int code = ask_hash(hash);
	if (code)
		return code;
	return run(
		config, json_pack("{s:s, s:s, s:s, s:s, s:s}", "command", "user add", "name", cli->args[0],
				"email", cli->args[1], "role", cli->admin ? "admin" : "user", "hash", hash));
}

int user_passwd(const struct config *config, const struct cli *cli)
{
	char hash[PASSWORD_HASH_SIZE] = "";
	int code = ask_hash(hash);
	if (code)
		return code;
	return run(config,
		json_pack("{s:s, s:s, s:s}", "command", "user passwd", "name", cli->args[0], "hash", hash));
}

int user_role(const struct config *config, const struct cli *cli)
{
	return run(config, json_pack("{s:s, s:s, s:s}", "command", "user role", "name", cli->args[0], "role",
				   cli->args[1]));
}

int user_delete(const struct config *config, const struct cli *cli)
{
	if (!cli->yes && !ask_possible())
		return admin_complain(ADMIN_USAGE,
			"Deleting cannot be undone: say --yes, or run this on a terminal to be asked.");
	if (!cli->yes) {
		(void)fprintf(
			stderr, "This deletes the account %s, its lists and its history.\n", cli->args[0]);
		if (!ask_yes("Delete it?"))
			return admin_complain(ADMIN_USAGE, "Nothing was deleted.");
	}
	return run(config, json_pack("{s:s, s:s}", "command", "user delete", "name", cli->args[0]));
}

/* --- list
 * -------------------------------------------------------------------------------------------------- */

struct listing {
	bool json;
	int64_t count;
	struct buf line;
};

static void list_json(struct buf *b, const struct manage_user *u)
{
	buf_text(b, "{\"username\":");
	buf_json(b, u->username);
	buf_text(b, ",\"email\":");
	buf_json(b, u->email);
	buf_text(b, ",\"role\":");
	buf_json(b, u->role);
	buf_text(b, ",\"createdAt\":");
	buf_json_time(b, u->created);
	buf_text(b, ",\"lastSeen\":");
	if (u->last_seen)
		buf_json_time(b, u->last_seen);
	else
		buf_text(b, "null");
	buf_char(b, '}');
}

/* The day and the minute. */
static void list_time(struct buf *b, int64_t ms)
{
	char text[TIME_TEXT_SIZE];
	time_to_text(ms, text);
	buf_fmt(b, "  %.10s %.5s", text, text + 11);
}

static void on_user(void *context, const struct manage_user *u)
{
	struct listing *l = context;
	buf_clear(&l->line);
	if (l->json) {
		buf_text(&l->line, l->count ? ",\n" : "[");
		list_json(&l->line, u);
	} else {
		if (l->count == 0)
			buf_fmt(&l->line, "%-30s  %-6s  %-16s  %-16s  %s\n", "NAME", "ROLE", "CREATED (UTC)",
				"LAST SEEN", "E-MAIL");
		buf_fmt(&l->line, "%-30.*s  %-6.*s", STR_ARG(u->username), STR_ARG(u->role));
		list_time(&l->line, u->created);
		if (u->last_seen)
			list_time(&l->line, u->last_seen);
		else
			buf_fmt(&l->line, "  %-16s", "never");
		buf_fmt(&l->line, "  %.*s\n", STR_ARG(u->email));
	}
	l->count++;
	(void)fwrite(l->line.ptr, 1, buf_ok(&l->line) ? l->line.len : 0, stdout);
}

/* Reads beside a running daemon; nothing is written. */
int user_list(const struct config *config, const struct cli *cli)
{
	struct reader *reader = NULL;
	struct listing listing = {.json = cli->json, .line = buf_make(4096)};
	if (!admin_as_owner(config))
		return ADMIN_IO;
	enum err err = reader_open(config->data_dir, &reader);
	if (!err)
		err = manage_list(reader, on_user, &listing);
	reader_close(reader);
	buf_free(&listing.line);
	if (err) {
		(void)fprintf(stderr,
			"%s/tsuzuki.db cannot be read (%s). Name the data folder with --data-dir or "
			"DATA_DIR.\n",
			config->data_dir, err_name(err));
		return ADMIN_IO;
	}
	if (cli->json)
		(void)printf("%s]\n", listing.count ? "" : "[");
	else if (listing.count == 0)
		(void)printf("There is no account yet; see tsuzukid user add --help.\n");
	return fflush(stdout) == 0 && !ferror(stdout) ? ADMIN_OK : ADMIN_IO;
}
