/*
 * Settings: from flags, then the environment, then the file of KEY=VALUE lines (design.md section 5). One
 * table (options.def) says what there is; README's table of settings and .env.example are generated from it.
 */
#ifndef TSUZUKI_DAEMON_CONFIG_H
#define TSUZUKI_DAEMON_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/address.h"
#include "daemon/log.h"
#include "sync/base/arena.h"
#include "sync/base/buf.h"
#include "sync/base/err.h"

enum { CONFIG_PROXIES = 32, CONFIG_ORIGINS = 16 };

/* The file that is read when --config names none; it may be missing. */
#define CONFIG_DEFAULT_PATH "/etc/tsuzuki/tsuzuki.env"

struct rate {
	unsigned count; /* 0: off */
	int64_t window_ms;
};

enum mail_tls { MAIL_STARTTLS, MAIL_IMPLICIT, MAIL_OFF };
enum registration { REGISTRATION_OPEN, REGISTRATION_FIRST, REGISTRATION_CLOSED };

struct config {
	unsigned port;
	const char *bind; /* "0.0.0.0", "::", "unix:/path" */
	const char *data_dir;
	const char *jwt_secret; /* NULL: not set, secrets.c finds or makes one */
	int64_t jwt_expire_ms;
	int64_t refresh_expire_ms;
	const char *email_host; /* NULL: no mail is sent */
	unsigned email_port;
	const char *email_user;
	const char *email_pass;
	const char *email_from;
	enum mail_tls email_tls;
	const char *frontend_url;	    /* as set; NULL: any origin */
	struct str origins[CONFIG_ORIGINS]; /* its entries, without trailing slash */
	size_t origin_count;
	struct rate rate_auth;
	struct rate rate_api;
	struct rate rate_sync;
	struct rate rate_live;
	unsigned max_connections;	      /* 0: from the descriptor limit */
	unsigned max_connections_per_address; /* 0: no limit */
	unsigned watchlist_page_default;      /* 0: all */
	unsigned max_items;
	struct network proxies[CONFIG_PROXIES];
	size_t proxy_count;
	const char *base_path; /* "" or "/prefix" without trailing slash */
	const char *tls_cert;
	const char *tls_key;
	enum registration registration;
	unsigned history_keep;
	unsigned history_days;
	int64_t backup_every_ms; /* 0: off */
	unsigned backup_keep;
	enum log_level log_level;
	bool log_json;
	bool development;      /* NODE_ENV of an old .env: log_level is debug unless it is set */
	bool mongodb_uri_seen; /* an old .env: a hint is logged */
	struct arena *memory;  /* owned: every string above */
};

/* What the command line said. */
struct config_flags {
	const char *config_path; /* NULL: the default one, which may be missing */
	const char *data_dir;
	const char *port;
	const char *bind;
};

/*
 * Reads all three sources, the file first, so that a flag beats the environment and that the file; a value
 * that is overruled must be good all the same, an empty one is as if it were not there. environ-style list
 * `environment` (NULL-terminated). Main thread at start, loop thread at SIGHUP; *out is independent of what
 * was loaded before. ERR_INVALID: a message for people in *why naming file and line (or "environment",
 * "--port") and the fix, never the value of a secret: exit 78. One line; 8 KiB hold it. ERR_NOT_FOUND: a file
 * named by --config is missing; *why names it. ERR_NOMEM: *why says nothing.
 */
enum err config_load(
	const struct config_flags *flags, char *const *environment, struct config *out, struct buf *why);
/* Wipes and frees; NULL and an all-zero struct are fine. */
void config_free(struct config *config);

#endif
