/* The mail with a new password: what stands in it, and what cannot be smuggled into it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/mail_text.h"

static struct mail_text sample(void)
{
	return (struct mail_text){.from = STR("Anime Stream <noreply@example.com>"),
		.to = STR("user@example.com"),
		.username = STR("animefan"),
		.password = STR("abcDEF123456"),
		.now_ms = 1771000000000};
}

static void the_password_stands_on_a_line_of_its_own(void **state)
{
	struct mail_text t = sample();
	struct buf out = buf_make(MAIL_TEXT_MAX);
	(void)state;
	assert_int_equal(mail_text_write(&t, &out), ERR_OK);
	assert_non_null(strstr(out.ptr, "\r\nPassword: abcDEF123456\r\n"));
	assert_non_null(strstr(out.ptr, "\r\nSubject: Your new password\r\n"));
	assert_non_null(strstr(out.ptr, "\r\nDate: Fri, 13 Feb 2026 16:26:40 +0000\r\n"));
	for (const char *at = strchr(out.ptr, '\n'); at; at = strchr(at + 1, '\n'))
		assert_int_equal(at[-1], '\r');
	buf_free(&out);
}

static void no_line_is_longer_than_76_characters(void **state)
{
	static const char *const names[] = {"日本語の名前がとても長い場合はどうなりますか",
		"Ein ganz ordentlich langer Name eines "
		"Absenders, der nicht auf eine Zeile geht",
		"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\""
		"\"\"\"\"\"\""};
	struct buf out = buf_make(MAIL_TEXT_MAX);
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		char from[512];
		struct mail_text t = sample();
		(void)snprintf(from, sizeof from, "%s <noreply@example.com>", names[i]);
		t.from = str_from(from);
		t.username = str_from(names[i]);
		buf_clear(&out);
		assert_int_equal(mail_text_write(&t, &out), ERR_OK);
		struct str rest = buf_str(&out);
		while (rest.len)
			assert_in_range(str_cut(&rest, '\n').len, 1, 77);
	}
	buf_free(&out);
}

static void no_name_or_address_adds_a_header(void **state)
{
	static const char *const bad[] = {"a@b\r\nBcc: x@y", "a b@c", "<a@b>", "a@b@c", "", "@b", "a@"};
	struct buf out = buf_make(MAIL_TEXT_MAX);
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct mail_text t = sample();
		t.to = str_from(bad[i]);
		if (i != 2)
			assert_int_equal(mail_text_write(&t, &out), ERR_INVALID);
		buf_clear(&out);
	}
	struct mail_text t = sample();
	t.username = STR("x\r\nBcc: evil@example.com");
	assert_int_equal(mail_text_write(&t, &out), ERR_OK);
	assert_null(strstr(out.ptr, "\nBcc:"));
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_password_stands_on_a_line_of_its_own),
		cmocka_unit_test(no_line_is_longer_than_76_characters),
		cmocka_unit_test(no_name_or_address_adds_a_header),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
