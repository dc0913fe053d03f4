/* Commands about the server. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "clients/cli/password.h"
#include "clients/cli/run.h"

enum { EXPLICIT_MS = 60000, SHORT_MS = 2000, LOGIN_MS = 10000, TEXT_BYTES = 1024, LINE_BYTES = 4096 };

/* --- sync --- */

static int print_synced(struct run *r, const struct tsz_synced *done)
{
	if (r->out.json) {
		(void)printf("{\"pushed\":%u,\"rejected\":%u,\"pulled\":%u}\n", done->pushed, done->rejected,
			done->pulled);
		return out_flush() ? EXIT_GOOD : EXIT_IO;
	}
	(void)fprintf(stderr, "Given to the server: %u, taken from it: %u.\n", done->pushed - done->rejected,
		done->pulled);
	if (done->rejected)
		(void)fprintf(
			stderr, "It can never take %u of them: `tsuzuki status` says why.\n", done->rejected);
	return EXIT_GOOD;
}

int run_sync_now(struct run *r)
{
	struct tsz_synced done = {.pushed = 0};
	enum tsz_code code = tsz_sync(r->store, EXPLICIT_MS, &done);
	return code ? run_failed(r, code) : print_synced(r, &done);
}

/* --- status --- */

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : "";
}

static void say(const char *name, const char *text)
{
	struct buf clean = buf_make(LINE_BYTES);
	out_clean(str_from(text), &clean);
	(void)printf("%-11s%s\n", name, buf_ok(&clean) && clean.len ? clean.ptr : "-");
	buf_free(&clean);
}

static void print_rejected(const json_t *rejected)
{
	size_t i;
	json_t *op;
	json_array_foreach (rejected, i, op) {
		char text[TEXT_BYTES];
		const char *key = text_of(op, "key");
		(void)snprintf(text, sizeof text, "%s of %s: %s (%s)", key[0] ? key : "everything",
			text_of(op, "collection"), text_of(op, "message"), text_of(op, "code"));
		say("Refused:", text);
	}
}

static void print_status(const json_t *json)
{
	char text[TEXT_BYTES];
	bool in = json_is_true(json_object_get(json, "loggedIn"));
	(void)snprintf(text, sizeof text, "%s%s%s%s", text_of(json, "server"),
		text_of(json, "account")[0] ? " as " : "", text_of(json, "account"),
		in			     ? ""
		: text_of(json, "server")[0] ? " (logged out: `tsuzuki login` continues)"
					     : "none: `tsuzuki login URL` shares this store");
	say("Server:", text);
	(void)snprintf(text, sizeof text, "%s (%s)", text_of(json_object_get(json, "device"), "name"),
		text_of(json_object_get(json, "device"), "id"));
	say("Device:", text);
	(void)snprintf(
		text, sizeof text, "%lld", (long long)json_integer_value(json_object_get(json, "waiting")));
	say("Waiting:", text);
	say("Last sync:", text_of(json, "lastSync")[0] ? text_of(json, "lastSync") : "never");
	if (text_of(json, "lastTry")[0])
		say("Away:", text_of(json, "lastTry"));
	say("Folder:", text_of(json, "folder"));
	print_rejected(json_object_get(json, "rejected"));
}

int run_status(struct run *r)
{
	char *text = NULL;
	enum tsz_code code = tsz_status(r->store, &text);
	if (code)
		return run_failed(r, code);
	if (r->out.json)
		return run_print(r, text);
	json_t *json = run_json(text);
	if (!json)
		return EXIT_FAILED;
	print_status(json);
	json_decref(json);
	return out_flush() ? EXIT_GOOD : EXIT_IO;
}

/* --- log in and out --- */

/* The address of last time, when none is given. */
static void last_account(struct run *r, char *out, size_t size)
{
	char *text = NULL;
	out[0] = '\0';
	if (tsz_status(r->store, &text))
		return;
	json_t *json = run_json(text);
	(void)snprintf(out, size, "%s", text_of(json, "account"));
	json_decref(json);
}

static bool missing(const char *what)
{
	(void)fprintf(stderr, "tsuzuki: %s\n", what);
	return false;
}

