/* /api/auth: registering, logging in, and what keeps a session going. */
#include <sodium.h>
#include <string.h>

#include "daemon/answer.h"
#include "daemon/api.h"
#include "daemon/app.h"
#include "daemon/auth.h"
#include "daemon/fields.h"
#include "daemon/grant.h"
#include "daemon/password.h"
#include "daemon/slowdown.h"
#include "sync/query.h"

#define INVALID_CREDENTIALS "Invalid credentials"
#define NOT_AUTHORIZED "Not authorized to access this route"

static uint64_t draw_user(void)
{
	uint64_t user = 0;
	while (user == 0) {
		randombytes_buf(&user, sizeof user);
		user >>= 64 - USER_BITS;
	}
	return user;
}

/* --- register --- */

struct registering {
	struct task task;
	struct request *r;
	struct str username;
	struct str email;
	struct str password;
	struct device_id device;
	struct str device_name;
	char hash[PASSWORD_HASH_SIZE];
	enum err err;
};

static void register_hash(struct task *task)
{
	struct registering *g = (struct registering *)task;
	g->err = password_hash(g->password, g->hash);
}

static void register_stored(struct job *job)
{
	struct request *r = job->context;
	struct account_register *a = (struct account_register *)job;
	if (answer_failed(r, job))
		return;
	switch (a->outcome) {
	case ACCOUNT_EMAIL_TAKEN:
		reply_error(r, 409, "Email already registered", NULL);
		break;
	case ACCOUNT_NAME_TAKEN:
		reply_error(r, 409, "Username already taken", NULL);
		break;
	case ACCOUNT_CLOSED:
	case ACCOUNT_MISSING:
		reply_error(r, 403, "Registration is closed. Ask the server's owner for an account.",
			"registration_closed");
		break;
	case ACCOUNT_OK:
		grant_reply(r, 201, job->user, &a->profile, &a->session, 1);
	}
	job_free(job);
}

static void register_hashed(struct task *task)
{
	struct registering *g = (struct registering *)task;
	struct request *r = g->r;
	struct account_register *a = g->err ? NULL : account_register_make(draw_user());
	if (!a) {
		reply_err(r, ERR_NOMEM);
		return;
	}
	a->username = g->username;
	a->email = g->email;
	a->password_hash = str_from(g->hash);
	a->first_only = r->app->config.registration == REGISTRATION_FIRST;
	a->session = grant_begin(r, g->device, g->device_name);
	(void)answer_submit(r, &a->job, register_stored);
}

void api_register(struct request *r)
{
	struct faults faults = {.count = 0};
	struct registering *g = arena_alloc(&r->arena, sizeof *g);
	if (!g) {
		reply_err(r, ERR_NOMEM);
		return;
	}
	if (r->app->config.registration == REGISTRATION_CLOSED) {
		reply_error(r, 403, "Registration is closed. Ask the server's owner for an account.",
			"registration_closed");
		return;
	}
	(void)field_username(r, true, &faults, &g->username);
	(void)field_email(r, &faults, &g->email);
	(void)field_new_password(
		r, "password", "Password must be at least 6 characters long", &faults, &g->password);
	grant_device(r, &faults, &g->device, &g->device_name);
	if (faults.count) {
		reply_faults(r, &faults);
		return;
	}
	g->r = r;
	g->task.run = register_hash;
	g->task.done = register_hashed;
	if (!workers_submit(r->app->workers, LANE_HASH, &g->task))
		reply_err(r, ERR_BUSY);
}

/* --- log in --- */

struct logging_in {
	struct task task;
	struct slowdown_wait wait;
	struct request *r;
	struct str email;
	struct str password;
	struct device_id device;
	struct str device_name;
	struct profile profile; /* user 0: unknown address */
	bool try_reset;
	bool used_reset;
	bool rehash;
	char new_hash[PASSWORD_HASH_SIZE];
	enum err err;
};

