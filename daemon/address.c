#include "daemon/address.h"

#include <arpa/inet.h>
#include <string.h>

enum { MAPPED = 12 }; /* bytes before the IPv4 part of ::ffff:a.b.c.d */

static const unsigned char mapped_prefix[MAPPED] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* inet_pton() wants NUL-terminated text; a slice that does not fit is no address. */
static bool to_text(struct str s, char out[ADDRESS_TEXT_SIZE])
{
	if (!s.len || s.len >= ADDRESS_TEXT_SIZE || memchr(s.ptr, 0, s.len))
		return false;
	memcpy(out, s.ptr, s.len);
	out[s.len] = 0;
	return true;
}

static bool parse_v4(struct str s, struct address *out)
{
	char text[ADDRESS_TEXT_SIZE];
	unsigned char bytes[4];
	if (!to_text(s, text) || inet_pton(AF_INET, text, bytes) != 1)
		return false;
	memcpy(out->bytes, mapped_prefix, MAPPED);
	memcpy(out->bytes + MAPPED, bytes, sizeof bytes);
	return true;
}

static bool parse_v6(struct str s, struct address *out)
{
	char text[ADDRESS_TEXT_SIZE];
	unsigned char bytes[16];
	if (!to_text(s, text) || inet_pton(AF_INET6, text, bytes) != 1)
		return false;
	memcpy(out->bytes, bytes, sizeof bytes);
	return true;
}

static bool is_port(struct str s)
{
	int64_t port;
	return str_int(s, 0, 65535, &port) && s.ptr[0] != '-';
}

static bool is_mapped(const struct address *a)
{
	return memcmp(a->bytes, mapped_prefix, MAPPED) == 0;
}

/* "[2001:db8::1]" with or without ":443" behind it. */
static bool parse_bracketed(struct str text, struct address *out)
{
	struct str rest = {text.ptr + 1, text.len - 1};
	size_t end = str_find(rest, ']');
	if (end == rest.len)
		return false;
	struct str after = {rest.ptr + end + 1, rest.len - end - 1};
	if (after.len && (after.ptr[0] != ':' || !is_port((struct str){after.ptr + 1, after.len - 1})))
		return false;
	return parse_v6((struct str){rest.ptr, end}, out);
}

bool address_parse(struct str text, struct address *out)
{
	if (text.len && text.ptr[0] == '[')
		return parse_bracketed(text, out);
	size_t colon = str_find(text, ':');
	if (colon == text.len)
		return parse_v4(text, out);
	struct str after = {text.ptr + colon + 1, text.len - colon - 1};
	/* Without brackets a second colon makes it IPv6, which then has no port. */
	if (str_find(after, ':') != after.len)
		return parse_v6(text, out);
	return is_port(after) && parse_v4((struct str){text.ptr, colon}, out);
}

bool network_parse(struct str text, struct network *out)
{
	size_t slash = str_find(text, '/');
	struct str host = {text.ptr, slash};
	struct network n = {.bits = 128};
	bool v4 = parse_v4(host, &n.address);
	if (!v4 && !parse_v6(host, &n.address))
		return false;
	if (slash < text.len) {
		int64_t bits;
		if (!str_int((struct str){text.ptr + slash + 1, text.len - slash - 1}, 0, v4 ? 32 : 128,
			    &bits))
			return false;
		n.bits = (unsigned)bits + (v4 ? 96 : 0);
	}
	*out = n;
	return true;
}

bool network_holds(const struct network *n, const struct address *a)
{
	unsigned whole = n->bits / 8, rest = n->bits % 8;
	if (memcmp(n->address.bytes, a->bytes, whole) != 0)
		return false;
	if (!rest)
		return true;
	unsigned mask = 0xffU << (8 - rest) & 0xffU;
	return ((unsigned)(n->address.bytes[whole] ^ a->bytes[whole]) & mask) == 0;
}

static bool any_holds(const struct network *list, size_t count, const struct address *a)
{
	for (size_t i = 0; i < count; i++)
		if (network_holds(&list[i], a))
			return true;
	return false;
}

struct address address_forwarded(
	const struct network *trusted, size_t count, struct str forwarded, const struct address *peer)
{
	struct address client = *peer;
	while (forwarded.len) {
		size_t start = forwarded.len;
		while (start > 0 && forwarded.ptr[start - 1] != ',')
			start--;
		struct address a;
		if (!address_parse(str_trim((struct str){forwarded.ptr + start, forwarded.len - start}), &a))
			return client;
		client = a;
		if (!any_holds(trusted, count, &a))
			return client;
		forwarded.len = start > 0 ? start - 1 : 0;
	}
	return client;
}

bool address_loopback(const struct address *a)
{
	static const unsigned char v6[16] = {[15] = 1};
	return memcmp(a->bytes, v6, sizeof v6) == 0 || (is_mapped(a) && a->bytes[MAPPED] == 127);
}

struct address address_counted(const struct address *a)
{
	struct address counted = *a;
	if (!is_mapped(a))
		memset(counted.bytes + 8, 0, 8);
	return counted;
}

void address_text(const struct address *a, char out[ADDRESS_TEXT_SIZE])
{
	static const struct address none;
	const char *text;
	if (memcmp(a, &none, sizeof none) == 0)
		text = memcpy(out, "unknown", sizeof "unknown");
	else if (is_mapped(a))
		text = inet_ntop(AF_INET, a->bytes + MAPPED, out, ADDRESS_TEXT_SIZE);
	else
		text = inet_ntop(AF_INET6, a->bytes, out, ADDRESS_TEXT_SIZE);
	if (!text)
		out[0] = 0;
}
