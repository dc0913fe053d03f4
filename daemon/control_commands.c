/* What the control socket's requests do in a running daemon. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "daemon/admin.h"
#include "daemon/app.h"
#include "daemon/auth.h"
#include "daemon/backups.h"
#include "daemon/control.h"
#include "daemon/health.h"
#include "daemon/http.h"
#include "daemon/limits.h"

static void refuse(struct control_call *call, enum admin_exit code, const char *message)
{
	struct buf answer = buf_make(LIMIT_CONTROL_LINE);
	admin_bad(&answer, code, message);
	control_answer(call, &answer);
}

/* --- accounts --- */

static void log_change(const struct manage *m)
{
	static const char *const deeds[MANAGE_KINDS] = {
		"added", "given a new password", "given another role", "deleted"};
	if (!m->job.err && m->outcome == ACCOUNT_OK)
		log_info("administration: the account %.*s was %s", STR_ARG(m->username), deeds[m->kind]);
}

static void on_changed(struct job *job)
{
	struct control_call *call = job->context;
	struct manage *m = (struct manage *)job;
	struct buf answer = buf_make(LIMIT_CONTROL_LINE);
	/* Verified tokens may be too old now, and live connections another's. */
	if (m->kind != MANAGE_ADD && !job->err && m->outcome == ACCOUNT_OK)
		auth_forget(control_app(call), job->user);
	log_change(m);
	admin_answer(m, &answer);
	job_free(job);
	control_answer(call, &answer);
}

static void change_account(struct control_call *call, const json_t *request)
{
	struct buf answer = buf_make(LIMIT_CONTROL_LINE);
	struct manage *m = admin_job(request, &answer);
	if (!m) {
		control_answer(call, &answer);
		return;
	}
	buf_free(&answer);
	m->job.context = call;
	m->job.done = on_changed;
	if (!writer_submit(control_app(call)->writer, &m->job)) {
		job_free(&m->job);
		refuse(call, ADMIN_UNAVAILABLE, "The server is busy. Try again soon.");
	}
}

/* --- backups --- */

static void on_backup(void *context, enum err err, const char *text)
{
	struct buf answer = buf_make(LIMIT_CONTROL_LINE);
	if (err) {
		admin_bad(&answer, err == ERR_EXPIRED ? ADMIN_UNAVAILABLE : ADMIN_IO, text);
	} else {
		buf_text(&answer, "{\"ok\":true,\"message\":\"Made and verified.\",\"path\":");
		buf_json(&answer, str_from(text));
		buf_text(&answer, "}\n");
	}
	control_answer(context, &answer);
}

static void make_backup(struct control_call *call)
{
	if (!backups_now(control_app(call)->backups, on_backup, call))
		refuse(call, ADMIN_UNAVAILABLE, "A backup is under way already. Try again when it is made.");
}

/* --- status, for doctor --- */

/* secrets.c looks there before it looks into the data folder. */
static bool has_credential(const struct app *app)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	struct buf path = buf_make(4096);
	struct stat st;
	if (folder && !app->config.jwt_secret)
		buf_fmt(&path, "%s/jwt.key", folder);
	bool there = path.len && buf_ok(&path) && stat(path.ptr, &st) == 0;
	buf_free(&path);
	return there;
}

static void tell_status(struct control_call *call)
{
	struct app *app = control_app(call);
	struct buf b = buf_make(LIMIT_CONTROL_LINE);
	struct rlimit limit = {0};
	unsigned found = health_look(app);
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	buf_text(&b, "{\"ok\":true,\"message\":\"Running.\",\"version\":\"" TSUZUKI_VERSION "\",\"uptime\":");
	buf_int(&b, (loop_now().mono_ms - app->started.mono_ms) / 1000);
	buf_fmt(&b, ",\"port\":%u,\"inherited\":%s,\"credential\":%s,\"descriptors\":%lld,\"reasons\":[",
		app->config.port, http_inherited(app->http) ? "true" : "false",
		has_credential(app) ? "true" : "false", (long long)limit.rlim_cur);
	bool first = true;
	for (unsigned i = 0; i < HEALTH_TROUBLES; i++) {
		if (!(found & 1u << i))
			continue;
		if (!first)
			buf_char(&b, ',');
		buf_json(&b, str_from(health_text((enum health_trouble)i)));
		first = false;
	}
	buf_text(&b, "]}\n");
	control_answer(call, &b);
}

/* --- all --- */

void control_command(struct control_call *call, struct str line)
{
	json_error_t error;
	json_t *request = json_loadb(line.ptr, line.len, JSON_REJECT_DUPLICATES, &error);
	const char *command = json_string_value(json_object_get(request, "command"));
	if (command && strcmp(command, "backup") == 0)
		make_backup(call);
	else if (command && strcmp(command, "status") == 0)
		tell_status(call);
	else if (json_is_object(request))
		change_account(call, request);
	else
		refuse(call, ADMIN_USAGE, "That is no request.");
	json_decref(request);
}
