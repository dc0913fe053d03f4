/* What the control socket's requests do in a running daemon. */
#include <jansson.h>

#include "daemon/admin.h"
#include "daemon/app.h"
#include "daemon/auth.h"
#include "daemon/control.h"
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

/* --- all --- */

void control_command(struct control_call *call, struct str line)
{
	json_error_t error;
	json_t *request = json_loadb(line.ptr, line.len, JSON_REJECT_DUPLICATES, &error);
	if (json_is_object(request))
		change_account(call, request);
	else
		refuse(call, ADMIN_USAGE, "That is no request.");
	json_decref(request);
}
