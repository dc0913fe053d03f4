/* Sending by SMTP against a scripted relay on a loopback socket: what each refusal means, and that nothing
 * hangs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/limits.h"
#include "daemon/loop.h"
#include "daemon/outbound.h"

enum { HEARD = 65536 };

/* A relay of one conversation. It answers `verb` with `refusal`, or with silence when that is "". */
struct relay {
	const char *verb;
	const char *refusal;
	atomic_bool *raise; /* set when the silence begins; may be NULL */
	int listener;
	unsigned port;
	pthread_t thread;
	char heard[HEARD];
	size_t heard_len;
	bool taken;
};

static bool say(int fd, const char *line)
{
	return write(fd, line, strlen(line)) == (ssize_t)strlen(line) && write(fd, "\r\n", 2) == 2;
}

/* One line without its CRLF; false at the end of the conversation. */
static bool hear(struct relay *r, int fd, char *line, size_t size)
{
	size_t len = 0;
	char c;
	while (read(fd, &c, 1) == 1) {
		if (r->heard_len + 1 < HEARD)
			r->heard[r->heard_len++] = c;
		if (c == '\n') {
			line[len && line[len - 1] == '\r' ? len - 1 : len] = '\0';
			return true;
		}
		if (len + 1 < size)
			line[len++] = c;
	}
	return false;
}

static bool answer(struct relay *r, int fd, const char *verb, const char *otherwise)
{
	char rest[256];
	if (!r->verb || strcmp(r->verb, verb) != 0)
		return say(fd, otherwise);
	if (*r->refusal)
		return say(fd, r->refusal);
	if (r->raise)
		atomic_store(r->raise, true);
	while (hear(r, fd, rest, sizeof rest))
		;
	return false;
}

static bool take_body(struct relay *r, int fd)
{
	char line[2048];
	while (hear(r, fd, line, sizeof line))
		if (strcmp(line, ".") == 0) {
			r->taken = true;
			return answer(r, fd, "BODY", "250 taken");
		}
	return false;
}

static void converse(struct relay *r, int fd)
{
	char line[2048];
	if (!answer(r, fd, "HI", "220 test"))
		return;
	while (hear(r, fd, line, sizeof line)) {
		bool on = true;
		if (strncmp(line, "EHLO", 4) == 0)
			on = answer(r, fd, "EHLO", "250-test\r\n250 AUTH PLAIN");
		else if (strncmp(line, "AUTH PLAIN", 10) == 0)
			on = say(fd, "334 ") && hear(r, fd, line, sizeof line) &&
			     answer(r, fd, "AUTH", "235 in");
		else if (strncmp(line, "MAIL", 4) == 0)
			on = answer(r, fd, "MAIL", "250 ok");
		else if (strncmp(line, "RCPT", 4) == 0)
			on = answer(r, fd, "RCPT", "250 ok");
		else if (strcmp(line, "DATA") == 0)
			on = answer(r, fd, "DATA", "354 go on") &&
			     (r->verb && strcmp(r->verb, "DATA") == 0 ? true : take_body(r, fd));
		else if (strcmp(line, "QUIT") == 0) {
			(void)answer(r, fd, "QUIT", "221 bye");
			return;
		} else
			on = say(fd, "502 unknown");
		if (!on)
			return;
	}
}

static void *relay_main(void *context)
{
	struct relay *r = context;
	int fd = accept(r->listener, NULL, NULL);
	if (fd >= 0) {
		converse(r, fd);
		(void)close(fd);
	}
	return NULL;
}

static void relay_start(struct relay *r)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof at;
	r->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(r->listener >= 0);
	assert_int_equal(bind(r->listener, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(r->listener, 1), 0);
	assert_int_equal(getsockname(r->listener, (struct sockaddr *)&at, &len), 0);
	r->port = ntohs(at.sin_port);
	assert_int_equal(pthread_create(&r->thread, NULL, relay_main, r), 0);
}

/* Unblocks the relay's thread when nobody called. */
static void relay_end(struct relay *r)
{
	(void)shutdown(r->listener, SHUT_RDWR);
	assert_int_equal(pthread_join(r->thread, NULL), 0);
	(void)close(r->listener);
}

static struct outbound_mail mail_to(const struct relay *r)
{
	return (struct outbound_mail){.host = "127.0.0.1",
		.port = r->port,
		.tls = MAIL_OFF,
		.from = "Anime Stream <noreply@example.com>",
		.to = "secret-person@example.org",
		.message = STR("Subject: x\r\n\r\n.dot\r\nPassword: abcDEF123456\r\n")};
}

/* Sends through a relay that behaves so; *why as a string for the caller to free. */
static enum err send_with(struct relay *r, const struct outbound_mail *with, char **why)
{
	struct buf text = buf_make(1024);
	relay_start(r);
	struct outbound_mail mail = mail_to(r);
	mail.user = with ? with->user : NULL;
	mail.pass = with ? with->pass : NULL;
	mail.stop = with ? with->stop : NULL;
	mail.tls = with ? with->tls : MAIL_OFF;
	enum err err = outbound_send(&mail, &text);
	relay_end(r);
	*why = text.ptr;
	return err;
}

