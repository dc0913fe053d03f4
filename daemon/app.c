#include "daemon/app.h"

#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "daemon/auth_cache.h"
#include "daemon/backups.h"
#include "daemon/control.h"
#include "daemon/health.h"
#include "daemon/http.h"
#include "daemon/live.h"
#include "daemon/log.h"
#include "daemon/mail.h"
#include "daemon/ratelimit.h"
#include "daemon/secrets.h"
#include "daemon/slowdown.h"
#include "sync/manage.h"

enum { EXIT_IO = 74, EXIT_CONFIG_ = 78 };

static void draw(void *context, unsigned char *bytes, size_t len)
{
	(void)context;
	randombytes_buf(bytes, len);
}

/*
 * Once all sessions were ended at a restore, tokens are signed with what the secret and the store's salt give
 * together: no token of before verifies, not even one whose session the store does not know.
 */
static enum err salt_secret(const struct app *app, struct buf *secret)
{
	char salt[MANAGE_SALT_SIZE + 1];
	unsigned char mixed[32];
	char hex[2 * sizeof mixed + 1];
	enum err err = manage_token_salt(app->reader, salt);
	if (err || !*salt)
		return err;
	(void)crypto_generichash(mixed, sizeof mixed, (const unsigned char *)secret->ptr, secret->len,
		(const unsigned char *)salt, MANAGE_SALT_SIZE);
	str_to_hex(mixed, sizeof mixed, hex);
	sodium_memzero(secret->ptr, secret->len);
	buf_clear(secret);
	buf_text(secret, hex);
	sodium_memzero(mixed, sizeof mixed);
	sodium_memzero(hex, sizeof hex);
	return buf_ok(secret) ? ERR_OK : ERR_NOMEM;
}

static enum err open_keys(struct app *app, struct buf *why)
{
	struct buf secret = buf_make(TOKEN_SECRET_MAX);
	enum err err = secrets_find(&app->config, &secret, why);
	if (!err)
		err = salt_secret(app, &secret);
	if (!err)
		err = token_keys_make(&app->keys, buf_str(&secret));
	if (secret.ptr)
		sodium_memzero(secret.ptr, secret.room);
	buf_free(&secret);
	return err;
}

static enum err make_data_dir(const struct app *app, struct buf *why)
{
	if (mkdir(app->config.data_dir, 0700) == 0 || errno == EEXIST)
		return ERR_OK;
	buf_fmt(why,
		"The data folder %s cannot be made (%s). Make it, or name another with --data-dir or "
		"DATA_DIR.",
		app->config.data_dir, strerror(errno));
	return ERR_IO;
}

static enum err open_store(struct app *app, struct buf *why)
{
	struct store_options options = {.dir = app->config.data_dir,
		.env = {.random = draw},
		.max_items = app->config.max_items,
		.history_keep = app->config.history_keep,
		.history_ms = (int64_t)app->config.history_days * 86400000};
	enum err err = store_open(&options, &app->store, why);
	if (!err)
		err = reader_open(app->config.data_dir, &app->reader);
	if (!err)
		err = reader_open(app->config.data_dir, &app->big_reader);
	if (!err) {
		reader_join(app->reader, app->store);
		reader_join(app->big_reader, app->store);
		reader_look(app->reader, app->started);
		reader_look(app->big_reader, app->started);
	}
	if (err && why->len == 0)
		buf_fmt(why, "%s/tsuzuki.db cannot be read: %s.", app->config.data_dir, err_name(err));
	return err;
}

/* As many as the system allows, within the bound of the library's tables: each connection is one. */
static void raise_descriptors(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max < LIMIT_DESCRIPTORS ? limit.rlim_max : LIMIT_DESCRIPTORS;
	(void)setrlimit(RLIMIT_NOFILE, &limit); /* what it is then is what http_listen.c counts with */
}

static void on_store_failed(void *context)
{
	struct app *app = context;
	log_error("a commit could not be written to disk; stopping so that nothing unsaved is acknowledged. "
		  "Check the "
		  "disk, then start again: everything acknowledged so far is kept");
	app->exit_code = EXIT_IO;
	loop_stop(app->loop);
}

/* What follows may tell of these commits, so it must see them. */
static void on_commits(void *context)
{
	struct app *app = context;
	reader_release(app->reader);
}

/* The loop's reads between two waits share one snapshot. */
static void on_before_wait(struct loop_before_wait *hook)
{
	struct app *app = (struct app *)((char *)hook - offsetof(struct app, before_wait));
	reader_release(app->reader);
}

