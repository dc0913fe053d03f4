#include "sync/account.h"
#include "sync/profile.h"
#include "sync/tx.h"

enum { OWED_ARENA = 16 * 1024 };
static const int64_t HOUR_MS = 3600000;

struct owed {
	int64_t due;
	int64_t attempts;
	int64_t asked;
	int64_t window;
};

static enum err owed_load(struct tx *tx, uint64_t user, struct owed *out)
{
	*out = (struct owed){0};
	struct query q = stmt_query(tx->s, STMT_MAIL_GET);
	query_int(&q, (int64_t)user);
	if (query_row(&q))
		*out = (struct owed){query_get_int(&q, 0), query_get_int(&q, 1), query_get_int(&q, 2),
			query_get_int(&q, 3)};
	return query_end(&q);
}

static enum err owed_save(struct tx *tx, uint64_t user, const struct owed *o)
{
	struct query q = stmt_query(tx->s, STMT_MAIL_PUT);
	query_int(&q, (int64_t)user);
	query_int(&q, o->due);
	query_int(&q, o->attempts);
	query_int(&q, o->asked);
	query_int(&q, o->window);
	return query_run(&q);
}

static enum err owe_run(struct tx *tx, struct job *job)
{
	struct mail_owe *m = (struct mail_owe *)job;
	struct owed o;
	int64_t now = tx->now.wall_ms;
	m->owed = false;
	struct query q = stmt_query(tx->s, STMT_MAIL_FORGET);
	query_int(&q, now - HOUR_MS);
	enum err err = query_run(&q);
	if (!err)
		err = owed_load(tx, job->user, &o);
	if (err)
		return err;
	if (now - o.window >= HOUR_MS || now < o.window)
		o = (struct owed){.due = o.due, .attempts = o.attempts, .window = now};
	o.asked++;
	if (o.asked <= m->per_hour) {
		m->owed = true;
		o.due = now > 0 ? now : 1;
		o.attempts = 0;
	}
	q = stmt_query(tx->s, STMT_MAIL_COUNT);
	int64_t rows = query_row(&q) ? query_get_int(&q, 0) : 0;
	err = query_end(&q);
	if (err)
		return err;
	if (rows >= m->most && o.asked == 1) {
		m->owed = false;
		return ERR_OK;
	}
	return owed_save(tx, job->user, &o);
}

struct mail_owe *mail_owe_make(uint64_t user)
{
	struct mail_owe *m = job_make(sizeof *m, owe_run, OWED_ARENA);
	if (m)
		m->job.user = user;
	return m;
}

static enum err prepare_run(struct tx *tx, struct job *job)
{
	struct mail_prepare *m = (struct mail_prepare *)job;
	struct profile p;
	enum err err = profile_load(tx->s, job->user, &job->arena, &p);
	if (err == ERR_NOT_FOUND) {
		/* The row stays, with nothing owed: it counts requests as a known address's does. */
		struct owed o;
		m->outcome = ACCOUNT_MISSING;
		err = owed_load(tx, job->user, &o);
		o.due = 0;
		return err ? err : owed_save(tx, job->user, &o);
	}
	if (err)
		return err;
	m->outcome = ACCOUNT_OK;
	m->email = p.email;
	m->username = p.username;
	return profile_reset(tx->s, job->user, m->reset_hash, m->reset_expires);
}

struct mail_prepare *mail_prepare_make(uint64_t user)
{
	struct mail_prepare *m = job_make(sizeof *m, prepare_run, OWED_ARENA);
	if (m)
		m->job.user = user;
	return m;
}

static enum err settle_run(struct tx *tx, struct job *job)
{
	struct mail_settle *m = (struct mail_settle *)job;
	struct owed o;
	enum err err = owed_load(tx, job->user, &o);
	if (err)
		return err;
	o.due = m->retry_at;
	o.attempts = m->retry_at ? o.attempts + 1 : 0;
	err = owed_save(tx, job->user, &o);
	if (err || m->sent)
		return err;
	return profile_reset(tx->s, job->user, NULL, 0);
}

struct mail_settle *mail_settle_make(uint64_t user)
{
	struct mail_settle *m = job_make(sizeof *m, settle_run, OWED_ARENA);
	if (m)
		m->job.user = user;
	return m;
}
