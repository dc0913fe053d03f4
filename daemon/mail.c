#include "daemon/mail.h"

#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "daemon/app.h"
#include "daemon/mail_text.h"
#include "daemon/outbound.h"
#include "daemon/password.h"
#include "sync/account.h"
#include "sync/query.h"

enum { LOOK_EVERY_MS = 1000, TASK_ARENA = 64 * 1024 };

/* One mail on its way: everything it needs, copied, so that settings may change meanwhile. */
struct sending {
	struct task task;
	struct app *app;
	uint64_t user;
	unsigned attempts;
	struct arena arena;
	struct outbound_mail mail;
	struct buf message;
	struct buf why;
	char password[RESET_PASSWORD_LENGTH + 1];
	enum err err;
};

struct mailer {
	struct loop_tick tick;
	struct app *app;
	int64_t next_ms; /* wall clock: when to look again; INT64_MAX: when woken */
	int64_t looked_ms;
	struct sending *under_way; /* one at a time */
	atomic_bool stop;	   /* the worker reads it */
};

static const int64_t pauses_ms[] = {2000, 10000, 30000, 60000, 300000, 900000, 1800000};

static void sending_free(struct sending *s)
{
	if (!s)
		return;
	s->app->mailer->under_way = NULL;
	if (s->message.ptr)
		sodium_memzero(s->message.ptr, s->message.room);
	buf_free(&s->message);
	buf_free(&s->why);
	sodium_memzero(s->password, sizeof s->password);
	arena_free(&s->arena);
	free(s);
}

static void settled(struct job *job)
{
	struct sending *s = job->context;
	struct mailer *m = s->app->mailer;
	if (job->err)
		log_warn("noting the outcome of a mail failed: %s", err_name(job->err));
	job_free(job);
	sending_free(s);
	m->next_ms = 0;
}

/* What came of a mail: sent, tried again later, or given up. Ends the sending. */
static void settle(struct sending *s, bool sent, bool again)
{
	struct mail_settle *job = mail_settle_make(s->user);
	size_t last = sizeof pauses_ms / sizeof pauses_ms[0] - 1;
	if (job) {
		job->sent = sent;
		job->retry_at =
			again ? loop_now().wall_ms + pauses_ms[s->attempts < last ? s->attempts : last] : 0;
		job->job.context = s;
		job->job.done = settled;
		if (writer_submit(s->app->writer, &job->job))
			return;
		job_free(&job->job);
	}
	/* The mail stays owed as it was; a second look comes soon. */
	sending_free(s);
}

static void send_run(struct task *task)
{
	struct sending *s = (struct sending *)task;
	s->err = outbound_send(&s->mail, &s->why);
}

static void send_done(struct task *task)
{
	struct sending *s = (struct sending *)task;
	/* What the daemon's own end cut short was no attempt: the mail stays owed as it was. */
	if (s->err && atomic_load(&s->app->mailer->stop)) {
		sending_free(s);
		return;
	}
	bool again = s->err && s->err != ERR_INVALID && s->attempts + 1 < LIMIT_MAIL_ATTEMPTS;
	if (!s->err)
		log_info("a mail was sent");
	else
		log_warn("a mail could not be sent: %s; %s", s->why.ptr ? s->why.ptr : err_name(s->err),
			again ? "it will be tried again" : "given up");
	settle(s, s->err == ERR_OK, again);
}

static void send_dropped(struct task *task)
{
	sending_free((struct sending *)task);
}

static bool copy_text(struct arena *a, const char *text, const char **out)
{
	struct str copy;
	if (!text) {
		*out = NULL;
		return true;
	}
	if (!arena_str(a, str_from(text), &copy))
		return false;
	*out = copy.ptr;
	return true;
}

