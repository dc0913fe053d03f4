#include "daemon/config_value.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/un.h>

#include "daemon/secrets.h"
#include "sync/base/check.h"

/* The choices are stored through a pointer to unsigned, which is what the compilers make of these enums. */
_Static_assert(sizeof(enum mail_tls) == sizeof(unsigned), "enum mail_tls is stored as unsigned");
_Static_assert(sizeof(enum registration) == sizeof(unsigned), "enum registration is stored as unsigned");
_Static_assert(sizeof(enum log_level) == sizeof(unsigned), "enum log_level is stored as unsigned");

static void *field(const struct option *o, struct config *c)
{
	return (char *)c + o->offset;
}

/* --- numbers and times
 * ------------------------------------------------------------------------------------------ */

bool value_number(const struct option *o, struct str text, struct config *c, struct buf *fault)
{
	int64_t number;
	if (!str_int(text, o->least, o->most, &number)) {
		buf_fmt(fault, "is not a whole number from %lld to %lld; the default is %s",
			(long long)o->least, (long long)o->most, o->fallback);
		return false;
	}
	*(unsigned *)field(o, c) = (unsigned)number;
	return true;
}

/* "90s", "15m", "12h", "7d". A bare number is refused: old programs read it as seconds or as milliseconds. */
static bool duration_parse(struct str text, int64_t least, int64_t most, int64_t *ms)
{
	static const struct {
		char unit;
		int64_t ms;
	} units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}};
	int64_t count;
	if (text.len < 2 || !str_int((struct str){text.ptr, text.len - 1}, 0, 1000000000, &count))
		return false;
	for (size_t i = 0; i < COUNT_OF(units); i++) {
		if (units[i].unit != text.ptr[text.len - 1])
			continue;
		*ms = count * units[i].ms;
		return *ms >= least && *ms <= most;
	}
	return false;
}

static void duration_text(struct buf *out, int64_t ms)
{
	if (ms % 86400000 == 0)
		buf_fmt(out, "%lldd", (long long)(ms / 86400000));
	else
		buf_fmt(out, "%llds", (long long)(ms / 1000));
}

bool value_duration(const struct option *o, struct str text, struct config *c, struct buf *fault)
{
	if (duration_parse(text, o->least, o->most, field(o, c)))
		return true;
	buf_text(fault, "is not a number and s, m, h or d, from ");
	duration_text(fault, o->least);
	buf_text(fault, " to ");
	duration_text(fault, o->most);
	buf_fmt(fault, "; the default is %s", o->fallback);
	return false;
}

bool value_every(const struct option *o, struct str text, struct config *c, struct buf *fault)
{
	if (str_eq(text, STR("off"))) {
		*(int64_t *)field(o, c) = 0;
		return true;
	}
	bool good = value_duration(o, text, c, fault);
	if (!good)
		buf_text(fault, "; off: never");
	return good;
}

bool value_rate(const struct option *o, struct str text, struct config *c, struct buf *fault)
{
	struct rate *rate = field(o, c);
	int64_t count = 0;
	int64_t window = 0;
	struct str window_text = text;
	struct str count_text = str_cut(&window_text, '/');
	bool off = str_eq(text, STR("off"));
	if (!off && (!str_int(count_text, 1, 1000000, &count) ||
			    !duration_parse(window_text, o->least, o->most, &window))) {
		buf_fmt(fault,
			"is neither off nor a count from 1 to 1000000, '/' and a time of at most one day; "
			"the "
			"default is %s",
			o->fallback);
		return false;
	}
	*rate = (struct rate){.count = (unsigned)count, .window_ms = window};
	return true;
}

/* --- texts
 * ------------------------------------------------------------------------------------------------------ */

static bool keep(struct str text, struct config *c, const char **out, struct buf *fault)
{
	struct str copy;
	if (!arena_str(c->memory, text, &copy)) {
		buf_text(fault, "cannot be kept: there is no memory left");
		return false;
	}
	*out = copy.ptr;
	return true;
}

bool value_text(const struct option *o, struct str text, struct config *c, struct buf *fault)
{
	if ((int64_t)text.len > o->most) {
		buf_fmt(fault, "is longer than %lld bytes", (long long)o->most);
		return false;
	}
	return keep(text, c, field(o, c), fault);
}

