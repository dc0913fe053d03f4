/*
 * Traffic to the outside stands behind this one interface, so that it can move into a process of its own.
 * Blocking: workers only. Plain data in, a result out.
 */
#ifndef TSUZUKI_DAEMON_OUTBOUND_H
#define TSUZUKI_DAEMON_OUTBOUND_H

#include <stdatomic.h>

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
	/* NULL, or set by another thread to give up within about a second (the daemon stops). */
	const atomic_bool *stop;
};

/*
 * Sends one mail by SMTP; at most LIMIT_MAIL_SEND_MS, name lookup included. Certificates are always verified,
 * against the system's authorities, or against the file that the environment names in SSL_CERT_FILE. With
 * MAIL_STARTTLS nothing is said before the connection is encrypted, and a relay that offers no encryption
 * gets no mail. ERR_OK: the relay took it. ERR_IO: worth another try. ERR_INVALID: never will be: an address
 * that is none, or the relay refused the recipient or the mail with a 5xx. ERR_NOMEM. *why: for the log,
 * without credentials, recipient or body; untouched when all went well.
 */
enum err outbound_send(const struct outbound_mail *mail, struct buf *why);

#endif
