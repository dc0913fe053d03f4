/* /api/users, /api/devices, /api/notification: the account itself. */
#include "daemon/answer.h"
#include "daemon/api.h"
#include "daemon/app.h"
#include "daemon/auth.h"
#include "daemon/fields.h"
#include "sync/query.h"

enum { URL_MAX = 2048 };

static void updated(struct job *job)
{
	struct request *r = job->context;
	struct account_update *u = (struct account_update *)job;
	if (answer_failed(r, job))
		return;
	switch (u->outcome) {
	case ACCOUNT_OK:
		answer_user(r, &u->profile);
		break;
	case ACCOUNT_NAME_TAKEN:
		reply_error(r, 409, "Username already taken", NULL);
		break;
	default:
		reply_error(r, 401, "User not found", NULL);
	}
	job_free(job);
}

/* The job, or NULL after the faults (or a 500) were answered. */
static struct account_update *update_begin(struct request *r, const struct faults *faults)
{
	if (faults->count) {
		reply_faults(r, faults);
		return NULL;
	}
	struct account_update *u = account_update_make(r->who.user);
	if (!u)
		reply_err(r, ERR_NOMEM);
	return u;
}

static bool is_url(struct str s)
{
	struct str http = STR("http://");
	struct str https = STR("https://");
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] <= 0x20 || s.ptr[i] == 0x7f)
			return false;
	return (str_starts(s, http) && s.len > http.len) || (str_starts(s, https) && s.len > https.len);
}

void api_profile(struct request *r)
{
	struct faults faults = {.count = 0};
	struct str username = {NULL, 0};
	struct str avatar = {NULL, 0};
	const char *bad_avatar = "Avatar must be an http or https URL of at most 2048 characters";
	bool named = field_username(r, false, &faults, &username);
	enum field_state pictured = field_text(r->json, "avatar", URL_MAX, bad_avatar, &faults, &avatar);
	if (pictured == FIELD_GOOD && avatar.len && !is_url(avatar))
		fault_add(&faults, "avatar", bad_avatar);
	struct account_update *u = update_begin(r, &faults);
	if (!u)
		return;
	if (named)
		u->username = username;
	if (pictured == FIELD_GOOD)
		u->avatar = avatar;
	(void)answer_submit(r, &u->job, updated);
}

void api_settings(struct request *r)
{
	struct faults faults = {.count = 0};
	unsigned mask = 0;
	unsigned ignored = 0;
	for (int i = 0; i < STATUS_COUNT; i++) {
		bool value = false;
		if (field_bool(r->json, status_names[i], "Must be true or false", &faults, &value) !=
			FIELD_GOOD)
			continue;
		mask |= 1u << i;
		ignored |= value ? 1u << i : 0;
	}
	struct account_update *u = update_begin(r, &faults);
	if (!u)
		return;
	u->ignored_mask = mask;
	u->ignored = ignored;
	(void)answer_submit(r, &u->job, updated);
}

void api_preferences(struct request *r)
{
	struct profile p;
	enum err err = query_profile(r->app->reader, r->who.user, &r->arena, &p);
	if (err) {
		if (err == ERR_NOT_FOUND)
			reply_error(r, 401, "User not found", NULL);
		else
			reply_err(r, err);
		return;
	}
	struct buf b = answer_begin();
	buf_text(&b, "{\"audio\":");
	buf_json(&b, p.audio);
	buf_text(&b, ",\"server\":");
	buf_json(&b, p.server);
	buf_char(&b, '}');
	answer_end(r, 200, &b);
}

/* One of two words, or a fault. */
static bool choice(struct request *r, const char *name, const char *one, const char *other, const char *msg,
	struct faults *faults, struct str *out)
{
	struct str text = {NULL, 0};
	if (field_text(r->json, name, 16, msg, faults, &text) != FIELD_GOOD)
		return false;
	if (!str_eq(text, str_from(one)) && !str_eq(text, str_from(other))) {
		fault_add(faults, name, msg);
		return false;
	}
	*out = text;
	return true;
}

void api_preferences_update(struct request *r)
{
	struct faults faults = {.count = 0};
	struct str audio = {NULL, 0};
	struct str server = {NULL, 0};
	(void)choice(
		r, "audio", "sub", "dub", "Audio preference must be either 'sub' or 'dub'", &faults, &audio);
	(void)choice(r, "server", "hd-1", "hd-2", "Server preference must be either 'hd-1' or 'hd-2'",
		&faults, &server);
	struct account_update *u = update_begin(r, &faults);
	if (!u)
		return;
	u->audio = audio;
	u->server = server;
	(void)answer_submit(r, &u->job, updated);
}

static void account_deleted(struct job *job)
{
	struct request *r = job->context;
	if (answer_failed(r, job))
		return;
	auth_forget(r->app, job->user);
	job_free(job);
	reply_message(r, "Account deleted successfully");
}

void api_account_delete(struct request *r)
{
	struct account_delete *d = account_delete_make(r->who.user);
	if (!d) {
		reply_err(r, ERR_NOMEM);
		return;
	}
	(void)answer_submit(r, &d->job, account_deleted);
}

/* --- devices --- */

void api_devices(struct request *r)
{
	struct buf b = answer_begin();
	enum err err = query_devices(r->app->reader, r->who.user, r->who.device, &b);
	if (err) {
		buf_free(&b);
		reply_err(r, err);
		return;
	}
	answer_end(r, 200, &b);
}

static void device_revoked(struct job *job)
{
	struct request *r = job->context;
	if (answer_failed(r, job))
		return;
	auth_forget(r->app, job->user);
	if (((struct session_end *)job)->outcome == SESSION_MISSING)
		reply_error(r, 404, "Device not found", NULL);
	else
		reply_message(r, "Device revoked successfully");
	job_free(job);
}

void api_device_revoke(struct request *r)
{
	struct device_id device;
	if (!str_hex(r->param[0], device.bytes, DEVICE_SIZE)) {
		reply_error(r, 404, "Device not found", NULL);
		return;
	}
	struct session_end *e = session_end_make(r->who.user);
	if (!e) {
		reply_err(r, ERR_NOMEM);
		return;
	}
	e->by_device = true;
	e->device = device;
	(void)answer_submit(r, &e->job, device_revoked);
}

/* --- notifications: the live clients ask for them; none is made yet, so the list is empty and stays so ---
 */

void api_notifications(struct request *r)
{
	struct buf b = answer_begin();
	buf_text(&b, "[]");
	answer_end(r, 200, &b);
}

void api_notifications_clear(struct request *r)
{
	reply_message(r, "All notifications cleared");
}

void api_notification_read(struct request *r)
{
	reply_error(r, 404, "Notification not found", NULL);
}
