/* /api/auth/forgot-password and /api/auth/reset-password. */
#include <string.h>

#include "daemon/answer.h"
#include "daemon/api.h"
#include "daemon/app.h"
#include "daemon/auth.h"
#include "daemon/fields.h"
#include "daemon/mail.h"
#include "daemon/password.h"
#include "sync/query.h"

/* --- forgot password --- */

static void forgot_stored(struct job *job)
{
	struct request *r = job->context;
	if (answer_failed(r, job))
		return;
	job_free(job);
	mailer_wake(r->app->mailer);
	reply_message(r, "Password reset email sent successfully");
}

/* Stands in for the user of an unknown address: the same work is done for both. */
static uint64_t decoy_user(struct request *r, struct str email)
{
	unsigned char hash[16];
	uint64_t user = 0;
	token_cache_key(&r->app->keys, email, hash);
	memcpy(&user, hash, sizeof user);
	return user >> (64 - USER_BITS) | 1;
}

void api_forgot_password(struct request *r)
{
	struct faults faults = {.count = 0};
	struct str email;
	uint64_t user = 0;
	if (!field_email(r, &faults, &email)) {
		reply_faults(r, &faults);
		return;
	}
	enum err err = query_email(r->app->reader, email, &user);
	if (err == ERR_NOT_FOUND)
		user = decoy_user(r, email);
	else if (err) {
		reply_err(r, err);
		return;
	}
	struct mail_owe *m = mail_owe_make(user);
	if (!m) {
		reply_err(r, ERR_NOMEM);
		return;
	}
	m->per_hour = LIMIT_MAILS_PER_HOUR;
	m->most = LIMIT_OWED_MAIL;
	(void)answer_submit(r, &m->job, forgot_stored);
}

/* --- reset password (authenticated) --- */

struct resetting {
	struct task task;
	struct request *r;
	struct str current;
	struct str wanted;
	struct profile profile;
	char hash[PASSWORD_HASH_SIZE];
	enum err err;
};

static void reset_verify(struct task *task)
{
	struct resetting *p = (struct resetting *)task;
	bool rehash = false;
	p->err = password_verify(p->profile.password, p->current, &rehash);
	if (!p->err)
		p->err = password_hash(p->wanted, p->hash);
}

static void reset_stored(struct job *job)
{
	struct request *r = job->context;
	if (answer_failed(r, job))
		return;
	auth_forget(r->app, job->user);
	if (((struct account_password *)job)->outcome == ACCOUNT_OK)
		reply_message(r, "Password updated successfully");
	else /* it was changed by somebody else meanwhile */
		reply_error(r, 400, "Current password is incorrect", NULL);
	job_free(job);
}

static void reset_verified(struct task *task)
{
	struct resetting *p = (struct resetting *)task;
	struct request *r = p->r;
	if (p->err == ERR_DENIED) {
		/* 400, not 401: the live clients log out on any 401 (live-clients.md D8). */
		reply_error(r, 400, "Current password is incorrect", NULL);
		return;
	}
	struct account_password *a = p->err ? NULL : account_password_make(r->who.user);
	if (!a) {
		reply_err(r, p->err ? p->err : ERR_NOMEM);
		return;
	}
	a->password_hash = str_from(p->hash);
	a->expected_hash = p->profile.password;
	a->keep = r->who.session;
	(void)answer_submit(r, &a->job, reset_stored);
}

void api_reset_password(struct request *r)
{
	struct faults faults = {.count = 0};
	struct resetting *p = arena_alloc(&r->arena, sizeof *p);
	if (!p) {
		reply_err(r, ERR_NOMEM);
		return;
	}
	(void)field_old_password(r, "currentPassword", "Current password is required", &faults, &p->current);
	(void)field_new_password(
		r, "newPassword", "New password must be at least 6 characters long", &faults, &p->wanted);
	if (faults.count) {
		reply_faults(r, &faults);
		return;
	}
	enum err err = query_profile(r->app->reader, r->who.user, &r->arena, &p->profile);
	if (err) {
		if (err == ERR_NOT_FOUND)
			reply_error(r, 401, "User not found", NULL);
		else
			reply_err(r, err);
		return;
	}
	p->r = r;
	p->task.run = reset_verify;
	p->task.done = reset_verified;
	if (!workers_submit(r->app->workers, LANE_HASH, &p->task))
		reply_err(r, ERR_BUSY);
}
