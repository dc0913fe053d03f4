#include "clients/c/access.h"

#include <string.h>

#include "clients/c/turn.h"
#include "sync/replica.h"

enum { REFRESH_BYTES = 4 * TOKENS_TOKEN };

bool access_take(struct tokens *tokens, const json_t *data)
{
	struct tokens taken = *tokens;
	unsigned char bytes[ID_KEY_SIZE];
	bool good = tokens_set(taken.token, sizeof taken.token,
			    json_string_value(json_object_get(data, "token"))) &&
		    tokens_set(taken.refresh, sizeof taken.refresh,
			    json_string_value(json_object_get(data, "refreshToken"))) &&
		    tokens_set(taken.device, sizeof taken.device,
			    json_string_value(json_object_get(data, "deviceId"))) &&
		    tokens_set(taken.id_key, sizeof taken.id_key,
			    json_string_value(json_object_get(data, "idKey"))) &&
		    str_hex(str_from(taken.device), bytes, DEVICE_SIZE) &&
		    str_hex(str_from(taken.id_key), bytes, ID_KEY_SIZE) && taken.token[0] &&
		    taken.refresh[0] && !str_has_control(str_from(taken.token));
	if (good)
		*tokens = taken;
	return good;
}

enum tsz_code access_save(struct tsz *t)
{
	return tsz_fail_err(t, tokens_save(t->dir, &t->tokens), "keep session.json");
}

enum tsz_code access_rekey(struct tsz *t, const char *id_key)
{
	struct turn turn;
	if (strcmp(id_key, t->tokens.id_key) == 0)
		return TSZ_OK;
	struct replica_rekey *rekey = replica_rekey_make(t->user);
	if (!rekey)
		return tsz_fail_err(t, ERR_NOMEM, NULL);
	(void)str_hex(str_from(id_key), rekey->id_key, ID_KEY_SIZE);
	enum tsz_code code = turn_begin(t, &turn);
	if (!code) {
		code = turn_run(t, &turn, &rekey->job, "give the titles their new ids");
		turn_end(&turn);
	}
	job_free(&rekey->job);
	return code;
}

static enum tsz_code over(struct tsz *t)
{
	return tsz_fail(t, TSZ_DENIED,
		"The session at %s is over. Everything is kept here; `tsuzuki login` continues.",
		t->tokens.url);
}

/* POST /api/auth/refresh; *out gets the tokens as they are to be. */
static enum tsz_code ask_tokens(struct tsz *t, bool new_device, int64_t deadline, struct tokens *out)
{
	struct buf body = buf_make(REFRESH_BYTES);
	struct remote_reply reply;
	*out = t->tokens;
	buf_text(&body, "{\"refreshToken\":");
	buf_json(&body, str_from(t->tokens.refresh));
	if (new_device) {
		buf_text(&body, ",\"newDevice\":true,\"deviceName\":");
		buf_json(&body, str_from(t->device_name));
	}
	buf_char(&body, '}');
	if (!buf_ok(&body)) {
		buf_free(&body);
		return tsz_fail_err(t, ERR_NOMEM, NULL);
	}
	struct remote_call call = {
		.method = "POST", .path = "/api/auth/refresh", .body = buf_str(&body), .deadline = deadline};
	enum tsz_code code = remote_call(t, &call, &reply);
	if (!code && reply.status == 401)
		code = over(t);
	else if (!code && (reply.status != 200 || !access_take(out, remote_data(&reply))))
		code = tsz_fail(t, TSZ_FAILED, "%s renews no session (%ld: %s).", t->tokens.url, reply.status,
			remote_message(&reply));
	remote_free(&reply);
	buf_free(&body);
	return code;
}

static enum tsz_code renew(struct tsz *t, int64_t deadline)
{
	struct tokens fresh;
	enum tsz_code code = ask_tokens(t, false, deadline, &fresh);
	/* A store that is still to be linked or numbered anew gets its key with that. */
	if (!code && fresh.step == STEP_NONE)
		code = access_rekey(t, fresh.id_key);
	if (code)
		return code;
	t->tokens = fresh;
	return access_save(t);
}

enum tsz_code access_new_device(struct tsz *t, enum tokens_step step, int64_t deadline)
{
	struct tokens fresh;
	enum tsz_code code = ask_tokens(t, true, deadline, &fresh);
	if (code)
		return code;
	fresh.step = step;
	t->tokens = fresh;
	return access_save(t);
}

enum tsz_code access_call(struct tsz *t, struct remote_call *call, struct remote_reply *out)
{
	*out = (struct remote_reply){.status = 0};
	if (!t->tokens.url[0] || !t->tokens.token[0])
		return tsz_fail(t, TSZ_DENIED,
			"Not logged in: everything is kept here. `tsuzuki login URL` shares it with a "
			"server.");
	for (int tries = 0;; tries++) {
		call->token = t->tokens.token;
		enum tsz_code code = remote_call(t, call, out);
		if (code || out->status != 401)
			return code;
		remote_free(out);
		if (tries > 0)
			return over(t);
		code = renew(t, call->deadline);
		if (code)
			return code;
	}
}
