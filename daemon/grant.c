#include "daemon/grant.h"

#include <sodium.h>
#include <string.h>

#include "daemon/answer.h"
#include "daemon/app.h"
#include "daemon/fields.h"
#include "sync/query.h"

void grant_device(struct request *r, struct faults *faults, struct device_id *device, struct str *name)
{
	struct str id = {NULL, 0};
	*name = STR("");
	(void)field_text(r->json, "deviceName", LIMIT_DEVICE_NAME,
		"Device name must be a text of at most 100 characters", faults, name);
	randombytes_buf(device->bytes, DEVICE_SIZE);
	if (field_text(r->json, "deviceId", (size_t)2 * DEVICE_SIZE,
		    "Device ID must be 16 hexadecimal digits", faults, &id) == FIELD_GOOD &&
		!str_hex(id, device->bytes, DEVICE_SIZE))
		fault_add(faults, "deviceId", "Device ID must be 16 hexadecimal digits");
}

struct session_begin grant_begin(struct request *r, struct device_id device, struct str name)
{
	int64_t now = loop_now().wall_ms;
	struct session_begin b = {.device = device,
		.device_name = name,
		.now_ms = now,
		.expires_ms = now + r->app->config.refresh_expire_ms,
		.most_devices = LIMIT_DEVICES,
		.most_sessions = LIMIT_SESSIONS_PER_DEVICE};
	/* All zero means "no session" elsewhere; chance would need 2^64 tries. */
	randombytes_buf(b.session.bytes, SESSION_SIZE);
	return b;
}

static enum err write_tokens(struct request *r, struct buf *b, uint64_t user, const char *oid,
	const struct session_begin *session, uint32_t generation)
{
	struct access_claims access = {.user = user,
		.session = session->session,
		.device = session->device,
		.issued_s = session->now_ms / 1000,
		.expires_s = (session->now_ms + r->app->config.jwt_expire_ms) / 1000};
	struct refresh_claims refresh = {.user = user,
		.session = session->session,
		.device = session->device,
		.generation = generation,
		.expires_s = session->expires_ms / 1000};
	memcpy(access.oid, oid, sizeof access.oid);
	buf_text(b, "\"token\":\"");
	enum err err = token_access_make(&r->app->keys, &access, b);
	buf_text(b, "\",\"refreshToken\":\"");
	if (!err)
		err = token_refresh_make(&r->app->keys, &refresh, b);
	buf_char(b, '"');
	return err;
}

void grant_reply(struct request *r, int status, uint64_t user, const struct profile *profile,
	const struct session_begin *session, uint32_t generation)
{
	unsigned char id_key[ID_KEY_SIZE];
	char id_key_text[2 * ID_KEY_SIZE + 1];
	char device[2 * DEVICE_SIZE + 1];
	struct profile loaded;
	struct buf b = answer_begin();
	enum err err = query_id_key(r->app->reader, user, id_key);
	if (!err && !profile)
		err = query_profile(r->app->reader, user, &r->arena, &loaded);
	buf_char(&b, '{');
	if (!err && profile) {
		answer_user_fields(&b, profile);
		buf_char(&b, ',');
	}
	if (!err)
		err = write_tokens(r, &b, user, profile ? profile->oid : loaded.oid, session, generation);
	if (err) {
		buf_free(&b);
		if (err == ERR_NOT_FOUND)
			reply_error(r, 401, "User not found", NULL);
		else
			reply_err(r, err);
		return;
	}
	str_to_hex(session->device.bytes, DEVICE_SIZE, device);
	str_to_hex(id_key, ID_KEY_SIZE, id_key_text);
	buf_fmt(&b, ",\"deviceId\":\"%s\",\"idKey\":\"%s\"}", device, id_key_text);
	answer_end(r, status, &b);
}
