/* Logging in and out, and the account's devices. */
#include <sodium.h>
#include <string.h>

#include "clients/c/access.h"
#include "clients/c/turn.h"
#include "sync/query.h"
#include "sync/replica.h"

enum { LOGIN_MS = 10000, LOGIN_BODY = 64 * 1024 };

/* What the store knows of an upstream. */
struct known {
	bool linked;
	char server[SERVER_TEXT_SIZE];
	char id_key[TOKENS_ID_KEY];
};

static enum tsz_code look(struct tsz *t, struct known *out)
{
	struct replica_state state;
	unsigned char id_key[ID_KEY_SIZE];
	struct turn turn;
	*out = (struct known){.linked = false};
	enum tsz_code code = turn_begin(t, &turn);
	if (code)
		return code;
	enum err err = query_id_key(turn.reader, t->user, id_key);
	if (!err) {
		str_to_hex(id_key, sizeof id_key, out->id_key);
		err = replica_state(turn.reader, t->user, &state);
		out->linked = !err;
		if (!err)
			memcpy(out->server, state.server, sizeof out->server);
		if (err == ERR_NOT_FOUND)
			err = ERR_OK;
	}
	turn_end(&turn);
	return tsz_fail_err(t, err, "read whose data it is");
}

/* --- log in --- */

static enum tsz_code set_server(struct tsz *t, const struct tsz_login *login)
{
	if (!login->url && !t->tokens.url[0])
		return tsz_fail(t, TSZ_INVALID, "Say which server: `tsuzuki login https://host`.");
	if (login->url && !remote_url(login->url, t->tokens.url, sizeof t->tokens.url))
		return tsz_fail(t, TSZ_INVALID, "%s is no address of a server, such as https://host:5000.",
			login->url);
	if (login->url || login->ca_file)
		(void)tokens_set(t->tokens.ca_file, sizeof t->tokens.ca_file, "");
	if (login->ca_file && !tokens_set(t->tokens.ca_file, sizeof t->tokens.ca_file, login->ca_file))
		return tsz_fail(t, TSZ_INVALID, "The name of the certificates' file is too long.");
	if (!login->email || !login->password || !str_utf8(str_from(login->email)) ||
		!str_utf8(str_from(login->password)))
		return tsz_fail(t, TSZ_INVALID, "Say the account's e-mail address and its password.");
	return TSZ_OK;
}

static enum tsz_code refused(struct tsz *t, const struct remote_reply *reply)
{
	if (reply->status == 401)
		return tsz_fail(
			t, TSZ_DENIED, "%s does not know this address with this password.", t->tokens.url);
	const json_t *first = json_array_get(json_object_get(reply->json, "errors"), 0);
	const char *rule = json_string_value(json_object_get(first, "msg"));
	return tsz_fail(t, reply->status == 422 ? TSZ_INVALID : TSZ_FAILED, "%s: %s.", t->tokens.url,
		rule ? rule : remote_message(reply));
}

static enum tsz_code ask_session(struct tsz *t, const struct tsz_login *login, int64_t deadline)
{
	struct buf body = buf_make(LOGIN_BODY);
	struct remote_reply reply = {.status = 0};
	/* At once, so that no copy of the password is left behind by growing. */
	buf_reserve(&body, LOGIN_BODY / 2);
	buf_text(&body, "{\"email\":");
	buf_json(&body, str_from(login->email));
	buf_text(&body, ",\"password\":");
	buf_json(&body, str_from(login->password));
	buf_text(&body, ",\"deviceName\":");
	buf_json(&body, str_from(t->device_name));
	buf_fmt(&body, ",\"deviceId\":\"%s\"}", t->tokens.device);
	struct remote_call call = {
		.method = "POST", .path = "/api/auth/login", .body = buf_str(&body), .deadline = deadline};
	enum tsz_code code = buf_ok(&body) ? remote_call(t, &call, &reply) : tsz_fail_err(t, ERR_NOMEM, NULL);
	if (!code && reply.status != 200)
		code = refused(t, &reply);
	else if (!code && !access_take(&t->tokens, remote_data(&reply)))
		code = tsz_fail(t, TSZ_FAILED,
			"%s gives no tokens that can be used. Is it a tsuzuki server of today?",
			t->tokens.url);
	const json_t *data = remote_data(&reply);
	if (!code && !(tokens_set(t->tokens.user_id, sizeof t->tokens.user_id,
			       json_string_value(json_object_get(data, "_id"))) &&
			     tokens_set(t->tokens.email, sizeof t->tokens.email,
				     json_string_value(json_object_get(data, "email")))))
		code = tsz_fail(t, TSZ_FAILED, "%s does not say who it let in.", t->tokens.url);
	remote_free(&reply);
	if (body.ptr)
		sodium_memzero(body.ptr, body.room);
	buf_free(&body);
	return code;
}

