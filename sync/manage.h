/*
 * Accounts as their server's owner manages them: by name, without a session of one's own. A job each;
 * `outcome` says what came of it when job.err is ERR_OK. Strings handed in live in the job's arena.
 */
#ifndef TSUZUKI_SYNC_MANAGE_H
#define TSUZUKI_SYNC_MANAGE_H

#include "sync/account.h"

struct reader;

enum manage_kind {
	MANAGE_ADD,
	MANAGE_PASSWORD, /* voids a mailed one, ends every session */
	MANAGE_ROLE,
	MANAGE_DELETE,
	MANAGE_KINDS
};

struct manage {
	struct job job; /* job.user: of a new account drawn by the caller, else found by run() */
	enum manage_kind kind;
	struct str name;  /* the user name; but for a new one also the e-mail address */
	struct str email; /* of a new one, folded */
	struct str password_hash;
	struct str role; /* "user" or "admin" */
	enum account_outcome outcome;
	struct str username; /* out: as the store has it */
};
/* NULL when memory is short. */
struct manage *manage_make(enum manage_kind kind);

struct manage_user {
	struct str username;
	struct str email;
	struct str role;
	int64_t created;
	int64_t last_seen; /* of any device, 0: none */
};
/* Calls each() for every account in the order of their names; slices live for the call. The reader's thread.
 */
enum err manage_list(
	struct reader *reader, void (*each)(void *context, const struct manage_user *user), void *context);

/*
 * Ends every session of everybody: what a restored server may be asked for. Those that the store does not
 * know are meant too, so a new salt of the signing key comes with it: no token of before verifies any more.
 */
struct job *manage_end_sessions_make(void);
enum { MANAGE_SALT_SIZE = 32 };
/* Hex digits, no secret; "" as long as no such job ever ran. */
enum err manage_token_salt(struct reader *reader, char out[MANAGE_SALT_SIZE + 1]);
/* A write that changes nothing that matters: whether there is space again. */
struct job *manage_probe_make(void);
/* The greatest clock offset of any account, in ms (sync-protocol.md section 3). Looks at all of them. */
enum err manage_clock_offset(struct reader *reader, int64_t *ms);
/* When the newest session was begun, ms since 1970; 0: there is none. */
enum err manage_newest_session(struct reader *reader, int64_t *created);

#endif
