/* What doctor looks at outside of the data folder: the port, the certificate, the relay, descriptors. */
#include <errno.h>
#include <netdb.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/doctor.h"

enum { MAIL_WAIT_MS = 5000, DESCRIPTORS_FEW = 1024, DAYS_SOON = 14, ADDRESSES_MOST = 4 };

/* --- the port --- */

static int try_bind(const char *bind_to, unsigned port)
{
	const struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	char text[12];
	int on = 1, reason = EINVAL;
	(void)snprintf(text, sizeof text, "%u", port);
	if (getaddrinfo(bind_to, text, &hints, &found) != 0)
		return EADDRNOTAVAIL;
	int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
		reason = bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, 1) == 0 ? 0 : errno;
		(void)close(fd);
	}
	freeaddrinfo(found);
	return reason;
}

void doctor_port(struct doctor *d)
{
	const struct config *c = d->config;
	bool inherited = json_is_true(json_object_get(d->status, "inherited"));
	json_int_t served = json_integer_value(json_object_get(d->status, "port"));
	if (inherited) {
		doctor_say(d, DOCTOR_OK, "served on the socket of the service manager");
	} else if (d->status && served != (json_int_t)c->port) {
		doctor_say(d, DOCTOR_WARN, "the daemon serves on port %d; the settings say %u", (int)served,
			c->port);
		buf_text(&d->fix, "systemctl restart tsuzukid");
	} else if (d->status || strncmp(c->bind, "unix:", 5) == 0) {
		doctor_say(d, DOCTOR_OK, "%s port %u%s", c->bind, c->port,
			d->status ? ", served by the daemon" : "");
	} else {
		int reason = try_bind(c->bind, c->port);
		doctor_say(d, reason ? DOCTOR_FAIL : DOCTOR_OK, "%s port %u: %s", c->bind, c->port,
			reason ? strerror(reason) : "free");
		if (reason)
			buf_fmt(&d->fix, "ss -ltnp 'sport = :%u'", c->port);
	}
}

/* --- the certificate --- */

/* Days until a moment; negative as soon as it has passed. */
static bool days_until(const ASN1_TIME *moment, int *days)
{
	int seconds = 0;
	if (ASN1_TIME_diff(days, &seconds, NULL, moment) != 1)
		return false;
	if (seconds < 0 && *days == 0)
		*days = -1;
	return true;
}

/* Days until it expires, and until it is valid. false: it cannot be read. */
static bool read_certificate(const char *path, int *expires, int *begins)
{
	FILE *file = fopen(path, "re");
	X509 *cert = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
	bool good = cert && days_until(X509_get0_notAfter(cert), expires) &&
		    days_until(X509_get0_notBefore(cert), begins);
	X509_free(cert);
	if (file)
		(void)fclose(file);
	return good;
}

void doctor_certificate(struct doctor *d)
{
	const char *path = d->config->tls_cert;
	int days = 0, begins = 0;
	if (!path) {
		doctor_say(d, DOCTOR_OK, "none: plain HTTP");
	} else if (!read_certificate(path, &days, &begins)) {
		doctor_say(d, DOCTOR_FAIL, "%s cannot be read as a certificate", path);
		buf_fmt(&d->fix, "openssl x509 -in '%s' -noout -dates", path);
	} else if (days < 0 || begins > 0) {
		doctor_say(d, DOCTOR_FAIL, "%s is %s", path, days < 0 ? "expired" : "not valid yet");
		buf_text(&d->fix, "certbot renew && systemctl reload tsuzukid");
	} else if (days < DAYS_SOON) {
		doctor_say(d, DOCTOR_WARN, "%s expires in %d days", path, days);
		buf_text(&d->fix, "certbot renew && systemctl reload tsuzukid");
	} else {
		doctor_say(d, DOCTOR_OK, "valid for %d days", days);
	}
}

/* --- the relay --- */

/* 0, or why nobody answers there. */
static int try_connect(const struct addrinfo *at)
{
	int reason = 0;
	socklen_t len = sizeof reason;
	int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return errno;
	if (connect(fd, at->ai_addr, at->ai_addrlen) != 0) {
		struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
		reason = errno;
		if (reason == EINPROGRESS) {
			int ready = poll(&poll_fd, 1, MAIL_WAIT_MS);
			if (ready <= 0)
				reason = ETIMEDOUT;
			else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &reason, &len) != 0)
				reason = errno;
		}
	}
	(void)close(fd);
	return reason;
}

void doctor_mail(struct doctor *d)
{
	const struct config *c = d->config;
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	char port[12];
	int tries = 0, reason = EHOSTUNREACH;
	if (!c->email_host) {
		doctor_say(d, DOCTOR_OK, "EMAIL_HOST is unset: no mail is sent");
		return;
	}
	(void)snprintf(port, sizeof port, "%u", c->email_port);
	int failed = getaddrinfo(c->email_host, port, &hints, &found);
	for (const struct addrinfo *at = found; at && reason && tries < ADDRESSES_MOST;
		at = at->ai_next, tries++)
		reason = try_connect(at);
	if (found)
		freeaddrinfo(found);
	if (failed || reason) {
		doctor_say(d, DOCTOR_FAIL, "%s port %u: %s", c->email_host, c->email_port,
			failed ? gai_strerror(failed) : strerror(reason));
		buf_fmt(&d->fix, "curl -v telnet://%s:%u", c->email_host, c->email_port);
	} else {
		doctor_say(d, DOCTOR_OK, "%s port %u answers", c->email_host, c->email_port);
	}
}

/* --- descriptors --- */

void doctor_descriptors(struct doctor *d)
{
	struct rlimit limit = {0};
	long long most = json_integer_value(json_object_get(d->status, "descriptors"));
	if (!d->status && getrlimit(RLIMIT_NOFILE, &limit) == 0)
		most = limit.rlim_max > 1048576 ? 1048576 : (long long)limit.rlim_max;
	doctor_say(d, most < DESCRIPTORS_FEW ? DOCTOR_WARN : DOCTOR_OK, "%lld%s", most,
		most < DESCRIPTORS_FEW ? ": few connections can be open at a time" : "");
	if (most < DESCRIPTORS_FEW)
		buf_text(&d->fix, "systemctl edit tsuzukid # [Service] LimitNOFILE=65536");
}