/* The session that was just begun is not used. */
static void give_up_session(struct tsz *t, int64_t deadline)
{
	struct remote_reply reply;
	struct remote_call call = {
		.method = "POST", .path = "/api/auth/logout", .token = t->tokens.token, .deadline = deadline};
	(void)remote_call(t, &call, &reply);
	remote_free(&reply);
}

/* The identity of the server that let us in, "" when it does not say. */
static enum tsz_code ask_identity(struct tsz *t, int64_t deadline, char out[SERVER_TEXT_SIZE])
{
	struct remote_reply reply;
	struct remote_call call = {.method = "POST",
		.path = "/api/sync",
		.token = t->tokens.token,
		.body = STR("{\"ops\":[]}"),
		.deadline = deadline};
	enum tsz_code code = remote_call(t, &call, &reply);
	if (!tokens_set(
		    out, SERVER_TEXT_SIZE, json_string_value(json_object_get(remote_data(&reply), "server"))))
		out[0] = '\0';
	remote_free(&reply);
	return code;
}

/* Another account than the one that this folder's data is of: only on another server, where it moves to. */
static enum tsz_code move_to(
	struct tsz *t, const struct known *known, const struct tokens *before, int64_t deadline)
{
	char server[SERVER_TEXT_SIZE];
	enum tsz_code code = ask_identity(t, deadline, server);
	if (code)
		return code;
	if (strcmp(server, known->server) == 0) {
		give_up_session(t, deadline);
		return tsz_fail(t, TSZ_CONFLICT,
			"%s holds what %s watches, and %s is another account of the same server. Name "
			"another "
			"folder with --data-dir.",
			t->dir, before->email[0] ? before->email : "another account", t->tokens.email);
	}
	return access_new_device(t, STEP_LINK, deadline);
}

static enum tsz_code settle_owner(
	struct tsz *t, const struct known *known, const struct tokens *before, int64_t deadline)
{
	bool same = strcmp(known->id_key, t->tokens.id_key) == 0 ||
		    (before->user_id[0] && strcmp(before->user_id, t->tokens.user_id) == 0);
	if (!known->linked) {
		t->tokens.step = STEP_LINK;
	} else if (!same) {
		return move_to(t, known, before, deadline);
	} else if (!before->id_key[0] || strcmp(before->device, t->tokens.device) != 0) {
		/* session.json was lost, and with it which device the numbers of waiting ops are of. */
		t->tokens.step = STEP_RENUMBER;
	} else if (t->tokens.step == STEP_NONE) {
		char id_key[TOKENS_ID_KEY];
		memcpy(id_key, t->tokens.id_key, sizeof id_key);
		memcpy(t->tokens.id_key, known->id_key, sizeof id_key);
		enum tsz_code code = access_rekey(t, id_key);
		memcpy(t->tokens.id_key, id_key, sizeof id_key);
		return code;
	}
	return TSZ_OK;
}