bool value_jwt_secret(const struct option *o, struct str text, struct config *c, struct buf *fault)
{
	const char *wrong = secrets_refuse(text);
	if (wrong) {
		buf_fmt(fault,
			"%s; set your own, or leave it unset and one is made (openssl rand -hex 32 prints "
			"one)",
			wrong);
		return false;
	}
	return value_text(o, text, c, fault);
}

bool value_host(const struct option *o, struct str text, struct config *c, struct buf *fault)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]";
	for (size_t i = 0; i < text.len; i++)
		if (!memchr(good, text.ptr[i], sizeof good - 1)) {
			buf_text(fault,
				"is no host name or address; write it alone, such as smtp.example.org");
			return false;
		}
	return value_text(o, text, c, fault);
}

bool value_is_address(struct str text)
{
	size_t at = str_find(text, '@');
	if (at == 0 || at + 1 >= text.len)
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] == ' ' || strchr("<>,;:\"()[]\\", text.ptr[i]) ||
			(text.ptr[i] == '@' && i != at))
			return false;
	return true;
}

bool value_sender(const struct option *o, struct str text, struct config *c, struct buf *fault)
{
	struct str address = text;
	size_t open = str_find(text, '<');
	bool good = true;
	if (open < text.len) {
		good = text.ptr[text.len - 1] == '>';
		address = (struct str){text.ptr + open + 1, text.len - open - 2};
	}
	if (!good || !value_is_address(address)) {
		buf_text(fault, "is no sender; write Name <name@example.org> or name@example.org");
		return false;
	}
	return value_text(o, text, c, fault);
}

bool value_bind(const struct option *o, struct str text, struct config *c, struct buf *fault)
{
	const struct str prefix = STR("unix:");
	unsigned char address[16];
	const char *copy;
	if (!keep(text, c, &copy, fault))
		return false;
	bool good = inet_pton(AF_INET, copy, address) == 1 || inet_pton(AF_INET6, copy, address) == 1;
	if (str_starts(text, prefix))
		good = text.len > prefix.len + 1 && copy[prefix.len] == '/' &&
		       text.len - prefix.len < sizeof((struct sockaddr_un *)NULL)->sun_path;
	if (!good) {
		buf_text(fault, "is no address to listen on; write 127.0.0.1 (this machine only), 0.0.0.0 "
				"(everywhere, IPv4), :: (everywhere) or unix:/path of at most 107 bytes");
		return false;
	}
	*(const char **)field(o, c) = copy;
	return true;
}

static bool path_byte(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
	       c == '.' || c == '_' || c == '~';
}

/* What an IPv6 address in brackets has besides. */
static bool address_byte(char c)
{
	return c == '[' || c == ']' || c == ':';
}

/* "/a/b": segments that are not empty, "." or "..", of bytes that no URL escapes. */
static bool base_path_good(struct str text)
{
	if (text.ptr[0] != '/' || text.ptr[text.len - 1] == '/')
		return false;
	struct str rest = {text.ptr + 1, text.len - 1};
	do {
		struct str segment = str_cut(&rest, '/');
		if (segment.len == 0 || str_eq(segment, STR(".")) || str_eq(segment, STR("..")))
			return false;
		for (size_t i = 0; i < segment.len; i++)
			if (!path_byte(segment.ptr[i]))
				return false;
	} while (rest.len);
	return true;
}

bool value_base_path(const struct option *o, struct str text, struct config *c, struct buf *fault)
{
	if (text.ptr[text.len - 1] == '/')
		text.len--;
	if (text.len && !base_path_good(text)) {
		buf_text(fault, "is no prefix of paths; write it as /tsuzuki, with letters, digits, - . _ ~");
		return false;
	}
	return value_text(o, text, c, fault);
}

/* --- lists
 * ------------------------------------------------------------------------------------------------------ */

static const char origin_form[] =
	"is no list of origins; write https://name or http://name:port without a path, with "
	"commas between them, or leave it unset to allow any";

