/*
 * Traffic to the outside stands behind this one interface, so that it can move into a process of its own.
 * Blocking: workers only. Plain data in, a result out.
 */
#ifndef TSUZUKI_DAEMON_OUTBOUND_H
#define TSUZUKI_DAEMON_OUTBOUND_H

#include "daemon/config.h"
#include "sync/base/buf.h"
#include "sync/base/err.h"

struct outbound_mail {
	/* The relay. */
	const char *host;
	unsigned port;
	const char *user; /* NULL: no authentication */
	const char *pass;
	enum mail_tls tls;
	/* The mail. */
	const char *from;   /* "Name <address>" or an address */
	const char *to;	    /* one address */
	struct str message; /* headers and body, CRLF lines */
};

/*
 * Sends one mail by SMTP; at most 30 s. ERR_IO: worth another try; ERR_INVALID: the relay refused it for good
 * (5xx of the recipient). *why: for the log, without credentials, recipient or body.
 */
enum err outbound_send(const struct outbound_mail *mail, struct buf *why);

#endif