static enum tsz_code log_in(struct tsz *t, const struct tsz_login *login)
{
	int64_t deadline = tsz_now().mono_ms + (login->timeout_ms ? login->timeout_ms : LOGIN_MS);
	struct tokens before = t->tokens;
	struct known known;
	enum tsz_code code = look(t, &known);
	if (!code)
		code = set_server(t, login);
	if (!code)
		code = ask_session(t, login, deadline);
	if (!code)
		code = settle_owner(t, &known, &before, deadline);
	if (!code) {
		t->tokens.last_try = 0;
		code = access_save(t);
	}
	if (code)
		t->tokens = before;
	return code;
}

enum tsz_code tsz_login(struct tsz *t, const struct tsz_login *login)
{
	int lock = -1;
	enum tsz_code code = talk_begin(t, t->wait_ms, &lock);
	if (!code)
		code = log_in(t, login);
	talk_end(lock);
	return code;
}

int tsz_logged_in(const struct tsz *t)
{
	return t->tokens.token[0] != '\0';
}

/* --- log out --- */

enum tsz_code tsz_logout(struct tsz *t, unsigned timeout_ms)
{
	struct remote_reply reply = {.status = 0};
	int lock = -1;
	enum tsz_code told = TSZ_OK;
	enum tsz_code code = talk_begin(t, t->wait_ms, &lock);
	if (code)
		return code;
	char token[TOKENS_TOKEN];
	memcpy(token, t->tokens.token, sizeof token);
	t->tokens.token[0] = t->tokens.refresh[0] = '\0';
	/* Forgotten first: what the server says about it changes nothing here. */
	code = access_save(t);
	if (!code && token[0]) {
		struct remote_call call = {.method = "POST",
			.path = "/api/auth/logout",
			.token = token,
			.deadline = tsz_now().mono_ms + timeout_ms};
		told = remote_call(t, &call, &reply);
		remote_free(&reply);
	}
	sodium_memzero(token, sizeof token);
	talk_end(lock);
	return code ? code : told;
}

/* --- devices --- */

static enum tsz_code call_devices(
	struct tsz *t, const char *method, const char *path, unsigned timeout_ms, struct remote_reply *reply)
{
	int lock = -1;
	*reply = (struct remote_reply){.status = 0};
	struct remote_call call = {
		.method = method, .path = path, .deadline = tsz_now().mono_ms + timeout_ms};
	enum tsz_code code = talk_begin(t, t->wait_ms, &lock);
	if (!code)
		code = access_call(t, &call, reply);
	talk_end(lock);
	if (!code && reply->status == 404)
		code = tsz_fail(t, TSZ_NOT_FOUND, "%s knows no such device.", t->tokens.url);
	else if (!code && reply->status != 200)
		code = tsz_fail(
			t, TSZ_FAILED, "%s: %s (%ld).", t->tokens.url, remote_message(reply), reply->status);
	return code;
}

enum tsz_code tsz_devices(struct tsz *t, unsigned timeout_ms, char **json)
{
	struct remote_reply reply;
	enum tsz_code code = call_devices(t, "GET", "/api/devices", timeout_ms, &reply);
	if (!code) {
		*json = json_dumps(remote_data(&reply), JSON_COMPACT | JSON_ENCODE_ANY);
		if (!*json)
			code = tsz_fail_err(t, ERR_NOMEM, NULL);
	}
	remote_free(&reply);
	return code;
}

enum tsz_code tsz_revoke(struct tsz *t, const char *device, unsigned timeout_ms)
{
	unsigned char bytes[DEVICE_SIZE];
	struct buf path = buf_make(64);
	struct remote_reply reply;
	if (!str_hex(str_from(device), bytes, sizeof bytes))
		return tsz_fail(t, TSZ_INVALID, "A device's id is 16 hexadecimal digits.");
	buf_fmt(&path, "/api/devices/%s", device);
	enum tsz_code code = buf_ok(&path) ? call_devices(t, "DELETE", path.ptr, timeout_ms, &reply)
					   : tsz_fail_err(t, ERR_NOMEM, NULL);
	if (buf_ok(&path))
		remote_free(&reply);
	buf_free(&path);
	return code;
}
