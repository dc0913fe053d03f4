/* Memory that is taken piece by piece and given back at once. */
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sync/base/arena.h"

static void pieces_are_zeroed_aligned_and_apart(void **state)
{
	struct arena a = arena_make((size_t)1 << 20);
	unsigned char *pieces[500];
	(void)state;
	for (size_t i = 0; i < 500; i++) {
		size_t size = 1 + i % 97;
		pieces[i] = arena_alloc(&a, size);
		assert_non_null(pieces[i]);
		assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
		for (size_t k = 0; k < size; k++)
			assert_int_equal(pieces[i][k], 0);
		memset(pieces[i], (int)(i % 251) + 1, size);
	}
	for (size_t i = 0; i < 500; i++)
		for (size_t k = 0; k < 1 + i % 97; k++)
			assert_int_equal(pieces[i][k], i % 251 + 1);
	arena_free(&a);
	assert_int_equal(a.used, 0);
	arena_free(&a);
}

static void reused_memory_is_zeroed_again(void **state)
{
	struct arena a = arena_make((size_t)1 << 20);
	(void)state;
	for (int turn = 0; turn < 50; turn++) {
		unsigned char *small = arena_alloc(&a, 300);
		assert_non_null(small);
		for (size_t k = 0; k < 300; k++)
			assert_int_equal(small[k], 0);
		memset(small, 0xff, 300);
		assert_non_null(arena_alloc(&a, 5000)); /* a block of its own */
		arena_reset(&a);
		/* One block stays, so a loop's memory does not grow with its turns. */
		assert_true(a.used <= 5008 + 2048);
	}
	arena_free(&a);
}

static void the_ceiling_holds(void **state)
{
	struct arena a = arena_make(10000);
	size_t taken = 0;
	(void)state;
	assert_null(arena_alloc(&a, 10001));
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_non_null(arena_alloc(&a, 10000));
	arena_free(&a);
	a = arena_make(10000);
	while (arena_alloc(&a, 100))
		taken += 100;
	/* A block's worth may be lost at either side. */
	assert_in_range(taken, 10000 - 2048, 10000 + 2048);
	assert_null(arena_alloc(&a, 100));
	arena_reset(&a);
	assert_non_null(arena_alloc(&a, 100));
	arena_free(&a);
	a = arena_make(0);
	assert_null(arena_alloc(&a, 1));
	arena_free(&a);
}

static void texts_are_copied_and_ended(void **state)
{
	struct arena a = arena_make(4096);
	char source[] = "text";
	struct str copy = {"untouched", 9};
	(void)state;
	assert_true(arena_str(&a, str_from(source), &copy));
	source[0] = 'n';
	assert_string_equal(copy.ptr, "text");
	assert_int_equal(copy.len, 4);
	assert_true(arena_str(&a, str_from(NULL), &copy));
	assert_int_equal(copy.len, 0);
	assert_string_equal(copy.ptr, "");
	copy = STR("untouched");
	assert_false(arena_str(&a, (struct str){source, 5000}, &copy));
	assert_true(str_eq(copy, STR("untouched")));
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_zeroed_aligned_and_apart),
		cmocka_unit_test(reused_memory_is_zeroed_again),
		cmocka_unit_test(the_ceiling_holds),
		cmocka_unit_test(texts_are_copied_and_ended),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
