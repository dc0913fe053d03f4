/*
 * The text of a mail: RFC 5322 headers and a plain text body, from plain data. No I/O, no clock, no
 * randomness.
 */
#ifndef TSUZUKI_DAEMON_MAIL_TEXT_H
#define TSUZUKI_DAEMON_MAIL_TEXT_H

#include "sync/base/buf.h"
#include "sync/base/err.h"

enum { MAIL_TEXT_MAX = 16 * 1024, MAIL_ID_SIZE = 16 };

/* A mail with a new password. */
struct mail_text {
	struct str from;		/* "Name <address>" or an address */
	struct str to;			/* an address */
	struct str username;		/* UTF-8 */
	struct str password;		/* ASCII letters and digits */
	int64_t now_ms;			/* since 1970 */
	unsigned char id[MAIL_ID_SIZE]; /* random: makes the Message-ID */
};

/*
 * Splits "Name <address>" or "address"; *name is empty when there is none, without the quotes of a quoted
 * one. False unless the address is one that can stand in a header and in an SMTP command: one '@' with
 * something on either side, valid UTF-8 of at most 320 bytes, no space, control byte or any of <>()[]\,;:".
 * Thread-safe.
 */
bool mail_text_mailbox(struct str text, struct str *name, struct str *address);

/*
 * Appends the whole mail to *out, lines ended by CRLF, none over 76 characters unless an address is longer.
 * *out should be empty with a ceiling of MAIL_TEXT_MAX: its memory is taken at once, so that no piece of the
 * password is left behind in memory that grew; the caller wipes it. ERR_INVALID: from or to is no address.
 * ERR_NOMEM.
 */
enum err mail_text_write(const struct mail_text *t, struct buf *out);

#endif