/* What a browser sends as Origin: lower-case scheme and host, without its default port. */
static bool origin_parse(struct str text, struct config *c, struct str *out)
{
	const struct str http = STR("http://");
	const struct str https = STR("https://");
	if (text.len && text.ptr[text.len - 1] == '/')
		text.len--;
	char *copy = arena_alloc(c->memory, text.len + 1);
	if (!copy)
		return false;
	for (size_t i = 0; i < text.len; i++)
		copy[i] = (char)(text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? text.ptr[i] + 32 : text.ptr[i]);
	struct str origin = {copy, text.len};
	bool tls = str_starts(origin, https);
	if (!tls && !str_starts(origin, http))
		return false;
	size_t skip = tls ? https.len : http.len;
	struct str host = {copy + skip, origin.len - skip};
	size_t bracket = host.len && host.ptr[0] == '[' ? str_find(host, ']') : 0;
	struct str port = {host.ptr + bracket, host.len - bracket};
	size_t host_len = bracket + str_cut(&port, ':').len;
	bool has_port = host_len < host.len;
	int64_t number = 0;
	if (host_len == 0 || (has_port && !str_int(port, 1, 65535, &number)))
		return false;
	for (size_t i = 0; i < host_len; i++)
		if (!path_byte(host.ptr[i]) && !(bracket && address_byte(host.ptr[i])))
			return false;
	if (has_port && number == (tls ? 443 : 80))
		origin.len = skip + host_len;
	*out = origin;
	return true;
}

bool value_origins(const struct option *o, struct str text, struct config *c, struct buf *fault)
{
	struct str rest = text;
	c->origin_count = 0;
	while (rest.len) {
		struct str entry = str_trim(str_cut(&rest, ','));
		if (entry.len == 0)
			continue;
		if (c->origin_count == CONFIG_ORIGINS) {
			buf_fmt(fault, "has more than %d origins", CONFIG_ORIGINS);
			return false;
		}
		if (!origin_parse(entry, c, &c->origins[c->origin_count])) {
			buf_text(fault, origin_form);
			return false;
		}
		c->origin_count++;
	}
	if (c->origin_count == 0) {
		buf_text(fault, origin_form);
		return false;
	}
	return keep(text, c, field(o, c), fault);
}

bool value_networks(const struct option *o, struct str text, struct config *c, struct buf *fault)
{
	(void)o;
	struct str rest = text;
	c->proxy_count = 0;
	while (rest.len) {
		struct str entry = str_trim(str_cut(&rest, ','));
		if (entry.len == 0)
			continue;
		if (c->proxy_count == CONFIG_PROXIES) {
			buf_fmt(fault, "has more than %d entries; write networks, such as 10.0.0.0/8",
				CONFIG_PROXIES);
			return false;
		}
		if (!network_parse(entry, &c->proxies[c->proxy_count])) {
			buf_text(fault,
				"is no list of addresses; write 192.0.2.1 or 10.0.0.0/8 or fd00::/8, with "
				"commas between them");
			return false;
		}
		c->proxy_count++;
	}
	return true;
}

/* --- choices
 * ---------------------------------------------------------------------------------------------------- */

/* The index of text among count words, without regard to case. */
static bool choose(struct str text, const char *const *words, size_t count, unsigned *out, struct buf *fault)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq_fold(text, str_from(words[i]))) {
			*out = (unsigned)i;
			return true;
		}
	buf_text(fault, "is not one of");
	for (size_t i = 0; i < count; i++)
		buf_fmt(fault, "%s %s", i ? "," : "", words[i]);
	return false;
}

/* The words stand in the order of their enums. */
bool value_mail_tls(const struct option *o, struct str text, struct config *c, struct buf *fault)
{
	static const char *const words[] = {"starttls", "implicit", "off"};
	return choose(text, words, COUNT_OF(words), field(o, c), fault);
}

bool value_registration(const struct option *o, struct str text, struct config *c, struct buf *fault)
{
	static const char *const words[] = {"open", "first", "closed"};
	return choose(text, words, COUNT_OF(words), field(o, c), fault);
}

bool value_log_level(const struct option *o, struct str text, struct config *c, struct buf *fault)
{
	static const char *const words[] = {"error", "warn", "info", "debug"};
	return choose(text, words, COUNT_OF(words), field(o, c), fault);
}

bool value_log_format(const struct option *o, struct str text, struct config *c, struct buf *fault)
{
	static const char *const words[] = {"text", "json"};
	unsigned choice;
	if (!choose(text, words, COUNT_OF(words), &choice, fault))
		return false;
	*(bool *)field(o, c) = choice == 1;
	return true;
}

bool value_node_env(const struct option *o, struct str text, struct config *c, struct buf *fault)
{
	(void)fault;
	*(bool *)field(o, c) = str_eq(text, STR("development"));
	return true;
}

bool value_mark(const struct option *o, struct str text, struct config *c, struct buf *fault)
{
	(void)text;
	(void)fault;
	*(bool *)field(o, c) = true;
	return true;
}
