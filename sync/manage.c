#include "sync/manage.h"

#include <stdio.h>
#include <string.h>

#include "sync/profile.h"
#include "sync/reader.h"
#include "sync/tx.h"

enum { MANAGE_ARENA = 64 * 1024 };

static enum err find(struct tx *tx, struct manage *m, struct profile *p)
{
	bool address = str_find(m->name, '@') < m->name.len;
	uint64_t user = 0;
	enum err err = login_find(tx->s, address ? LOGIN_EMAIL : LOGIN_NAME, m->name, &user);
	if (!err)
		err = profile_load(tx->s, user, &m->job.arena, p);
	if (!err) {
		m->job.user = user;
		m->username = p->username;
	}
	return err;
}

static enum err change(struct tx *tx, struct manage *m, const struct profile *p)
{
	static const struct session_id none;
	enum err err = ERR_OK;
	switch (m->kind) {
	case MANAGE_PASSWORD:
		err = profile_password(tx->s, p->user, m->password_hash, tx->now.wall_ms);
		return err ? err : session_end_others(tx, p->user, none);
	case MANAGE_ROLE:
		return profile_role(tx->s, p->user, m->role, tx->now.wall_ms);
	case MANAGE_DELETE:
		return account_erase(tx, p);
	case MANAGE_ADD:
	case MANAGE_KINDS:
		break;
	}
	return ERR_INVALID;
}

static enum err manage_run(struct tx *tx, struct job *job)
{
	struct manage *m = (struct manage *)job;
	struct profile p = {.user = job->user,
		.username = m->name,
		.email = m->email,
		.password = m->password_hash,
		.role = m->role};
	m->outcome = ACCOUNT_OK;
	m->username = m->name;
	if (m->kind == MANAGE_ADD)
		return account_create(tx, &p, &m->outcome);
	enum err err = find(tx, m, &p);
	if (err == ERR_NOT_FOUND) {
		m->outcome = ACCOUNT_MISSING;
		return ERR_OK;
	}
	return err ? err : change(tx, m, &p);
}

struct manage *manage_make(enum manage_kind kind)
{
	struct manage *m = job_make(sizeof *m, manage_run, MANAGE_ARENA);
	if (m)
		m->kind = kind;
	return m;
}

enum err manage_list(
	struct reader *reader, void (*each)(void *context, const struct manage_user *user), void *context)
{
	enum err err = snapshot_begin(reader);
	if (err)
		return err;
	struct query q = stmt_query(&reader->statements, STMT_PROFILE_LIST);
	while (query_row(&q)) {
		struct manage_user user = {.username = query_get_str(&q, 0),
			.email = query_get_str(&q, 1),
			.role = query_get_str(&q, 2),
			.created = query_get_int(&q, 3),
			.last_seen = query_get_int(&q, 4)};
		each(context, &user);
	}
	return snapshot_end(reader, query_end(&q));
}

static enum err end_sessions_run(struct tx *tx, struct job *job)
{
	unsigned char bytes[MANAGE_SALT_SIZE / 2];
	char salt[MANAGE_SALT_SIZE + 1];
	struct query q = stmt_query(tx->s, STMT_SESSION_END_ALL);
	enum err err = query_run(&q);
	(void)job;
	if (err)
		return err;
	tx->env.random(tx->env.context, bytes, sizeof bytes);
	str_to_hex(bytes, sizeof bytes, salt);
	q = stmt_query(tx->s, STMT_META_SET);
	query_text(&q, STR("token_salt"));
	query_text(&q, str_from(salt));
	return query_run(&q);
}

struct job *manage_end_sessions_make(void)
{
	return job_make(sizeof(struct job), end_sessions_run, 1024);
}

enum err manage_token_salt(struct reader *reader, char out[MANAGE_SALT_SIZE + 1])
{
	enum err err = snapshot_begin(reader);
	if (err)
		return err;
	out[0] = '\0';
	struct query q = stmt_query(&reader->statements, STMT_META_GET);
	query_text(&q, STR("token_salt"));
	if (query_row(&q)) {
		struct str salt = query_get_str(&q, 0);
		if (salt.len == MANAGE_SALT_SIZE) {
			memcpy(out, salt.ptr, salt.len);
			out[salt.len] = '\0';
		}
	}
	return snapshot_end(reader, query_end(&q));
}

static enum err probe_run(struct tx *tx, struct job *job)
{
	char text[32];
	(void)job;
	(void)snprintf(text, sizeof text, "%lld", (long long)tx->now.wall_ms);
	struct query q = stmt_query(tx->s, STMT_META_SET);
	query_text(&q, STR("probe"));
	query_text(&q, str_from(text));
	return query_run(&q);
}

struct job *manage_probe_make(void)
{
	return job_make(sizeof(struct job), probe_run, 1024);
}

static enum err read_number(struct reader *reader, enum stmt_id id, int64_t *out)
{
	enum err err = snapshot_begin(reader);
	if (err)
		return err;
	int64_t number = 0;
	struct query q = stmt_query(&reader->statements, id);
	if (query_row(&q))
		number = query_get_int(&q, 0);
	err = snapshot_end(reader, query_end(&q));
	if (!err)
		*out = number;
	return err;
}

enum err manage_clock_offset(struct reader *reader, int64_t *ms)
{
	return read_number(reader, STMT_ACCOUNT_CLOCK_OFFSET, ms);
}

enum err manage_newest_session(struct reader *reader, int64_t *created)
{
	return read_number(reader, STMT_SESSION_NEWEST, created);
}
