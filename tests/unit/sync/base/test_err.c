/* Every code has a name that is not another's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sync/base/err.h"

static void every_error_has_its_name(void **state)
{
	(void)state;
	for (int a = 0; a < ERR_COUNT; a++) {
		assert_string_not_equal(err_name((enum err)a), "unknown");
		for (int b = 0; b < a; b++)
			assert_string_not_equal(err_name((enum err)a), err_name((enum err)b));
	}
	assert_string_equal(err_name(ERR_COUNT), "unknown");
	assert_string_equal(err_name((enum err) - 1), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_error_has_its_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