/* Worker: one slow hash in every case, so that the time tells nothing. */
static void login_verify(struct task *task)
{
	struct logging_in *l = (struct logging_in *)task;
	unsigned char hash[RESET_HASH_SIZE];
	if (l->try_reset) {
		password_reset_hash(l->profile.user, l->password, hash);
		l->used_reset = sodium_memcmp(hash, l->profile.reset_hash, sizeof hash) == 0;
	}
	if (l->used_reset) {
		l->err = password_hash(l->password, l->new_hash);
		return;
	}
	l->err = password_verify(l->profile.password, l->password, &l->rehash);
	if (!l->err && l->rehash)
		l->err = password_hash(l->password, l->new_hash);
}

static void login_stored(struct job *job)
{
	struct request *r = job->context;
	struct session_login *s = (struct session_login *)job;
	struct profile profile;
	if (answer_failed(r, job))
		return;
	if (s->outcome != SESSION_OK) {
		reply_error(r, 401, INVALID_CREDENTIALS, NULL);
	} else {
		enum err err = query_profile(r->app->reader, job->user, &r->arena, &profile);
		/* It may have taken another session's place, or ended them all. */
		auth_forget(r->app, job->user);
		if (err)
			reply_error(r, 401, INVALID_CREDENTIALS, NULL);
		else
			grant_reply(r, 200, job->user, &profile, &s->begin, 1);
	}
	job_free(job);
}

static void login_verified(struct task *task)
{
	struct logging_in *l = (struct logging_in *)task;
	struct request *r = l->r;
	if (l->err == ERR_DENIED || l->profile.user == 0) {
		slowdown_failed(r->app->slowdown, l->email);
		reply_error(r, 401, INVALID_CREDENTIALS, NULL);
		return;
	}
	struct session_login *s = l->err ? NULL : session_login_make(l->profile.user);
	if (!s) {
		reply_err(r, l->err ? l->err : ERR_NOMEM);
		return;
	}
	slowdown_succeeded(r->app->slowdown, l->email);
	s->begin = grant_begin(r, l->device, l->device_name);
	s->used_reset = l->used_reset;
	memcpy(s->reset_hash, l->profile.reset_hash, sizeof s->reset_hash);
	if (l->used_reset || l->rehash)
		s->password_hash = str_from(l->new_hash);
	if (!l->used_reset)
		s->expected_hash = l->profile.password;
	(void)answer_submit(r, &s->job, login_stored);
}

static void login_go(struct slowdown_wait *wait)
{
	struct logging_in *l = (struct logging_in *)((char *)wait - offsetof(struct logging_in, wait));
	struct request *r = l->r;
	uint64_t user = 0;
	enum err err = query_email(r->app->reader, l->email, &user);
	if (!err)
		err = query_profile(r->app->reader, user, &r->arena, &l->profile);
	if (err && err != ERR_NOT_FOUND) {
		reply_err(r, err);
		return;
	}
	if (err)
		memset(&l->profile, 0, sizeof l->profile);
	l->try_reset = l->profile.has_reset && l->profile.reset_expires > loop_now().wall_ms;
	l->task.run = login_verify;
	l->task.done = login_verified;
	if (!workers_submit(r->app->workers, LANE_HASH, &l->task))
		reply_err(r, ERR_BUSY);
}

void api_login(struct request *r)
{
	struct faults faults = {.count = 0};
	struct logging_in *l = arena_alloc(&r->arena, sizeof *l);
	if (!l) {
		reply_err(r, ERR_NOMEM);
		return;
	}
	(void)field_email(r, &faults, &l->email);
	(void)field_old_password(r, "password", "Password is required", &faults, &l->password);
	grant_device(r, &faults, &l->device, &l->device_name);
	if (faults.count) {
		reply_faults(r, &faults);
		return;
	}
	l->r = r;
	l->wait.run = login_go;
	if (!slowdown_enter(r->app->slowdown, l->email, &l->wait))
		reply_err(r, ERR_BUSY);
}

