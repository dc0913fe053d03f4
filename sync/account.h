/*
 * Accounts as commands (not ops): registering, profile, settings, password, deletion, owed mail. Each struct
 * is a job; `outcome` says what came of it when job.err is ERR_OK. Strings handed in must live in the job's
 * arena. Times are plain wall-clock ms.
 */
#ifndef TSUZUKI_SYNC_ACCOUNT_H
#define TSUZUKI_SYNC_ACCOUNT_H

#include "sync/ids.h"
#include "sync/job.h"
#include "sync/session.h"

enum { RESET_HASH_BYTES = 32 };

struct profile {
	uint64_t user;
	char oid[OID_TEXT_SIZE];
	struct str username;
	struct str email;
	struct str password; /* its hash */
	struct str avatar;
	struct str role; /* "user", "admin" */
	bool is_verified;
	struct str audio;
	struct str server;
	unsigned ignored; /* notificationIgnore: bit per status, order of status_names */
	bool has_reset;
	unsigned char reset_hash[RESET_HASH_BYTES];
	int64_t reset_expires;
	int64_t created;
	int64_t updated;
};

/* An e-mail address as stored and looked up: trimmed, ASCII lower-cased. */
enum err account_fold_email(struct arena *a, struct str email, struct str *out);

enum account_outcome {
	ACCOUNT_OK,
	ACCOUNT_EMAIL_TAKEN,
	ACCOUNT_NAME_TAKEN,
	ACCOUNT_MISSING, /* no such user (any more) */
	ACCOUNT_CLOSED	 /* registration is shut: first_only, and somebody has an account */
};

/* Registers: profile, account, device and session in one. job.user is the new user's id, drawn by the caller.
 */
struct account_register {
	struct job job;
	struct str username;
	struct str email; /* folded */
	struct str password_hash;
	bool first_only; /* refuse when any account exists */
	struct session_begin session;
	enum account_outcome outcome;
	struct profile profile; /* out */
};
struct account_register *account_register_make(uint64_t user);

/* Changes what is set; absent slices have ptr NULL. */
struct account_update {
	struct job job;
	struct str username;
	struct str avatar;
	struct str audio;
	struct str server;
	unsigned ignored_mask; /* which bits of ignored count */
	unsigned ignored;
	enum account_outcome outcome;
	struct profile profile; /* out */
};
struct account_update *account_update_make(uint64_t user);

/* Stores a new password hash, voids a mailed one, ends every session but `keep` (all when keep is zero). */
struct account_password {
	struct job job;
	struct str password_hash;
	struct session_id keep;
	/* Only if the stored hash is still this one (the one that the caller verified); "" does not ask. */
	struct str expected_hash;
	enum account_outcome outcome; /* ACCOUNT_MISSING also when expected_hash differs */
};
struct account_password *account_password_make(uint64_t user);

/* The mark after which the account is gone; rows follow in slices. */
struct account_delete {
	struct job job;
	enum account_outcome outcome;
};
struct account_delete *account_delete_make(uint64_t user);

/* A forgotten password: notes that a mail is owed. job.user may be made up (unknown address). */
struct mail_owe {
	struct job job;
	unsigned per_hour; /* more requests than that an hour are counted, not owed */
	unsigned most;	   /* rows of owed mail in all; over it nothing is noted */
	bool owed;	   /* out */
};
struct mail_owe *mail_owe_make(uint64_t user);

/* Before sending: keeps the hash of the password that the mail will carry. */
struct mail_prepare {
	struct job job;
	unsigned char reset_hash[RESET_HASH_BYTES];
	int64_t reset_expires;
	enum account_outcome outcome; /* ACCOUNT_MISSING: nobody to write to; the row is settled */
	struct str email;	      /* out, in the job's arena */
	struct str username;	      /* out */
};
struct mail_prepare *mail_prepare_make(uint64_t user);

/* After sending: retry_at 0 settles it, else the next try. A failed mail voids the prepared password. */
struct mail_settle {
	struct job job;
	int64_t retry_at;
	bool sent;
};
struct mail_settle *mail_settle_make(uint64_t user);

#endif
