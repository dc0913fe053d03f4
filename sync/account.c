#include "sync/account.h"

#include <string.h>

#include "sync/profile.h"
#include "sync/tx.h"

enum { ACCOUNT_ARENA = 64 * 1024 };

enum err account_fold_email(struct arena *a, struct str email, struct str *out)
{
	struct str copy;
	if (!arena_str(a, str_trim(email), &copy))
		return ERR_NOMEM;
	char *bytes = arena_alloc(a, copy.len + 1);
	if (!bytes)
		return ERR_NOMEM;
	for (size_t i = 0; i < copy.len; i++) {
		char c = copy.ptr[i];
		bytes[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
	}
	*out = (struct str){bytes, copy.len};
	return ERR_OK;
}

/* --- register --- */

static enum err insert_account(struct tx *tx, uint64_t user)
{
	struct account a = {.user = user};
	unsigned char epoch[4];
	tx->env.random(tx->env.context, a.id_key, ID_KEY_SIZE);
	tx->env.random(tx->env.context, epoch, sizeof epoch);
	str_to_hex(epoch, sizeof epoch, a.epoch);
	memcpy(a.boot, tx->boot, BOOT_SIZE);
	int64_t received = stamp_clock_now(&a.clock, &tx->wall, tx->now, false);
	a.epoch_began = received - 1;
	return account_insert(tx->s, &a);
}

static enum err check_free(struct tx *tx, const struct profile *p, enum account_outcome *outcome)
{
	uint64_t user = 0;
	enum err err = login_find(tx->s, LOGIN_EMAIL, p->email, &user);
	if (err != ERR_NOT_FOUND) {
		*outcome = ACCOUNT_EMAIL_TAKEN;
		return err;
	}
	err = login_find(tx->s, LOGIN_NAME, p->username, &user);
	*outcome = err == ERR_NOT_FOUND ? ACCOUNT_OK : ACCOUNT_NAME_TAKEN;
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

enum err account_create(struct tx *tx, struct profile *p, enum account_outcome *outcome)
{
	enum err err = check_free(tx, p, outcome);
	if (err || *outcome != ACCOUNT_OK)
		return err;
	int64_t now = tx->now.wall_ms;
	p->avatar = STR("");
	p->audio = STR("sub");
	p->server = STR("hd-1");
	p->created = now;
	p->updated = now;
	user_oid(p->user, now, p->oid);
	err = profile_insert(tx->s, p);
	if (!err)
		err = insert_account(tx, p->user);
	if (!err)
		err = login_put(tx->s, LOGIN_EMAIL, p->email, p->user);
	return err ? err : login_put(tx->s, LOGIN_NAME, p->username, p->user);
}

static enum err anybody_there(struct tx *tx, bool *any)
{
	struct query q = stmt_query(tx->s, STMT_ACCOUNT_ANY);
	*any = query_row(&q);
	return query_end(&q);
}

static enum err register_run(struct tx *tx, struct job *job)
{
	struct account_register *r = (struct account_register *)job;
	bool any = false;
	enum err err = r->first_only ? anybody_there(tx, &any) : ERR_OK;
	r->outcome = any ? ACCOUNT_CLOSED : ACCOUNT_OK;
	if (err || any)
		return err;
	r->profile = (struct profile){.user = job->user,
		.username = r->username,
		.email = r->email,
		.password = r->password_hash,
		.role = STR("user")};
	err = account_create(tx, &r->profile, &r->outcome);
	return err || r->outcome != ACCOUNT_OK ? err : session_start(tx, job->user, &r->session);
}

struct account_register *account_register_make(uint64_t user)
{
	struct account_register *r = job_make(sizeof *r, register_run, ACCOUNT_ARENA);
	if (r)
		r->job.user = user;
	return r;
}

/* --- profile, settings, preferences --- */

static enum err rename_login(struct tx *tx, struct account_update *u)
{
	struct profile *p = &u->profile;
	uint64_t user = 0;
	enum err err = login_find(tx->s, LOGIN_NAME, u->username, &user);
	if (!err && user != p->user) {
		u->outcome = ACCOUNT_NAME_TAKEN;
		return ERR_OK;
	}
	if (err && err != ERR_NOT_FOUND)
		return err;
	err = login_delete(tx->s, LOGIN_NAME, p->username, p->user);
	if (!err)
		err = login_put(tx->s, LOGIN_NAME, u->username, p->user);
	p->username = u->username;
	return err;
}

static enum err update_run(struct tx *tx, struct job *job)
{
	struct account_update *u = (struct account_update *)job;
	struct profile *p = &u->profile;
	enum err err = profile_load(tx->s, job->user, &job->arena, p);
	u->outcome = err == ERR_NOT_FOUND ? ACCOUNT_MISSING : ACCOUNT_OK;
	if (err)
		return err == ERR_NOT_FOUND ? ERR_OK : err;
	if (u->username.ptr)
		err = rename_login(tx, u);
	if (err || u->outcome != ACCOUNT_OK)
		return err;
	if (u->avatar.ptr)
		p->avatar = u->avatar;
	if (u->audio.ptr)
		p->audio = u->audio;
	if (u->server.ptr)
		p->server = u->server;
	p->ignored = (p->ignored & ~u->ignored_mask) | (u->ignored & u->ignored_mask);
	p->updated = tx->now.wall_ms;
	return profile_save(tx->s, p);
}

struct account_update *account_update_make(uint64_t user)
{
	struct account_update *u = job_make(sizeof *u, update_run, ACCOUNT_ARENA);
	if (u)
		u->job.user = user;
	return u;
}

/* --- password --- */

static enum err password_run(struct tx *tx, struct job *job)
{
	struct account_password *p = (struct account_password *)job;
	struct profile profile;
	enum err err = profile_load(tx->s, job->user, &job->arena, &profile);
	p->outcome = ACCOUNT_MISSING;
	if (err)
		return err == ERR_NOT_FOUND ? ERR_OK : err;
	if (p->expected_hash.len && !str_eq(p->expected_hash, profile.password))
		return ERR_OK;
	p->outcome = ACCOUNT_OK;
	err = profile_password(tx->s, job->user, p->password_hash, tx->now.wall_ms);
	return err ? err : session_end_others(tx, job->user, p->keep);
}

struct account_password *account_password_make(uint64_t user)
{
	struct account_password *p = job_make(sizeof *p, password_run, ACCOUNT_ARENA);
	if (p)
		p->job.user = user;
	return p;
}

/* --- deletion --- */

enum err account_erase(struct tx *tx, const struct profile *p)
{
	enum err err = login_delete(tx->s, LOGIN_EMAIL, p->email, p->user);
	if (!err)
		err = login_delete(tx->s, LOGIN_NAME, p->username, p->user);
	if (!err)
		err = profile_delete(tx->s, p->user);
	if (err)
		return err;
	struct query q = stmt_query(tx->s, STMT_ACCOUNT_PURGE);
	query_int(&q, PURGE_ACCOUNT_BIT);
	query_int(&q, (int64_t)p->user);
	return query_run(&q);
}

static enum err delete_run(struct tx *tx, struct job *job)
{
	struct account_delete *d = (struct account_delete *)job;
	struct profile profile;
	enum err err = profile_load(tx->s, job->user, &job->arena, &profile);
	d->outcome = err == ERR_NOT_FOUND ? ACCOUNT_MISSING : ACCOUNT_OK;
	if (err)
		return err == ERR_NOT_FOUND ? ERR_OK : err;
	return account_erase(tx, &profile);
}

struct account_delete *account_delete_make(uint64_t user)
{
	struct account_delete *d = job_make(sizeof *d, delete_run, ACCOUNT_ARENA);
	if (d)
		d->job.user = user;
	return d;
}
