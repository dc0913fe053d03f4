/*
 * Sessions and devices as commands. A session belongs to one device; a refresh token carries its generation
 * (design.md section 5, Tokens). Ended sessions stay known until their tokens have expired.
 */
#ifndef TSUZUKI_SYNC_SESSION_H
#define TSUZUKI_SYNC_SESSION_H

#include "sync/ids.h"
#include "sync/job.h"

/* A session to begin: drawn by the caller; part of a job. */
struct session_begin {
	struct session_id session;
	struct device_id device;
	struct str device_name; /* "" keeps the name of a known device */
	int64_t now_ms;
	int64_t expires_ms; /* of its refresh token */
	unsigned most_devices;
	unsigned most_sessions; /* of one device */
};

struct session_row {
	struct session_id session;
	struct device_id device;
	uint32_t generation;
	int64_t last_used;
	int64_t expires;
	bool ended;
};

enum session_outcome {
	SESSION_OK,
	SESSION_NO_USER,
	SESSION_ENDED,
	SESSION_THEFT, /* an old refresh token: the session was ended */
	SESSION_MISSING
};

/* Log-in. Optionally stores a better hash of the password, or makes the mailed password the password. */
struct session_login {
	struct job job;
	struct session_begin begin;
	struct str password_hash;     /* "" : leave it */
	bool used_reset;	      /* the mailed password was given: ends every other session */
	unsigned char reset_hash[32]; /* with used_reset: still this one, else SESSION_ENDED */
	struct str expected_hash; /* without used_reset: only if the stored hash is still this one; "" does
				     not ask */
	enum session_outcome outcome;
};
struct session_login *session_login_make(uint64_t user);

/* A verified refresh token is presented. */
struct session_refresh {
	struct job job;
	struct session_id session;
	struct device_id device;
	uint32_t generation;	    /* of the presented token */
	bool new_device;	    /* begin `begin` beside it; the presented token stays valid */
	struct session_begin begin; /* now_ms and expires_ms always; the rest with new_device */
	enum session_outcome outcome;
	uint32_t next_generation; /* out: of the token to hand out (1 for a new device) */
};
struct session_refresh *session_refresh_make(uint64_t user);

/* Logout; or, with by_device, a device revoked: all its sessions end and it leaves the list. */
struct session_end {
	struct job job;
	bool by_device;
	struct session_id session;
	struct device_id device;
	enum session_outcome outcome; /* SESSION_MISSING: no such device */
};
struct session_end *session_end_make(uint64_t user);

/*
 * A device was seen (lastSeen); and, for a good token of a session that the store does not know (a restored
 * server), the session made again.
 */
struct session_seen {
	struct job job;
	struct session_id session;
	struct device_id device;
	int64_t now_ms;
	int64_t expires_ms; /* of the token that proves it; only used when the session is unknown */
};
struct session_seen *session_seen_make(uint64_t user);

#endif
