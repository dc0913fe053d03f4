#include "sync/session.h"

#include <string.h>

#include "sync/profile.h"
#include "sync/tx.h"

enum { SESSION_ARENA = 16 * 1024 };

static enum err device_put(
	struct tx *tx, uint64_t user, struct device_id device, struct str name, int64_t now_ms)
{
	struct query q = stmt_query(tx->s, STMT_DEVICE_PUT);
	query_int(&q, (int64_t)user);
	query_device(&q, device);
	query_text(&q, name);
	query_int(&q, now_ms);
	return query_run(&q);
}

static enum err session_put(struct tx *tx, uint64_t user, const struct session_begin *b, uint32_t generation)
{
	struct query q = stmt_query(tx->s, STMT_SESSION_PUT);
	query_int(&q, (int64_t)user);
	query_session(&q, b->session);
	query_device(&q, b->device);
	query_int(&q, generation);
	query_int(&q, b->now_ms);
	query_int(&q, b->expires_ms);
	return query_run(&q);
}

static enum err end_by(struct tx *tx, enum stmt_id id, uint64_t user, const unsigned char *bytes, size_t len)
{
	struct query q = stmt_query(tx->s, id);
	query_int(&q, (int64_t)user);
	query_blob(&q, bytes, len);
	return query_run(&q);
}

/* At most so many devices: the longest unused goes, one without a session first; its sessions end with it. */
static enum err bound_devices(struct tx *tx, uint64_t user, const struct session_begin *b)
{
	struct device_id victim;
	struct query q = stmt_query(tx->s, STMT_DEVICE_COUNT);
	query_int(&q, (int64_t)user);
	int64_t count = query_row(&q) ? query_get_int(&q, 0) : 0;
	enum err err = query_end(&q);
	for (; count > b->most_devices && !err; count--) {
		q = stmt_query(tx->s, STMT_DEVICE_VICTIM);
		query_int(&q, (int64_t)user);
		query_device(&q, b->device);
		query_int(&q, b->now_ms);
		bool found = query_row(&q);
		if (found)
			query_get_bytes(&q, 0, victim.bytes, DEVICE_SIZE);
		err = query_end(&q);
		if (err || !found)
			break;
		err = end_by(tx, STMT_SESSION_END_DEVICE, user, victim.bytes, DEVICE_SIZE);
		if (!err)
			err = end_by(tx, STMT_DEVICE_DELETE, user, victim.bytes, DEVICE_SIZE);
	}
	return err;
}

enum err session_start(struct tx *tx, uint64_t user, const struct session_begin *b)
{
	enum err err = device_put(tx, user, b->device, b->device_name, b->now_ms);
	struct query q = stmt_query(tx->s, STMT_SESSION_DELETE_EXPIRED);
	query_int(&q, (int64_t)user);
	query_int(&q, b->now_ms);
	enum err expired = query_run(&q);
	if (!err)
		err = expired;
	if (!err)
		err = session_put(tx, user, b, 1);
	if (err)
		return err;
	q = stmt_query(tx->s, STMT_SESSION_VICTIMS);
	query_int(&q, (int64_t)user);
	query_device(&q, b->device);
	query_int(&q, b->most_sessions);
	query_session(&q, b->session);
	err = query_run(&q);
	return err ? err : bound_devices(tx, user, b);
}

enum err session_end_others(struct tx *tx, uint64_t user, struct session_id keep)
{
	return end_by(tx, STMT_SESSION_END_OTHERS, user, keep.bytes, SESSION_SIZE);
}

static enum err session_load(struct tx *tx, uint64_t user, struct session_id session, struct session_row *out)
{
	struct query q = stmt_query(tx->s, STMT_SESSION_GET);
	query_int(&q, (int64_t)user);
	query_session(&q, session);
	bool found = query_row(&q);
	if (found) {
		out->session = session;
		query_get_bytes(&q, 0, out->device.bytes, DEVICE_SIZE);
		out->generation = (uint32_t)query_get_int(&q, 1);
		out->last_used = query_get_int(&q, 2);
		out->expires = query_get_int(&q, 3);
		out->ended = query_get_int(&q, 4) != 0;
	}
	enum err err = query_end(&q);
	return err ? err : found ? ERR_OK : ERR_NOT_FOUND;
}

static enum err user_known(struct tx *tx, struct job *job, struct profile *profile)
{
	return profile_load(tx->s, job->user, &job->arena, profile);
}

/* --- log-in --- */

static enum err login_run(struct tx *tx, struct job *job)
{
	struct session_login *l = (struct session_login *)job;
	struct profile p;
	enum err err = user_known(tx, job, &p);
	l->outcome = err == ERR_NOT_FOUND ? SESSION_NO_USER : SESSION_OK;
	if (err)
		return err == ERR_NOT_FOUND ? ERR_OK : err;
	if (l->used_reset) {
		/* The mailed password works once; whoever comes second finds it used. */
		if (!p.has_reset || memcmp(p.reset_hash, l->reset_hash, RESET_HASH_BYTES) != 0) {
			l->outcome = SESSION_ENDED;
			return ERR_OK;
		}
		err = profile_password(tx->s, job->user, l->password_hash, tx->now.wall_ms);
		if (!err)
			err = session_end_others(tx, job->user, l->begin.session);
	} else if (l->expected_hash.len && !str_eq(l->expected_hash, p.password)) {
		l->outcome = SESSION_ENDED;
		return ERR_OK;
	} else if (l->password_hash.len) {
		err = profile_rehash(tx->s, job->user, l->password_hash);
	}
	return err ? err : session_start(tx, job->user, &l->begin);
}

