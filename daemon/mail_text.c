#include "daemon/mail_text.h"

#include <sodium.h>
#include <string.h>
#include <time.h>

#include "sync/base/time.h"

enum {
	LINE = 76, /* characters of a line; RFC 5322 recommends at most 78, quoted-printable demands 76 */
	WORD_BYTES = 42, /* of text in one encoded word: 56 base64 digits, 12 of frame and "From: " are 74 */
	ADDRESS_BYTES = 320, /* 64 of a local part, '@' and 255 of a domain (RFC 5321) */
	NAME_BYTES = 256     /* of a sender's name that are shown */
};

/* --- addresses --- */

static bool is_address(struct str s)
{
	size_t at = str_find(s, '@');
	if (at == 0 || at + 1 >= s.len || s.len > ADDRESS_BYTES || !str_utf8(s) || str_has_control(s))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (strchr(" <>()[]\\,;:\"", s.ptr[i]) || (s.ptr[i] == '@' && i != at))
			return false;
	return true;
}

bool mail_text_mailbox(struct str text, struct str *name, struct str *address)
{
	struct str found = str_trim(text), label = {"", 0};
	size_t open = str_find(found, '<');
	if (open < found.len) {
		if (found.ptr[found.len - 1] != '>')
			return false;
		label = str_trim((struct str){found.ptr, open});
		found = (struct str){found.ptr + open + 1, found.len - open - 2};
	}
	if (!is_address(found))
		return false;
	if (label.len >= 2 && label.ptr[0] == '"' && label.ptr[label.len - 1] == '"')
		label = (struct str){label.ptr + 1, label.len - 2};
	*name = label;
	*address = found;
	return true;
}

/* --- headers --- */

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

static bool is_ascii(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] >= 0x80)
			return false;
	return true;
}

/* The length of s, cut to at most `most` bytes, but never inside a character. */
static size_t cut_chars(struct str s, size_t most)
{
	if (s.len <= most)
		return s.len;
	while (most > 0 && ((unsigned char)s.ptr[most] & 0xc0) == 0x80)
		most--;
	return most;
}

/* RFC 2047: words of base64, one a line. */
static void add_encoded(struct buf *out, struct str text)
{
	char base64[sodium_base64_ENCODED_LEN(WORD_BYTES, sodium_base64_VARIANT_ORIGINAL)];
	while (text.len) {
		size_t len = cut_chars(text, WORD_BYTES);
		(void)sodium_bin2base64(base64, sizeof base64, (const unsigned char *)text.ptr, len,
			sodium_base64_VARIANT_ORIGINAL);
		buf_text(out, "=?UTF-8?B?");
		buf_text(out, base64);
		buf_text(out, "?=");
		text.ptr += len;
		text.len -= len;
		if (text.len)
			buf_text(out, "\r\n ");
	}
}

static void add_quoted(struct buf *out, struct str text)
{
	buf_char(out, '"');
	for (size_t i = 0; i < text.len; i++) {
		/* What was quoted in the setting already stays quoted once. */
		if (text.ptr[i] == '\\' && i + 1 < text.len)
			i++;
		if (text.ptr[i] == '"' || text.ptr[i] == '\\')
			buf_char(out, '\\');
		buf_char(out, text.ptr[i]);
	}
	buf_char(out, '"');
}

/* A name before an address. Control bytes, which could begin a new header, become spaces. */
static void add_name(struct buf *out, struct str name)
{
	char bytes[NAME_BYTES];
	struct str clean = {bytes, cut_chars(name, NAME_BYTES)};
	size_t escapes = 0; /* at most: those that are there already stay as they are */
	for (size_t i = 0; i < clean.len; i++) {
		bytes[i] = (char)(is_control(name.ptr[i]) ? ' ' : name.ptr[i]);
		escapes += bytes[i] == '"' || bytes[i] == '\\';
	}
	if (is_ascii(clean) && clean.len + escapes < LINE - 10)
		add_quoted(out, clean);
	else
		add_encoded(out, clean);
}

static void add_from(struct buf *out, struct str name, struct str address)
{
	buf_text(out, "From: ");
	if (name.len && str_utf8(name)) {
		add_name(out, name);
		buf_text(out, "\r\n ");
	}
	buf_fmt(out, "<%.*s>\r\n", STR_ARG(address));
}

