/*
 * Network addresses as the daemon compares them: IPv4 as IPv4-mapped IPv6, always 16 bytes. No sockets here.
 */
#ifndef TSUZUKI_DAEMON_ADDRESS_H
#define TSUZUKI_DAEMON_ADDRESS_H

#include <stdbool.h>

#include "sync/base/str.h"

struct address {
	unsigned char bytes[16]; /* ::ffff:a.b.c.d for IPv4; all zero: unknown (unix socket) */
};

struct network {
	struct address address;
	unsigned bits; /* of the 16-byte form */
};

enum { ADDRESS_TEXT_SIZE = 46 };

/* "192.0.2.1", "2001:db8::1", "[2001:db8::1]", each with or without a port. */
bool address_parse(struct str text, struct address *out);
/* An address or CIDR, as in TRUSTED_PROXIES. */
bool network_parse(struct str text, struct network *out);
bool network_holds(const struct network *n, const struct address *a);
/*
 * Whom a proxy asks for: the rightmost entry of its X-Forwarded-For that is in none of the trusted networks.
 * An entry that cannot be read ends the walk; when nothing is left, it is whoever was found last, peer to
 * begin with.
 */
struct address address_forwarded(
	const struct network *trusted, size_t count, struct str forwarded, const struct address *peer);
bool address_loopback(const struct address *a);
/* The address that rate limits count: IPv6 by its /64. */
struct address address_counted(const struct address *a);
void address_text(const struct address *a, char out[ADDRESS_TEXT_SIZE]);

#endif