struct session_login *session_login_make(uint64_t user)
{
	struct session_login *l = job_make(sizeof *l, login_run, SESSION_ARENA);
	if (l)
		l->job.user = user;
	return l;
}

/* --- refresh --- */

static enum err use_session(
	struct tx *tx, uint64_t user, const struct session_refresh *r, uint32_t generation)
{
	struct query q = stmt_query(tx->s, STMT_SESSION_USE);
	query_int(&q, generation);
	query_int(&q, r->begin.now_ms);
	query_int(&q, r->begin.expires_ms);
	query_int(&q, (int64_t)user);
	query_session(&q, r->session);
	enum err err = query_run(&q);
	return err ? err : device_put(tx, user, r->device, STR(""), r->begin.now_ms);
}

/* A good token of a session that the store does not know: the store went back in time (design.md section 5).
 */
static enum err remake_session(struct tx *tx, uint64_t user, const struct session_refresh *r)
{
	struct session_begin again = r->begin;
	again.session = r->session;
	again.device = r->device;
	again.device_name = STR("");
	enum err err = session_put(tx, user, &again, r->generation);
	return err ? err : device_put(tx, user, r->device, STR(""), again.now_ms);
}

static enum err refresh_run(struct tx *tx, struct job *job)
{
	struct session_refresh *r = (struct session_refresh *)job;
	struct profile p;
	struct session_row row = {.generation = 0};
	enum err err = user_known(tx, job, &p);
	r->outcome = SESSION_NO_USER;
	if (err)
		return err == ERR_NOT_FOUND ? ERR_OK : err;
	err = session_load(tx, job->user, r->session, &row);
	if (err == ERR_NOT_FOUND) {
		err = remake_session(tx, job->user, r);
		row.generation = r->generation;
		row.device = r->device;
	}
	if (err)
		return err;
	r->outcome = row.ended || !device_eq(row.device, r->device) ? SESSION_ENDED : SESSION_OK;
	if (r->outcome != SESSION_OK)
		return ERR_OK;
	if (r->generation + 1 < row.generation) {
		r->outcome = SESSION_THEFT;
		return end_by(tx, STMT_SESSION_END, job->user, r->session.bytes, SESSION_SIZE);
	}
	if (r->new_device) {
		/* The presenting device is in use: its new twin must not push it out. */
		r->next_generation = 1;
		err = device_put(tx, job->user, r->device, STR(""), r->begin.now_ms);
		return err ? err : session_start(tx, job->user, &r->begin);
	}
	r->next_generation = r->generation + 1;
	return use_session(
		tx, job->user, r, r->next_generation > row.generation ? r->next_generation : row.generation);
}

struct session_refresh *session_refresh_make(uint64_t user)
{
	struct session_refresh *r = job_make(sizeof *r, refresh_run, SESSION_ARENA);
	if (r)
		r->job.user = user;
	return r;
}

/* --- end --- */

static enum err end_run(struct tx *tx, struct job *job)
{
	struct session_end *e = (struct session_end *)job;
	e->outcome = SESSION_OK;
	if (!e->by_device)
		return end_by(tx, STMT_SESSION_END, job->user, e->session.bytes, SESSION_SIZE);
	enum err err = end_by(tx, STMT_SESSION_END_DEVICE, job->user, e->device.bytes, DEVICE_SIZE);
	if (!err)
		err = end_by(tx, STMT_DEVICE_DELETE, job->user, e->device.bytes, DEVICE_SIZE);
	if (!err && sqlite3_changes(tx->s->db) == 0)
		e->outcome = SESSION_MISSING;
	return err;
}

struct session_end *session_end_make(uint64_t user)
{
	struct session_end *e = job_make(sizeof *e, end_run, SESSION_ARENA);
	if (e)
		e->job.user = user;
	return e;
}

/* --- seen --- */

static enum err seen_run(struct tx *tx, struct job *job)
{
	struct session_seen *s = (struct session_seen *)job;
	struct session_row row;
	struct profile p;
	enum err err = user_known(tx, job, &p);
	if (err)
		return err == ERR_NOT_FOUND ? ERR_OK : err;
	err = session_load(tx, job->user, s->session, &row);
	if (err == ERR_NOT_FOUND) {
		struct session_begin again = {.session = s->session,
			.device = s->device,
			.now_ms = s->now_ms,
			.expires_ms = s->expires_ms};
		err = session_put(tx, job->user, &again, 1);
		return err ? err : device_put(tx, job->user, s->device, STR(""), s->now_ms);
	}
	if (err || row.ended)
		return err;
	struct query q = stmt_query(tx->s, STMT_DEVICE_SEEN);
	query_int(&q, s->now_ms);
	query_int(&q, (int64_t)job->user);
	query_device(&q, s->device);
	return query_run(&q);
}

struct session_seen *session_seen_make(uint64_t user)
{
	struct session_seen *s = job_make(sizeof *s, seen_run, SESSION_ARENA);
	if (s)
		s->job.user = user;
	return s;
}
