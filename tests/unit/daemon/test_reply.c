/* Answers: their shapes, and that an answer goes out whatever memory there is. */
#include <string.h>

#include "tests/unit/daemon/support.h"

static struct exchange_of_test x;

static int setup(void **state)
{
	(void)state;
	exchange_open(&x, NULL, METHOD_GET, "/");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(x.answers, 1);
	exchange_close(&x);
	return 0;
}

static void a_message(void **state)
{
	(void)state;
	reply_message(&x.r, "Saved \"it\"");
	assert_int_equal(x.status, 200);
	assert_string_equal(x.body, "{\"success\":true,\"message\":\"Saved \\\"it\\\"\"}");
}

static void an_error_with_and_without_a_code(void **state)
{
	(void)state;
	reply_error(&x.r, 404, "Not here", NULL);
	assert_int_equal(x.status, 404);
	assert_string_equal(x.body, "{\"success\":false,\"message\":\"Not here\"}");
	x.answers = 0;
	reply_error(&x.r, 429, "Slowly", "rate_limited");
	assert_string_equal(x.body, "{\"success\":false,\"message\":\"Slowly\",\"code\":\"rate_limited\"}");
}

static void faults_name_each_rule(void **state)
{
	struct faults f = {.count = 0};
	(void)state;
	fault_add(&f, "username", "Too short");
	fault_add(&f, "email", "Please provide a valid email");
	reply_faults(&x.r, &f);
	assert_int_equal(x.status, 422);
	assert_string_equal(x.body, "{\"success\":false,\"message\":\"Validation "
				    "failed\",\"errors\":[{\"msg\":\"Too short\",\"path\":\"username\"},"
				    "{\"msg\":\"Please provide a valid email\",\"path\":\"email\"}]}");
}

static void the_address_alone_is_the_message(void **state)
{
	struct faults f = {.count = 0};
	(void)state;
	fault_add(&f, "email", "Please provide a valid email");
	reply_faults(&x.r, &f);
	assert_int_equal(x.status, 422);
	assert_string_equal(x.body,
		"{\"success\":false,\"message\":\"Please provide a valid email\",\"errors\":[{\"msg\":"
		"\"Please provide a valid email\",\"path\":\"email\"}]}");
}

static void faults_are_bounded(void **state)
{
	struct faults f = {.count = 0};
	(void)state;
	for (int i = 0; i < 2 * FAULTS_MAX; i++)
		fault_add(&f, "p", "m");
	assert_int_equal(f.count, FAULTS_MAX);
	reply_faults(&x.r, &f);
	assert_int_equal(x.status, 422);
}

static void errors_of_the_store(void **state)
{
	(void)state;
	reply_err(&x.r, ERR_BUSY);
	assert_int_equal(x.status, 503);
	assert_int_equal(x.r.response.retry_after_s, 1);
	assert_non_null(strstr(x.body, "\"code\":\"busy\""));
	reply_err(&x.r, ERR_DISK_FULL);
	assert_int_equal(x.status, 507);
	assert_non_null(strstr(x.body, "\"code\":\"disk_full\""));
	static const enum err others[] = {ERR_NOMEM, ERR_IO, ERR_CORRUPT, ERR_CONFLICT, ERR_INVALID};
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		reply_err(&x.r, others[i]);
		assert_int_equal(x.status, 500);
		/* What went wrong inside is the log's, not the client's. */
		assert_string_equal(x.body, "{\"success\":false,\"message\":\"Internal server error\"}");
	}
	x.answers = 1;
}

static void a_failed_buffer_becomes_a_500(void **state)
{
	struct buf b = buf_make(4);
	(void)state;
	buf_text(&b, "{\"se");
	buf_text(&b, "cret\":1}");
	x.r.response.content_type = "text/html";
	x.r.response.cacheable = true;
	reply_json(&x.r, 200, &b);
	assert_int_equal(x.status, 500);
	assert_string_equal(x.body, "{\"success\":false,\"message\":\"Internal server error\"}");
	assert_null(x.r.response.content_type);
	assert_false(x.r.response.cacheable);
	assert_null(b.ptr);
}

static void the_body_moves(void **state)
{
	struct buf b = buf_make(64);
	(void)state;
	buf_text(&b, "{}");
	const char *bytes = b.ptr;
	reply_json(&x.r, 201, &b);
	assert_int_equal(x.status, 201);
	assert_ptr_equal(x.r.response.body.ptr, bytes);
	assert_null(b.ptr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_message, setup, teardown),
		cmocka_unit_test_setup_teardown(an_error_with_and_without_a_code, setup, teardown),
		cmocka_unit_test_setup_teardown(faults_name_each_rule, setup, teardown),
		cmocka_unit_test_setup_teardown(the_address_alone_is_the_message, setup, teardown),
		cmocka_unit_test_setup_teardown(faults_are_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(errors_of_the_store, setup, teardown),
		cmocka_unit_test_setup_teardown(a_failed_buffer_becomes_a_500, setup, teardown),
		cmocka_unit_test_setup_teardown(the_body_moves, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
