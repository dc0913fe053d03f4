/*
 * A mail's text. Line by line: sender, recipient, user name, and a second user name with line feeds in it.
 * Nothing that a person chose begins a header, a line or a second mail.
 */
#include "daemon/mail_text.h"
#include "tests/fuzz/fuzz.h"

static const char *const headers[] = {"From: ", "To: ", "Subject: ", "Date: ", "Message-ID:",
	"MIME-Version: ", "Content-Type: ", "Content-Transfer-Encoding: ", "Auto-Submitted: "};

/* Lines end in CRLF, and neither byte stands alone. Cuts one off. */
static struct str cut_line(struct str *rest)
{
	size_t end = str_find(*rest, '\n');
	CHECK(end < rest->len);
	CHECK(end > 0 && rest->ptr[end - 1] == '\r');
	struct str line = {rest->ptr, end - 1};
	CHECK(str_find(line, '\r') == line.len);
	*rest = (struct str){rest->ptr + end + 1, rest->len - end - 1};
	return line;
}

/* The headers are the nine that there are, in their order; long ones go on behind a blank. */
static void check_headers(struct str *rest, size_t longest)
{
	size_t next = 0;
	for (;;) {
		struct str line = cut_line(rest);
		if (!line.len)
			break;
		/* An address is not folded. */
		CHECK(line.len <= 76 || line.len <= longest + 40);
		if (line.ptr[0] == ' ') {
			CHECK(next > 0);
			continue;
		}
		CHECK(next < COUNT_OF(headers));
		CHECK(str_starts(line, str_from(headers[next])));
		next++;
	}
	CHECK(next == COUNT_OF(headers));
}

static void check_body(struct str rest)
{
	unsigned passwords = 0;
	bool goes_on = false; /* the line before ended in a soft break: people see both as one */
	while (rest.len) {
		struct str line = cut_line(&rest);
		CHECK(line.len <= 76);
		for (size_t i = 0; i < line.len; i++)
			CHECK(line.ptr[i] >= 0x20 && line.ptr[i] < 0x7f);
		/* A line of one dot would end the mail. */
		CHECK(!str_eq(line, STR(".")));
		passwords += !goes_on && str_starts(line, STR("Password: "));
		goes_on = line.len && line.ptr[line.len - 1] == '=';
	}
	CHECK(passwords == 1);
}

static void check_mail(const struct mail_text *t)
{
	struct buf out = buf_make(MAIL_TEXT_MAX);
	struct str name, from, to;
	enum err err = mail_text_write(t, &out);
	bool good =
		mail_text_mailbox(t->from, &name, &from) && mail_text_mailbox(t->to, &name, &to) && !name.len;
	CHECK(err == (good ? ERR_OK : ERR_INVALID));
	if (!err) {
		struct str rest = buf_str(&out);
		CHECK(!memchr(rest.ptr, 0, rest.len));
		check_headers(&rest, from.len > to.len ? from.len : to.len);
		check_body(rest);
	}
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = input_make(data, size);
	struct mail_text t = {.password = STR("abcDEF123456"), .now_ms = 1771000000000};
	t.from = str_cut(&rest, '\n');
	t.to = str_cut(&rest, '\n');
	t.username = str_cut(&rest, '\n');
	check_mail(&t);
	t.username = rest;
	check_mail(&t);
	t.from = rest;
	check_mail(&t);
	t.from = STR("noreply@example.com");
	t.to = rest;
	check_mail(&t);
	return 0;
}
