#include "daemon/outbound.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/limits.h"
#include "daemon/loop.h"
#include "daemon/mail_text.h"
#include "daemon/outbound_curl.h"

enum { ADDRESS_SIZE = 336, PATIENCE_AFTER_QUIT_MS = 2000 };

/* How far the conversation came: what a refusal means depends on what was refused. */
enum stage { STAGE_CONNECT, STAGE_HELLO, STAGE_AUTH, STAGE_FROM, STAGE_RCPT, STAGE_DATA, STAGE_BODY };

struct sending {
	const struct outbound_curl *lib;
	CURL *curl;	       /* owned */
	CURLU *url;	       /* owned */
	struct curl_slist *to; /* owned */
	const struct outbound_mail *mail;
	size_t sent; /* bytes of the message that libcurl took */
	enum stage stage;
	int64_t deadline_ms;	   /* mono */
	char why[CURL_ERROR_SIZE]; /* libcurl's */
};

/* --- what libcurl calls --- */

static size_t on_read(char *to, size_t size, size_t count, void *context)
{
	struct sending *s = context;
	size_t room = size * count, left = s->mail->message.len - s->sent;
	size_t len = left < room ? left : room;
	if (s->stage < STAGE_BODY)
		s->stage = STAGE_BODY;
	if (len)
		memcpy(to, s->mail->message.ptr + s->sent, len);
	s->sent += len;
	return len;
}

static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct sending *s = context;
	(void)a, (void)b, (void)c, (void)d;
	bool stop = s->mail->stop && atomic_load(s->mail->stop);
	return stop || loop_now().mono_ms >= s->deadline_ms;
}

/* libcurl tells what it says to the relay; only the command's name is looked at, for how far things came. */
static int on_debug(CURL *curl, curl_infotype type, char *data, size_t len, void *context)
{
	static const struct {
		struct str command;
		enum stage stage;
	} commands[] = {
		{{"EHLO ", 5}, STAGE_HELLO},
		{{"HELO ", 5}, STAGE_HELLO},
		{{"AUTH ", 5}, STAGE_AUTH},
		{{"MAIL FROM:", 10}, STAGE_FROM},
		{{"RCPT TO:", 8}, STAGE_RCPT},
		{{"DATA", 4}, STAGE_DATA},
	};
	struct sending *s = context;
	(void)curl;
	if (type != CURLINFO_HEADER_OUT)
		return 0;
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		if (str_starts((struct str){data, len}, commands[i].command) && commands[i].stage > s->stage)
			s->stage = commands[i].stage;
	if (str_starts((struct str){data, len}, STR("QUIT"))) {
		/* All is decided, for good or ill: a relay that does not say good-bye holds nobody up. */
		int64_t soon = loop_now().mono_ms + PATIENCE_AFTER_QUIT_MS;
		s->deadline_ms = soon < s->deadline_ms ? soon : s->deadline_ms;
	}
	return 0;
}

/* --- what is asked of it --- */

static bool option_ok(bool *good, CURLcode code)
{
	*good = *good && code == CURLE_OK;
	return *good;
}

#define SET(option, value) option_ok(&good, s->lib->easy_setopt(s->curl, (option), (value)))

static bool set_relay(struct sending *s)
{
	const struct outbound_mail *m = s->mail;
	const char *authorities = secure_getenv("SSL_CERT_FILE");
	bool good = true;
	SET(CURLOPT_CURLU, s->url);
	SET(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	/* What the environment says about proxies is not for mail. */
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_USE_SSL, m->tls == MAIL_OFF ? CURLUSESSL_NONE : CURLUSESSL_ALL);
	SET(CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	if (authorities && *authorities) {
		SET(CURLOPT_CAINFO, authorities);
		SET(CURLOPT_CAPATH, NULL);
	}
	if (m->user) {
		SET(CURLOPT_USERNAME, m->user);
		SET(CURLOPT_PASSWORD, m->pass ? m->pass : "");
	}
	return good;
}

static bool set_mail(struct sending *s, const char *from)
{
	bool good = true;
	SET(CURLOPT_MAIL_FROM, from);
	SET(CURLOPT_MAIL_RCPT, s->to);
	SET(CURLOPT_UPLOAD, 1L);
	SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)s->mail->message.len);
	SET(CURLOPT_READFUNCTION, on_read);
	SET(CURLOPT_READDATA, s);
	return good;
}

static bool set_bounds(struct sending *s)
{
	bool good = true;
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_TIMEOUT_MS, (long)LIMIT_MAIL_SEND_MS);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)LIMIT_MAIL_SEND_MS);
	SET(CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)LIMIT_MAIL_SEND_MS / 1000);
	/* A name lookup that hangs is left to end by itself. */
	SET(CURLOPT_QUICK_EXIT, 1L);
	/* The connection ends inside the transfer, under its deadline, and not in the clean-up, which has
	 * none. */
	SET(CURLOPT_FORBID_REUSE, 1L);
	SET(CURLOPT_NOPROGRESS, 0L);
	SET(CURLOPT_XFERINFOFUNCTION, on_progress);
	SET(CURLOPT_XFERINFODATA, s);
	SET(CURLOPT_VERBOSE, 1L);
	SET(CURLOPT_DEBUGFUNCTION, on_debug);
	SET(CURLOPT_DEBUGDATA, s);
	SET(CURLOPT_ERRORBUFFER, s->why);
	return good;
}

