#include "sync/profile.h"

#include <string.h>

enum { LOGIN_KEY_MAX = 512 };

/* 'e:' or 'n:' and the name, folded: names are unique without regard to ASCII case. */
static struct str login_key(enum login_kind kind, struct str name, char out[LOGIN_KEY_MAX])
{
	size_t len = name.len < LOGIN_KEY_MAX - 2 ? name.len : LOGIN_KEY_MAX - 2;
	out[0] = kind == LOGIN_EMAIL ? 'e' : 'n';
	out[1] = ':';
	for (size_t i = 0; i < len; i++) {
		char c = name.ptr[i];
		out[2 + i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
	}
	return (struct str){out, len + 2};
}

enum err login_find(struct statements *s, enum login_kind kind, struct str name, uint64_t *user)
{
	char key[LOGIN_KEY_MAX];
	struct query q = stmt_query(s, STMT_LOGIN_GET);
	query_text(&q, login_key(kind, name, key));
	bool found = query_row(&q);
	uint64_t value = found ? (uint64_t)query_get_int(&q, 0) : 0;
	enum err err = query_end(&q);
	if (!err && found)
		*user = value;
	return err ? err : found ? ERR_OK : ERR_NOT_FOUND;
}

static enum err login_run(
	struct statements *s, enum stmt_id id, enum login_kind kind, struct str name, uint64_t user)
{
	char key[LOGIN_KEY_MAX];
	struct query q = stmt_query(s, id);
	query_text(&q, login_key(kind, name, key));
	query_int(&q, (int64_t)user);
	return query_run(&q);
}

enum err login_put(struct statements *s, enum login_kind kind, struct str name, uint64_t user)
{
	return login_run(s, STMT_LOGIN_PUT, kind, name, user);
}

enum err login_delete(struct statements *s, enum login_kind kind, struct str name, uint64_t user)
{
	return login_run(s, STMT_LOGIN_DELETE, kind, name, user);
}

static void profile_read(struct query *q, struct arena *a, struct profile *p)
{
	p->user = (uint64_t)query_get_int(q, 0);
	struct str oid = query_get_str(q, 1);
	if (oid.len == OID_TEXT_SIZE - 1)
		memcpy(p->oid, oid.ptr, oid.len);
	p->username = query_get_copy(q, 2, a);
	p->email = query_get_copy(q, 3, a);
	p->password = query_get_copy(q, 4, a);
	p->avatar = query_get_copy(q, 5, a);
	p->role = query_get_copy(q, 6, a);
	p->is_verified = query_get_int(q, 7) != 0;
	p->audio = query_get_copy(q, 8, a);
	p->server = query_get_copy(q, 9, a);
	p->ignored = (unsigned)query_get_int(q, 10);
	p->has_reset = !query_get_null(q, 11);
	query_get_bytes(q, 11, p->reset_hash, RESET_HASH_BYTES);
	p->reset_expires = query_get_int(q, 12);
	p->created = query_get_int(q, 13);
	p->updated = query_get_int(q, 14);
}

enum err profile_load(struct statements *s, uint64_t user, struct arena *a, struct profile *out)
{
	struct profile p;
	memset(&p, 0, sizeof p);
	struct query q = stmt_query(s, STMT_PROFILE_GET);
	query_int(&q, (int64_t)user);
	bool found = query_row(&q);
	if (found)
		profile_read(&q, a, &p);
	enum err err = query_end(&q);
	if (!err && found)
		*out = p;
	return err ? err : found ? ERR_OK : ERR_NOT_FOUND;
}

enum err profile_insert(struct statements *s, const struct profile *p)
{
	struct query q = stmt_query(s, STMT_PROFILE_INSERT);
	query_int(&q, (int64_t)p->user);
	query_text(&q, str_from(p->oid));
	query_text(&q, p->username);
	query_text(&q, p->email);
	query_text(&q, p->password);
	query_text(&q, p->avatar);
	query_text(&q, p->role);
	query_int(&q, p->is_verified);
	query_text(&q, p->audio);
	query_text(&q, p->server);
	query_int(&q, p->ignored);
	query_null(&q);
	query_null(&q);
	query_int(&q, p->created);
	query_int(&q, p->updated);
	return query_run(&q);
}

enum err profile_save(struct statements *s, const struct profile *p)
{
	struct query q = stmt_query(s, STMT_PROFILE_UPDATE);
	query_text(&q, p->username);
	query_text(&q, p->avatar);
	query_text(&q, p->audio);
	query_text(&q, p->server);
	query_int(&q, p->ignored);
	query_int(&q, p->updated);
	query_int(&q, (int64_t)p->user);
	return query_run(&q);
}

enum err profile_password(struct statements *s, uint64_t user, struct str hash, int64_t now_ms)
{
	struct query q = stmt_query(s, STMT_PROFILE_PASSWORD);
	query_text(&q, hash);
	query_int(&q, now_ms);
	query_int(&q, (int64_t)user);
	return query_run(&q);
}

enum err profile_rehash(struct statements *s, uint64_t user, struct str hash)
{
	struct query q = stmt_query(s, STMT_PROFILE_REHASH);
	query_text(&q, hash);
	query_int(&q, (int64_t)user);
	return query_run(&q);
}

enum err profile_role(struct statements *s, uint64_t user, struct str role, int64_t now_ms)
{
	struct query q = stmt_query(s, STMT_PROFILE_ROLE);
	query_text(&q, role);
	query_int(&q, now_ms);
	query_int(&q, (int64_t)user);
	return query_run(&q);
}

enum err profile_reset(struct statements *s, uint64_t user, const unsigned char *hash, int64_t expires)
{
	struct query q = stmt_query(s, STMT_PROFILE_RESET);
	if (hash) {
		query_blob(&q, hash, RESET_HASH_BYTES);
		query_int(&q, expires);
	} else {
		query_null(&q);
		query_null(&q);
	}
	query_int(&q, (int64_t)user);
	return query_run(&q);
}

enum err profile_delete(struct statements *s, uint64_t user)
{
	struct query q = stmt_query(s, STMT_PROFILE_DELETE);
	query_int(&q, (int64_t)user);
	return query_run(&q);
}