static void add_date(struct buf *out, int64_t ms)
{
	static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[][4] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	/* strftime() would speak the locale's language; the standard demands English. */
	if (ms < 0 || !gmtime_r(&seconds, &tm))
		return;
	buf_fmt(out, "Date: %s, %d %s %d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday], tm.tm_mday,
		months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void add_message_id(struct buf *out, const struct mail_text *t, struct str from)
{
	char hex[2 * MAIL_ID_SIZE + 1];
	size_t at = str_find(from, '@');
	struct str domain = {from.ptr + at + 1, from.len - at - 1};
	str_to_hex(t->id, sizeof t->id, hex);
	buf_fmt(out, "Message-ID:\r\n <%s@%.*s>\r\n", hex, STR_ARG(domain));
}

/* --- the body --- */

/*
 * Quoted-printable (RFC 2045): lines ended by LF come in, CRLF lines of at most 76 bytes go out. Returns the
 * column that it ended in, where the next piece goes on.
 */
static size_t add_printable(struct buf *out, size_t column, struct str text)
{
	static const char hex[] = "0123456789ABCDEF";
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		if (c == '\n') {
			buf_text(out, "\r\n");
			column = 0;
			continue;
		}
		/* A blank at a line's end is lost on the way; a piece that ends in one goes on. */
		bool last = i + 1 < text.len && text.ptr[i + 1] == '\n';
		bool plain = c > 0x20 && c < 0x7f && c != '=';
		plain |= c == ' ' && !last;
		size_t width = plain ? 1 : 3;
		if (column + width > LINE - 1) {
			buf_text(out, "=\r\n");
			column = 0;
		}
		if (plain) {
			buf_char(out, (char)c);
		} else {
			char code[3] = {'=', hex[c >> 4], hex[c & 15]};
			buf_add(out, code, sizeof code);
		}
		column += width;
	}
	return column;
}

static void add_body(struct buf *out, const struct mail_text *t)
{
	char bytes[NAME_BYTES];
	struct str name = {bytes, cut_chars(t->username, NAME_BYTES)};
	for (size_t i = 0; i < name.len; i++)
		bytes[i] = (char)(is_control(t->username.ptr[i]) ? ' ' : t->username.ptr[i]);
	size_t column = add_printable(out, 0, STR("Hello "));
	column = add_printable(out, column, name);
	column = add_printable(out, column,
		STR(",\n\n"
		    "somebody, most likely you, said that the password of your account\n"
		    "was forgotten. Here is a new one:\n\n"
		    "Password: "));
	column = add_printable(out, column, t->password);
	(void)add_printable(out, column,
		STR("\n\n"
		    "It can be used once, within one hour from now. Until you log in with\n"
		    "it, your old password works beside it as before. When you log in with\n"
		    "it, it becomes your password: the old one stops working and all your\n"
		    "other devices are logged out. You can then choose another password\n"
		    "in your settings.\n\n"
		    "If you did not ask for this, you need not do anything. Nobody but the\n"
		    "reader of this mail knows the new password; it is void in an hour, and\n"
		    "your old password stays as it is.\n"));
}

enum err mail_text_write(const struct mail_text *t, struct buf *out)
{
	struct str name, from, no_name, to;
	if (!mail_text_mailbox(t->from, &name, &from) || !mail_text_mailbox(t->to, &no_name, &to) ||
		no_name.len)
		return ERR_INVALID;
	if (out->cap > out->len)
		buf_reserve(out, out->cap - out->len);
	add_from(out, name, from);
	buf_fmt(out, "To: <%.*s>\r\n", STR_ARG(to));
	buf_text(out, "Subject: Your new password\r\n");
	add_date(out, t->now_ms);
	add_message_id(out, t, from);
	buf_text(out, "MIME-Version: 1.0\r\n"
		      "Content-Type: text/plain; charset=UTF-8\r\n"
		      "Content-Transfer-Encoding: quoted-printable\r\n"
		      "Auto-Submitted: auto-generated\r\n"
		      "\r\n");
	add_body(out, t);
	return buf_ok(out) ? ERR_OK : ERR_NOMEM;
}
