/*
 * Rows of profile and login: the cold part of an account. Statements only; no rules. Internal to sync/.
 */
#ifndef TSUZUKI_SYNC_PROFILE_H
#define TSUZUKI_SYNC_PROFILE_H

#include "sync/account.h"
#include "sync/stmt.h"

struct tx;

enum login_kind { LOGIN_EMAIL, LOGIN_NAME };

/* The user that a folded address or a name (folded here) belongs to; ERR_NOT_FOUND. */
enum err login_find(struct statements *s, enum login_kind kind, struct str name, uint64_t *user);
enum err login_put(struct statements *s, enum login_kind kind, struct str name, uint64_t user);
enum err login_delete(struct statements *s, enum login_kind kind, struct str name, uint64_t user);

/* ERR_NOT_FOUND when there is no such user. Strings go to the arena. */
enum err profile_load(struct statements *s, uint64_t user, struct arena *a, struct profile *out);
enum err profile_insert(struct statements *s, const struct profile *p);
/* Name, avatar, preferences and settings; not the password. */
enum err profile_save(struct statements *s, const struct profile *p);
/* A new password; voids a mailed one. */
enum err profile_password(struct statements *s, uint64_t user, struct str hash, int64_t now_ms);
/* A better hash of the same password. */
enum err profile_rehash(struct statements *s, uint64_t user, struct str hash);
/* The mailed password's hash; NULL voids it. */
enum err profile_reset(struct statements *s, uint64_t user, const unsigned char *hash, int64_t expires);
enum err profile_delete(struct statements *s, uint64_t user);

/*
 * In the transaction of another job. A new account of p->user: its rows, unless address or name are taken
 * (*outcome). p has user, username, email (folded), password and role; the rest is filled in.
 */
enum err account_create(struct tx *tx, struct profile *p, enum account_outcome *outcome);
/* The mark after which the account is gone; rows follow in slices. */
enum err account_erase(struct tx *tx, const struct profile *p);
enum err profile_role(struct statements *s, uint64_t user, struct str role, int64_t now_ms);

/* In the transaction of another job: begins a session, with its device; bounds both. */
enum err session_start(struct tx *tx, uint64_t user, const struct session_begin *b);
enum err session_end_others(struct tx *tx, uint64_t user, struct session_id keep);

#endif