static bool who(struct run *r, char email[TEXT_BYTES], char password[TEXT_BYTES])
{
	const struct args *a = r->args;
	bool may_ask = ask_can() && !a->given[OPT_NO_INPUT];
	if (a->values[OPT_EMAIL])
		(void)snprintf(email, TEXT_BYTES, "%s", a->values[OPT_EMAIL]);
	else
		last_account(r, email, TEXT_BYTES);
	if (!email[0] && !(may_ask && ask_line("E-mail: ", email, TEXT_BYTES)))
		return missing("Say whose account: --email ADDRESS.");
	if (ask_can() && a->given[OPT_NO_INPUT])
		return missing(
			"With --no-input the password comes from standard input, which is a terminal.");
	char prompt[TEXT_BYTES + 32];
	(void)snprintf(prompt, sizeof prompt, "Password of %s: ", email);
	return ask_password(prompt, password, TEXT_BYTES) ||
	       missing("The password is the first line of standard input, at most 1,000 bytes; there is "
		       "none.");
}

/* http:// to another machine: said, not refused; it may be a network of one's own. */
static void warn_plain(const char *url)
{
	if (url && strncmp(url, "http://", 7) == 0 && strncmp(url + 7, "localhost", 9) != 0 &&
		strncmp(url + 7, "127.", 4) != 0 && strncmp(url + 7, "[::1]", 5) != 0)
		(void)fputs("tsuzuki: http:// is not encrypted: whoever listens on the network can read the "
			    "password.\n",
			stderr);
}

int run_login(struct run *r)
{
	const struct args *a = r->args;
	char email[TEXT_BYTES];
	char password[TEXT_BYTES];
	struct tsz_synced synced = {.pushed = 0};
	const char *url = a->word_count ? a->words[0] : NULL;
	warn_plain(url);
	if (!who(r, email, password))
		return EXIT_USAGE;
	struct tsz_login login = {.url = url,
		.email = email,
		.password = password,
		.ca_file = a->values[OPT_CA],
		.timeout_ms = LOGIN_MS};
	enum tsz_code code = tsz_login(r->store, &login);
	sodium_memzero(password, sizeof password);
	if (code)
		return run_failed(r, code);
	code = tsz_sync(r->store, EXPLICIT_MS, &synced);
	if (!r->out.json)
		(void)fprintf(stderr, "Logged in as %s.\n", email);
	if (code)
		return run_failed(r, code);
	return print_synced(r, &synced);
}

int run_logout(struct run *r)
{
	enum tsz_code code = tsz_logout(r->store, SHORT_MS);
	if (code && code != TSZ_AWAY)
		return run_failed(r, code);
	if (code) {
		run_say("tsuzuki: ", tsz_error(r->store));
		(void)fputs("The session is forgotten here all the same.\n", stderr);
	}
	if (r->out.json)
		(void)puts("{\"loggedIn\":false}");
	else
		(void)fputs("Logged out. Everything stays here; `tsuzuki login` continues.\n", stderr);
	return out_flush() ? EXIT_GOOD : EXIT_IO;
}

/* --- devices --- */

static int print_devices(struct run *r, char *text)
{
	static const char *const heading[] = {"ID", "LAST SEEN", "", "NAME"};
	struct table t = table_make(4, 3);
	size_t i;
	json_t *device;
	json_t *json = run_json(text);
	if (!json)
		return EXIT_FAILED;
	for (size_t at = 0; at < 4; at++)
		table_text(&t, heading[at]);
	json_array_foreach (json, i, device) {
		table_text(&t, text_of(device, "id"));
		table_text(&t, text_of(device, "lastSeen"));
		table_text(&t, json_is_true(json_object_get(device, "current")) ? "this one" : "");
		table_text(&t, text_of(device, "name"));
	}
	json_decref(json);
	return table_print(&r->out, &t) ? EXIT_GOOD : EXIT_IO;
}

int run_devices(struct run *r)
{
	const char *revoke = r->args->values[OPT_REVOKE];
	char *text = NULL;
	enum tsz_code code = revoke ? tsz_revoke(r->store, revoke, LOGIN_MS) : TSZ_OK;
	if (!code && revoke && !r->out.json)
		(void)fputs("Its sessions are over.\n", stderr);
	if (!code)
		code = tsz_devices(r->store, LOGIN_MS, &text);
	if (code)
		return run_failed(r, code);
	return r->out.json ? run_print(r, text) : print_devices(r, text);
}