static void a_mail_is_handed_over_whole(void **state)
{
	static struct relay r;
	char *why;
	(void)state;
	assert_int_equal(send_with(&r, NULL, &why), ERR_OK);
	assert_null(why);
	assert_true(r.taken);
	assert_non_null(strstr(r.heard, "MAIL FROM:<noreply@example.com>"));
	assert_non_null(strstr(r.heard, "RCPT TO:<secret-person@example.org>"));
	assert_non_null(strstr(r.heard, "\r\n..dot\r\n"));
}

static void a_refusal_is_judged_by_what_was_refused(void **state)
{
	static const struct {
		const char *verb, *refusal, *said;
		enum err err;
	} cases[] = {
		{"HI", "554 go away", "", ERR_IO},
		{"AUTH", "535 no secret-person", "log-in", ERR_IO},
		{"MAIL", "530 log in first", "EMAIL_FROM", ERR_IO},
		{"MAIL", "451 later", "451", ERR_IO},
		{"RCPT", "451 <secret-person@example.org> later", "recipient", ERR_IO},
		{"RCPT", "550 <secret-person@example.org> unknown", "recipient", ERR_INVALID},
		{"DATA", "554 no valid recipients", "554", ERR_INVALID},
		{"BODY", "452 disk full", "452", ERR_IO},
		{"BODY", "554 spam from secret-person", "554", ERR_INVALID},
		{"QUIT", "500 what", NULL, ERR_OK},
	};
	const struct outbound_mail login = {.user = "relay", .pass = "relay-secret", .tls = MAIL_OFF};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct relay *r = calloc(1, sizeof *r);
		char *why;
		assert_non_null(r);
		r->verb = cases[i].verb;
		r->refusal = cases[i].refusal;
		enum err err = send_with(r, &login, &why);
		print_message("# %s \"%s\": %s, %s\n", r->verb, r->refusal, err_name(err), why ? why : "-");
		assert_int_equal(err, cases[i].err);
		if (cases[i].said) {
			assert_non_null(why);
			assert_non_null(strstr(why, cases[i].said));
			assert_null(strstr(why, "secret"));
		}
		free(why);
		free(r);
	}
}

static void without_starttls_nothing_is_said(void **state)
{
	static struct relay r;
	const struct outbound_mail with = {.user = "relay", .pass = "relay-secret", .tls = MAIL_STARTTLS};
	char *why;
	(void)state;
	assert_int_equal(send_with(&r, &with, &why), ERR_IO);
	assert_non_null(why);
	assert_null(strstr(r.heard, "AUTH"));
	assert_null(strstr(r.heard, "MAIL"));
	free(why);
}

static void a_relay_that_never_says_good_bye_has_taken_the_mail(void **state)
{
	static struct relay r = {.verb = "QUIT", .refusal = ""};
	int64_t begun = loop_now().mono_ms;
	char *why;
	(void)state;
	assert_int_equal(send_with(&r, NULL, &why), ERR_OK);
	assert_true(r.taken);
	/* Two seconds are promised; without them it would be two minutes. */
	assert_true(loop_now().mono_ms - begun < 10000);
}

static void a_stop_ends_a_silent_conversation(void **state)
{
	static const char *const verbs[] = {"HI", "EHLO", "RCPT", "BODY"};
	(void)state;
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
		atomic_bool stop = false;
		const struct outbound_mail with = {.stop = &stop, .tls = MAIL_OFF};
		struct relay *r = calloc(1, sizeof *r);
		char *why;
		assert_non_null(r);
		*r = (struct relay){.verb = verbs[i], .refusal = "", .raise = &stop};
		int64_t begun = loop_now().mono_ms;
		assert_int_equal(send_with(r, &with, &why), ERR_IO);
		assert_string_equal(why, "the daemon stops");
		assert_true(loop_now().mono_ms - begun < 5000);
		free(why);
		free(r);
	}
}

static void no_address_adds_a_command(void **state)
{
	static const char *const bad[] = {
		"a@b.c>\r\nRCPT TO:<x@y.z", "a@b.c\nDATA", "a b@c.d", "", "nobody", "<>"};
	struct buf why = buf_make(1024);
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		/* Port 1 would be ERR_IO: the refusal comes before any connection. */
		struct relay none = {.port = 1};
		struct outbound_mail mail = mail_to(&none);
		mail.to = bad[i];
		assert_int_equal(outbound_send(&mail, &why), ERR_INVALID);
		mail.to = "a@example.com";
		mail.from = bad[i];
		assert_int_equal(outbound_send(&mail, &why), ERR_INVALID);
		mail.from = "a@example.com";
		mail.host = "127.0.0.1/x?y";
		assert_int_equal(outbound_send(&mail, &why), ERR_IO);
	}
	buf_free(&why);
}

static int set_up(void **state)
{
	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mail_is_handed_over_whole),
		cmocka_unit_test(a_refusal_is_judged_by_what_was_refused),
		cmocka_unit_test(without_starttls_nothing_is_said),
		cmocka_unit_test(a_relay_that_never_says_good_bye_has_taken_the_mail),
		cmocka_unit_test(a_stop_ends_a_silent_conversation),
		cmocka_unit_test(no_address_adds_a_command),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