static enum err compose(struct sending *s, struct str email, struct str username)
{
	const struct config *c = &s->app->config;
	struct str to;
	struct mail_text text = {.from = str_from(c->email_from),
		.to = email,
		.username = username,
		.password = str_from(s->password),
		.now_ms = loop_now().wall_ms};
	randombytes_buf(text.id, sizeof text.id);
	s->mail = (struct outbound_mail){
		.port = c->email_port, .tls = c->email_tls, .stop = &s->app->mailer->stop};
	if (!copy_text(&s->arena, c->email_host, &s->mail.host) ||
		!copy_text(&s->arena, c->email_user, &s->mail.user) ||
		!copy_text(&s->arena, c->email_pass, &s->mail.pass) ||
		!copy_text(&s->arena, c->email_from, &s->mail.from) || !arena_str(&s->arena, email, &to))
		return ERR_NOMEM;
	s->mail.to = to.ptr;
	enum err err = mail_text_write(&text, &s->message);
	s->mail.message = buf_str(&s->message);
	return err;
}

static void prepared(struct job *job)
{
	struct mail_prepare *p = (struct mail_prepare *)job;
	struct sending *s = job->context;
	if (job->err) {
		log_warn("a mail could not be prepared: %s", err_name(job->err));
		sending_free(s);
	} else if (p->outcome != ACCOUNT_OK) {
		/* An address that nobody has: nothing to send, and the job has settled it. */
		s->app->mailer->next_ms = 0;
		s->app->mailer->looked_ms = INT64_MIN / 2;
		sending_free(s);
	} else if (atomic_load(&s->app->mailer->stop)) {
		/* The workers are gone; the next start finds the mail owed. */
		sending_free(s);
	} else if (!s->app->config.email_host) {
		log_warn("a mail is owed, but EMAIL_HOST is not set: it is dropped");
		settle(s, false, false);
	} else if (compose(s, p->email, p->username)) {
		log_warn("a mail could not be written; given up");
		settle(s, false, false);
	} else {
		s->task.run = send_run;
		s->task.done = send_done;
		s->task.drop = send_dropped;
		if (!workers_submit(s->app->workers, LANE_MAIL, &s->task))
			sending_free(s);
	}
	job_free(job);
}

static void begin(struct mailer *m, uint64_t user, unsigned attempts)
{
	struct sending *s = calloc(1, sizeof *s);
	struct mail_prepare *job = mail_prepare_make(user);
	if (!s || !job) {
		free(s);
		if (job)
			job_free(&job->job);
		return;
	}
	*s = (struct sending){.app = m->app,
		.user = user,
		.attempts = attempts,
		.arena = arena_make(TASK_ARENA),
		.message = buf_make(MAIL_TEXT_MAX),
		.why = buf_make(1024)};
	m->under_way = s;
	password_draw(s->password);
	password_reset_hash(user, str_from(s->password), job->reset_hash);
	job->reset_expires = loop_now().wall_ms + LIMIT_RESET_MS;
	job->job.context = s;
	job->job.done = prepared;
	if (writer_submit(m->app->writer, &job->job))
		return;
	job_free(&job->job);
	sending_free(s);
}

static void look(struct mailer *m, int64_t now_ms)
{
	uint64_t user = 0;
	unsigned attempts = 0;
	int64_t due = 0;
	bool found = false;
	if (query_owed_mail(m->app->reader, &user, &attempts, &due, &found))
		return;
	m->next_ms = found ? due : INT64_MAX;
	if (found && due <= now_ms) {
		m->next_ms = 0;
		begin(m, user, attempts);
	}
}

static void on_tick(struct loop_tick *tick, int64_t mono_ms)
{
	struct mailer *m = (struct mailer *)((char *)tick - offsetof(struct mailer, tick));
	int64_t now_ms = loop_now().wall_ms;
	if (m->under_way || now_ms < m->next_ms || mono_ms - m->looked_ms < LOOK_EVERY_MS)
		return;
	m->looked_ms = mono_ms;
	look(m, now_ms);
}

enum err mailer_open(struct app *app, struct mailer **out)
{
	struct mailer *m = calloc(1, sizeof *m);
	if (!m)
		return ERR_NOMEM;
	m->app = app;
	atomic_init(&m->stop, false);
	m->tick.run = on_tick;
	if (!app->config.email_host)
		log_info("EMAIL_HOST is not set: no mail is sent");
	loop_every_tick(app->loop, &m->tick);
	*out = m;
	return ERR_OK;
}

void mailer_stop(struct mailer *m)
{
	if (m)
		atomic_store(&m->stop, true);
}

void mailer_close(struct mailer *m)
{
	free(m);
}

void mailer_wake(struct mailer *m)
{
	m->next_ms = 0;
}