#undef SET

/* The relay's address by parts, so that no byte of a setting can become another part. */
static bool make_url(struct sending *s)
{
	const struct outbound_mail *m = s->mail;
	char port[16], host[300];
	bool bare6 = strchr(m->host, ':') && m->host[0] != '[';
	int len = snprintf(host, sizeof host, bare6 ? "[%s]" : "%s", m->host);
	(void)snprintf(port, sizeof port, "%u", m->port);
	s->url = s->lib->url();
	return s->url && len > 0 && (size_t)len < sizeof host &&
	       s->lib->url_set(s->url, CURLUPART_SCHEME, m->tls == MAIL_IMPLICIT ? "smtps" : "smtp", 0) ==
		       CURLUE_OK &&
	       s->lib->url_set(s->url, CURLUPART_HOST, host, 0) == CURLUE_OK &&
	       s->lib->url_set(s->url, CURLUPART_PORT, port, 0) == CURLUE_OK;
}

/* "<address>"; false when text holds none, so that nothing in it can become a command of its own. */
static bool envelope(const char *text, char out[ADDRESS_SIZE])
{
	struct str name, address;
	if (!mail_text_mailbox(str_from(text), &name, &address))
		return false;
	int len = snprintf(out, ADDRESS_SIZE, "<%.*s>", STR_ARG(address));
	return len > 0 && len < ADDRESS_SIZE;
}

/* --- what came of it --- */

/* The relay's own words may name the recipient, so only its code is told. */
static void tell_refusal(const struct sending *s, long code, struct buf *why)
{
	static const char *const what[] = {
		[STAGE_CONNECT] = "the connection",
		[STAGE_HELLO] = "the greeting",
		[STAGE_AUTH] = "the log-in (EMAIL_USER, EMAIL_PASS)",
		[STAGE_FROM] = "the sender (EMAIL_FROM)",
		[STAGE_RCPT] = "the recipient",
		[STAGE_DATA] = "the mail",
		[STAGE_BODY] = "the mail",
	};
	buf_fmt(why, "the relay refused %s with code %ld", what[s->stage], code);
}

static enum err judge(const struct sending *s, CURLcode result, struct buf *why)
{
	long code = 0;
	if (result == CURLE_OK)
		return ERR_OK;
	if (result == CURLE_OUT_OF_MEMORY) {
		buf_text(why, "memory is short");
		return ERR_NOMEM;
	}
	if (result == CURLE_ABORTED_BY_CALLBACK) {
		bool stop = s->mail->stop && atomic_load(s->mail->stop);
		buf_text(why, stop ? "the daemon stops" : "the relay took too long");
		return ERR_IO;
	}
	bool answered = result == CURLE_SEND_ERROR || result == CURLE_WEIRD_SERVER_REPLY ||
			result == CURLE_LOGIN_DENIED || result == CURLE_REMOTE_ACCESS_DENIED;
	if (answered && s->lib->easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &code) == CURLE_OK &&
		code >= 400) {
		tell_refusal(s, code, why);
		return code >= 500 && s->stage >= STAGE_RCPT ? ERR_INVALID : ERR_IO;
	}
	buf_text(why, s->why[0] ? s->why : s->lib->easy_strerror(result));
	return ERR_IO;
}

static enum err perform(struct sending *s, const char *from, struct buf *why)
{
	if (!make_url(s)) {
		buf_text(why, "EMAIL_HOST is no host name or address");
		return ERR_IO;
	}
	if (!set_relay(s) || !set_mail(s, from) || !set_bounds(s)) {
		buf_text(why, "libcurl cannot be set up for mail");
		return ERR_NOMEM;
	}
	return judge(s, s->lib->easy_perform(s->curl), why);
}

enum err outbound_send(const struct outbound_mail *mail, struct buf *why)
{
	struct sending s = {.mail = mail, .deadline_ms = loop_now().mono_ms + LIMIT_MAIL_SEND_MS};
	char from[ADDRESS_SIZE], to[ADDRESS_SIZE];
	enum err err = ERR_NOMEM;
	if (!envelope(mail->from, from) || !envelope(mail->to, to)) {
		buf_text(why, "the sender or the recipient is no mail address");
		return ERR_INVALID;
	}
	s.lib = outbound_curl();
	if (!s.lib) {
		buf_text(why, "libcurl (Debian's package libcurl4) cannot be loaded");
		return ERR_IO;
	}
	s.curl = s.lib->easy_init();
	s.to = s.lib->slist_append(NULL, to);
	if (s.curl && s.to)
		err = perform(&s, from, why);
	else
		buf_text(why, "memory is short");
	s.lib->easy_cleanup(s.curl);
	s.lib->slist_free_all(s.to);
	s.lib->url_cleanup(s.url);
	return err;
}