static enum err open_loop(struct app *app)
{
	struct loop_options options = {
		.protocols = http_protocols(), .context_user = app, .tls = app->config.tls_cert != NULL};
	raise_descriptors();
	enum err err = loop_open(&options, &app->loop);
	if (!err)
		err = workers_open(app->loop, &app->workers);
	if (!err)
		err = writer_open(app->loop, app->store,
			(struct writer_hooks){
				.on_commits = on_commits, .on_failed = on_store_failed, .context = app},
			&app->writer);
	if (!err)
		err = slowdown_open(app->loop, &app->slowdown);
	if (!err)
		err = ratelimit_open(&app->config, &app->ratelimit);
	if (err)
		return err;
	app->before_wait.run = on_before_wait;
	loop_before_wait(app->loop, &app->before_wait);
	reader_keep_snapshots(app->reader);
	app->auth = auth_cache_make();
	return app->auth ? ERR_OK : ERR_NOMEM;
}

static void close_app(struct app *app)
{
	/* What it still waits for comes back to nobody; a frame that waits would begin what is closed here.
	 */
	live_stop(app->live);
	mailer_stop(app->mailer);
	backups_stop(app->backups);
	workers_close(app->workers);
	if (app->loop)
		loop_run_posted(app->loop); /* what the last tasks came to */
	writer_close(app->writer);
	backups_close(app->backups);
	health_close(app->health);
	control_close(app->control);
	mailer_close(app->mailer);
	http_close(app->http);
	notify_close(&app->notify);
	loop_close(app->loop);
	live_close(app->live);
	slowdown_close(app->slowdown);
	ratelimit_close(app->ratelimit);
	auth_cache_free(app->auth);
	/* Readers first: the store's own connection is the last one, so that its close may checkpoint. */
	reader_close(app->reader);
	reader_close(app->big_reader);
	store_close(app->store);
	token_keys_free(&app->keys);
}

extern char **environ;

/* What is bound or opened at the start stays as it is until the next one. */
static bool needs_restart(const struct config *a, const struct config *b)
{
	return a->port != b->port || strcmp(a->bind, b->bind) != 0 || strcmp(a->data_dir, b->data_dir) != 0 ||
	       a->history_keep != b->history_keep || a->max_items != b->max_items ||
	       !a->tls_cert != !b->tls_cert;
}

/* Settings that are wrong change nothing: the old ones stay in force. */
static void reload(struct app *app)
{
	struct config fresh;
	struct buf why = buf_make(8192);
	memset(&fresh, 0, sizeof fresh);
	enum err err = config_load(app->flags, environ, &fresh, &why);
	if (err) {
		log_error("the settings stay as they were: %s", why.ptr ? why.ptr : err_name(err));
	} else {
		if (needs_restart(&app->config, &fresh))
			log_warn("some settings (port, address, data folder, bounds of the store, TLS on or "
				 "off) only "
				 "change with a restart");
		fresh.port = app->config.port;
		struct config old = app->config;
		app->config = fresh;
		config_free(&old);
		log_setup(app->config.log_level, app->config.log_json);
		log_info("settings were read again");
	}
	buf_free(&why);
	http_reload(app->http);
}

static void on_signal(void *context, int signal)
{
	struct app *app = context;
	if (signal == SIGHUP) {
		notify_reloading(&app->notify);
		reload(app);
		notify_ready(&app->notify);
		return;
	}
	log_info("stopping");
	notify_stopping(&app->notify);
	control_stop(app->control);
	http_drain(app->http);
}

static enum err open_app(struct app *app, struct buf *why)
{
	enum err err = make_data_dir(app, why);
	if (!err)
		err = open_store(app, why);
	if (!err)
		err = open_keys(app, why);
	if (!err)
		err = open_loop(app);
	if (!err)
		err = mailer_open(app, &app->mailer);
	if (!err)
		err = backups_open(app, &app->backups);
	if (!err)
		err = health_open(app, &app->health);
	if (!err)
		err = live_open(app, &app->live);
	if (!err)
		err = http_open(app, &app->http, why);
	if (!err)
		err = control_open(app, &app->control, why);
	if (err && why->len == 0)
		buf_fmt(why, "Starting failed: %s.", err_name(err));
	return err;
}

static int exit_code(enum err err)
{
	return err == ERR_FOREIGN || err == ERR_NEWER || err == ERR_CORRUPT || err == ERR_INVALID
		       ? EXIT_CONFIG_
		       : EXIT_IO;
}

int app_run(struct app *app)
{
	struct buf why = buf_make(8192);
	app->started = loop_now();
	store_prepare_process();
	notify_open(&app->notify);
	enum err err = open_app(app, &why);
	if (err) {
		log_error("%s", why.ptr ? why.ptr : err_name(err));
		app->exit_code = exit_code(err);
	} else {
		if (app->config.mongodb_uri_seen)
			log_info("MONGODB_URI is not used: tsuzuki keeps its data in %s",
				app->config.data_dir);
		log_info("tsuzuki %s serves on %s port %u, data in %s", TSUZUKI_VERSION, app->config.bind,
			app->config.port, app->config.data_dir);
		notify_watch(&app->notify, app->loop);
		notify_ready(&app->notify);
		loop_run(app->loop, on_signal, app);
	}
	buf_free(&why);
	close_app(app);
	return app->exit_code;
}
