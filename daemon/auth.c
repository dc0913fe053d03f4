#include "daemon/auth.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/app.h"
#include "daemon/auth_cache.h"
#include "daemon/live.h"
#include "daemon/log.h"
#include "sync/query.h"

/* A job that nobody waits for. */
static void seen_done(struct job *job)
{
	if (job->err)
		log_warn("noting that a device was seen failed: %s", err_name(job->err));
	job_free(job);
}

static void note_seen(struct app *app, const struct principal *who, int64_t now_ms)
{
	struct session_seen *s = session_seen_make(who->user);
	if (!s)
		return;
	s->session = who->session;
	s->device = who->device;
	s->now_ms = now_ms;
	s->expires_ms = who->expires_ms;
	s->job.done = seen_done;
	if (!writer_submit(app->writer, &s->job))
		job_free(&s->job);
}

/* Whose session the store says it is (design.md section 5, Tokens). */
static enum err check_session(struct app *app, uint64_t user, const char *oid, struct session_id session,
	struct device_id device, bool *admin)
{
	struct query_identity identity;
	enum err err = query_identity(app->reader, user, session, &identity);
	if (err)
		return err;
	if (strcmp(identity.oid, oid) != 0)
		return ERR_NOT_FOUND;
	if (identity.session_known && (identity.session.ended || !device_eq(identity.session.device, device)))
		return ERR_DENIED;
	*admin = identity.admin;
	return ERR_OK;
}

/* What the store says of verified claims. */
static enum err check_store(struct app *app, const struct access_claims *claims, struct principal *out)
{
	bool admin = false;
	enum err err = check_session(app, claims->user, claims->oid, claims->session, claims->device, &admin);
	if (err)
		return err;
	*out = (struct principal){.user = claims->user,
		.session = claims->session,
		.device = claims->device,
		.admin = admin,
		.expires_ms = claims->expires_s * 1000};
	memcpy(out->oid, claims->oid, sizeof out->oid);
	return ERR_OK;
}

enum err auth_check(struct app *app, struct str authorization, struct principal *out)
{
	unsigned char key[AUTH_KEY_SIZE];
	struct access_claims claims;
	struct str scheme = STR("Bearer ");
	if (!str_starts(authorization, scheme) || authorization.len > LIMIT_TOKEN)
		return ERR_DENIED;
	struct str token = {authorization.ptr + scheme.len, authorization.len - scheme.len};
	int64_t now_ms = loop_now().wall_ms;

	token_cache_key(&app->keys, token, key);
	struct auth_entry *entry = auth_cache_find(app->auth, key);
	if (entry) {
		if (entry->who.expires_ms <= now_ms)
			return ERR_EXPIRED;
	} else {
		enum err err = token_access_check(&app->keys, token, now_ms / 1000, &claims);
		if (!err)
			err = check_store(app, &claims, out);
		if (err)
			return err;
		entry = auth_cache_put(app->auth, key, out);
	}
	if (entry) {
		*out = entry->who;
		if (now_ms - entry->seen_ms < LIMIT_DEVICE_SEEN_MS && now_ms >= entry->seen_ms)
			return ERR_OK;
		entry->seen_ms = now_ms;
	}
	note_seen(app, out, now_ms);
	return ERR_OK;
}

enum err auth_still(struct app *app, const struct principal *who)
{
	bool admin = false;
	return check_session(app, who->user, who->oid, who->session, who->device, &admin);
}

void auth_forget(struct app *app, uint64_t user)
{
	auth_cache_forget(app->auth, user);
	live_recheck(app->live, user);
}
