/*
 * Everything the daemon owns, in the order in which it starts; it stops in the opposite order (app.c).
 */
#ifndef TSUZUKI_DAEMON_APP_H
#define TSUZUKI_DAEMON_APP_H

#include "daemon/config.h"
#include "daemon/loop.h"
#include "daemon/notify.h"
#include "daemon/token.h"
#include "daemon/worker.h"
#include "daemon/writer.h"
#include "sync/store.h"

struct auth;
struct backups;
struct control;
struct health;
struct http;
struct lives;
struct mailer;
struct ratelimit;
struct slowdown;

struct app {
	const struct config_flags *flags; /* of the command line: SIGHUP reads all settings again */
	struct config config;
	struct token_keys keys;
	struct store *store;   /* the writer's while it runs */
	struct reader *reader; /* the loop's */
	struct loop_before_wait before_wait;
	struct reader *big_reader; /* LANE_READ's */
	struct loop *loop;
	struct writer *writer;
	struct workers *workers;
	struct auth *auth;
	struct ratelimit *ratelimit;
	struct slowdown *slowdown;
	struct mailer *mailer;
	struct lives *live;
	struct http *http;
	struct backups *backups;
	struct health *health;
	struct control *control;
	struct notify notify;
	struct now started;
	int exit_code;
};

/*
 * Starts what app->config asks for, serves until told to stop, and stops it all. Returns the exit code: 0, 74
 * for I/O (a port that is taken, a folder that cannot be written), 78 for a database or setting that cannot
 * be served.
 */
int app_run(struct app *app);

#endif
