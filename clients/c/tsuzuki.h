/*
 * libtsuzuki: what a program needs to remember where somebody stopped watching, with or without a server.
 *
 * A handle stands for a data folder: a store of one user, which works from the first call and without any
 * server. Once it is logged in to a server, tsz_sync() exchanges with it; until then, and whenever the server
 * is away, everything is kept here and given to it later.
 *
 * Ownership: texts that a function hands out in `char **` belong to the caller, who gives them to tsz_free();
 * texts handed in are copied. Threads: one handle, one thread at a time; several handles, also of one folder,
 * may be used at once, by other processes too. A call that needs the folder while another has it waits, at
 * most options.wait_ms. A handle keeps nothing open between calls.
 *
 * JSON handed out has the shape of the REST API's `data` (schema/openapi.json).
 */
#ifndef TSUZUKI_CLIENTS_C_TSUZUKI_H
#define TSUZUKI_CLIENTS_C_TSUZUKI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tsz;
/* What went wrong. tsz_error() says it as a sentence, with what to do next. */
enum tsz_code {
	TSZ_OK = 0,
	TSZ_FAILED,  /* memory is short, or the server answered what it never should */
	TSZ_INVALID, /* an argument breaks a rule; nothing was written */
	TSZ_AWAY,    /* the server cannot be reached, or asks to come again later; everything is kept here */
	TSZ_DENIED,  /* not logged in, or no longer; everything is kept here */
	TSZ_NOT_FOUND, /* no such title, entry of the history or device */
	TSZ_CONFLICT,  /* it is there already; or the folder belongs to another account */
	TSZ_BUSY,      /* another program has had the data folder for all of wait_ms */
	TSZ_IO,	       /* the data folder cannot be read or written, is full or damaged */
	TSZ_CODE_COUNT
};
struct tsz_options {
	const char *dir;	 /* data folder; made, with its parents, when it is not there */
	const char *device_name; /* what other devices call this one; NULL: the machine's name */
	unsigned wait_ms;	 /* for another program that has the folder; 0: 5,000 */
};

/*
 * Opens a data folder; the first time makes it and a local account. *out is set unless memory is short, also
 * on failure, so that tsz_error() can say why; give it to tsz_close() in any case.
 */
enum tsz_code tsz_open(const struct tsz_options *options, struct tsz **out);
void tsz_close(struct tsz *t);
/* Of the last call that failed; never NULL. Good until the next call with this handle. */
const char *tsz_error(const struct tsz *t);
void tsz_free(char *text);
/* Whether there are tokens: without them tsz_sync() can only say TSZ_DENIED. */
int tsz_logged_in(const struct tsz *t);

struct tsz_login {
	const char *url; /* http(s)://host[:port][/prefix]; NULL: the one of the last log-in */
	const char *email;
	const char *password;
	const char *ca_file; /* PEM file of the certificates to trust; NULL: the system's */
	unsigned timeout_ms; /* 0: 10,000 */
};
/* Logs in; the next tsz_sync() gives the account what is held here. TSZ_CONFLICT: this folder is of another
 * account of that server. */
enum tsz_code tsz_login(struct tsz *t, const struct tsz_login *login);
/* Forgets the tokens and keeps everything else. TSZ_AWAY: the server could not be told. */
enum tsz_code tsz_logout(struct tsz *t, unsigned timeout_ms);

struct tsz_synced {
	unsigned pushed;   /* changes that the server has answered */
	unsigned rejected; /* those of them that it can never take: tsz_status() names them */
	unsigned pulled;   /* titles that came from it */
};
/*
 * Gives the server what waits and takes what is new, until there is nothing left to say or timeout_ms have
 * passed (TSZ_AWAY; what was exchanged until then is kept). *out may be NULL. With TSZ_BUSY another program
 * is exchanging at the moment.
 */
enum tsz_code tsz_sync(struct tsz *t, unsigned timeout_ms, struct tsz_synced *out);

/* {"loggedIn", "server", "account", "linked", "device": {"id", "name"}, "waiting", "rejectedCount",
 * "rejected":
 * [...] (sync/rejected.h), "lastSync", "lastTry", "folder"}. Asks no server. */
enum tsz_code tsz_status(struct tsz *t, char **json);
/* The account's devices, asked from the server: [{"id", "name", "lastSeen", "current"}]. */
enum tsz_code tsz_devices(struct tsz *t, unsigned timeout_ms, char **json);
/* Ends the sessions of a device. */
enum tsz_code tsz_revoke(struct tsz *t, const char *device, unsigned timeout_ms);

/* --- reading: always what is held here --- */
/* The whole watchlist, newest change first; status NULL: all. */
enum tsz_code tsz_list(struct tsz *t, const char *status, char **json);
/* What is being watched, the last watched first; limit 0: all. */
enum tsz_code tsz_continue(struct tsz *t, unsigned limit, char **json);
/* {"watchlist": {...} or null, "progress": {...} or null}. TSZ_NOT_FOUND: neither is there. */
enum tsz_code tsz_show(struct tsz *t, const char *key, char **json);
/* `collection` is "watchlist" or "progress". The entries of sync-protocol.md section 5, newest first. */
enum tsz_code tsz_history(struct tsz *t, const char *collection, const char *key, char **json);

/* --- writing: on disk here when the call returns --- */
/* What is to be set; NULL and -1 leave a field alone. Make one with TSZ_EDIT. */
struct tsz_edit {
	const char *title;
	const char *image;
	const char *status; /* plan_to_watch, watching, on_hold, completed, dropped */
	const char *notes;
	int64_t rating; /* 1 to 10; 0 takes it away */
	int64_t episodes_watched;
	int64_t total_episodes;
};
#define TSZ_EDIT ((struct tsz_edit){.rating = -1, .episodes_watched = -1, .total_episodes = -1})

/* A new title in the watchlist, by default called by its key. TSZ_CONFLICT: it is there already. */
enum tsz_code tsz_add(struct tsz *t, const char *key, const struct tsz_edit *edit);
/* TSZ_NOT_FOUND: it is not in the watchlist. */
enum tsz_code tsz_set(struct tsz *t, const char *key, const struct tsz_edit *edit);
/* From one collection. TSZ_NOT_FOUND. */
enum tsz_code tsz_remove(struct tsz *t, const char *collection, const char *key);

/* One act of playback. Make one with TSZ_PROGRESS. */
struct tsz_progress {
	const char *title; /* NULL here and below: leave it alone */
	const char *image;
	int64_t episode; /* from 1 */
	double time;	 /* seconds; negative: not said */
	double duration; /* seconds; negative: not said */
	const char *episode_title;
	const char *episode_id;
	const char *dub; /* "yes", "no" */
	const char *server;
	const char *event;   /* open, heartbeat, pause, stop, seek, manual (NULL: open without a time) */
	const char *session; /* of one sitting; NULL: none */
	int64_t playing_ms;  /* how long it has been playing; -1: not said */
};
#define TSZ_PROGRESS ((struct tsz_progress){.time = -1, .duration = -1, .playing_ms = -1})
enum tsz_code tsz_progress(struct tsz *t, const char *key, const struct tsz_progress *progress);

/* Sets again what an entry of the history had set. */
enum tsz_code tsz_restore(struct tsz *t, const char *collection, const char *key, int64_t seq);
/* Takes back the last change of a title: each value that it set is what it was before; done twice, the change
 * is back. *what, may be NULL: the registers set, as JSON; null: it is gone. TSZ_NOT_FOUND: nothing before.
 */
enum tsz_code tsz_undo(struct tsz *t, const char *collection, const char *key, char **what);

#ifdef __cplusplus
}
#endif

#endif