/* --- refresh --- */

static void refresh_stored(struct job *job)
{
	struct request *r = job->context;
	struct session_refresh *s = (struct session_refresh *)job;
	if (answer_failed(r, job))
		return;
	struct session_begin begin = s->begin;
	if (!s->new_device) {
		begin.session = s->session;
		begin.device = s->device;
	}
	uint64_t user = job->user;
	enum session_outcome outcome = s->outcome;
	uint32_t generation = s->next_generation;
	bool new_device = s->new_device;
	job_free(job);
	/* One was ended, or the new one took another's place. */
	if (outcome == SESSION_THEFT || (outcome == SESSION_OK && new_device))
		auth_forget(r->app, user);
	if (outcome == SESSION_NO_USER)
		reply_error(r, 401, "User not found", NULL);
	else if (outcome != SESSION_OK)
		reply_error(r, 401, NOT_AUTHORIZED, NULL);
	else
		grant_reply(r, 200, user, NULL, &begin, generation);
}

static void refresh_submit(struct request *r, const struct refresh_claims *claims, bool new_device)
{
	struct faults faults = {.count = 0};
	struct device_id device = claims->device;
	struct str name = STR("");
	if (new_device) {
		/* Always a device of its own: the caller found out that it shares one. */
		(void)field_text(r->json, "deviceName", LIMIT_DEVICE_NAME,
			"Device name must be a text of at most 100 characters", &faults, &name);
		randombytes_buf(device.bytes, DEVICE_SIZE);
	}
	if (faults.count) {
		reply_faults(r, &faults);
		return;
	}
	struct session_refresh *s = session_refresh_make(claims->user);
	if (!s) {
		reply_err(r, ERR_NOMEM);
		return;
	}
	s->session = claims->session;
	s->device = claims->device;
	s->generation = claims->generation;
	s->new_device = new_device;
	s->begin = grant_begin(r, device, name);
	(void)answer_submit(r, &s->job, refresh_stored);
}

void api_refresh(struct request *r)
{
	struct faults faults = {.count = 0};
	struct str token = {NULL, 0};
	struct refresh_claims claims;
	bool new_device = false;
	if (field_text(r->json, "refreshToken", LIMIT_TOKEN, "Refresh token must be a text", &faults,
		    &token) == FIELD_ABSENT)
		fault_add(&faults, "refreshToken", "Refresh token is required");
	(void)field_bool(r->json, "newDevice", "newDevice must be true or false", &faults, &new_device);
	if (faults.count) {
		reply_faults(r, &faults);
		return;
	}
	switch (token_refresh_check(&r->app->keys, token, loop_now().wall_ms / 1000, &claims)) {
	case ERR_OK:
		refresh_submit(r, &claims, new_device);
		break;
	case ERR_EXPIRED:
		reply_error(r, 401, "Token expired, please login again", "token_expired");
		break;
	default:
		reply_error(r, 401, NOT_AUTHORIZED, NULL);
	}
}

/* --- me, logout --- */

void api_me(struct request *r)
{
	struct profile profile;
	enum err err = query_profile(r->app->reader, r->who.user, &r->arena, &profile);
	if (err == ERR_NOT_FOUND)
		reply_error(r, 401, "User not found", NULL);
	else if (err)
		reply_err(r, err);
	else
		answer_user(r, &profile);
}

static void logout_stored(struct job *job)
{
	struct request *r = job->context;
	if (answer_failed(r, job))
		return;
	auth_forget(r->app, job->user);
	job_free(job);
	reply_message(r, "Logged out successfully");
}

void api_logout(struct request *r)
{
	struct session_end *e = session_end_make(r->who.user);
	if (!e) {
		reply_err(r, ERR_NOMEM);
		return;
	}
	e->session = r->who.session;
	(void)answer_submit(r, &e->job, logout_stored);
}
