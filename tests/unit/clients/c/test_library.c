/* The library as a program uses it, without a server: two handles of one folder, every misuse answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clients/c/tsuzuki.h"

static struct tsz *open_here(const char *dir)
{
	struct tsz *t = NULL;
	struct tsz_options options = {.dir = dir, .device_name = "Kitchen", .wait_ms = 2000};
	if (tsz_open(&options, &t) != TSZ_OK)
		fail_msg("%s", tsz_error(t));
	return t;
}

static double number(struct tsz *t, const char *key, const char *collection, const char *field)
{
	char *text = NULL;
	assert_int_equal(tsz_show(t, key, &text), TSZ_OK);
	json_t *json = json_loads(text, 0, NULL);
	double value = json_number_value(json_object_get(json_object_get(json, collection), field));
	json_decref(json);
	tsz_free(text);
	return value;
}

static void test_two_handles(void **state)
{
	struct tsz *player = open_here("./two/deep");
	struct tsz *command = open_here("./two/deep");
	struct tsz_progress p = TSZ_PROGRESS;
	struct tsz_edit edit = TSZ_EDIT;
	(void)state;
	edit.rating = 7;
	assert_int_equal(tsz_add(command, "one", &edit), TSZ_OK);
	p.episode = 1;
	p.event = "heartbeat";
	p.session = "s";
	p.duration = 1440;
	for (int i = 1; i <= 20; i++) {
		p.time = i;
		assert_int_equal(tsz_progress(player, "one", &p), TSZ_OK);
		edit.rating = 1 + i % 10;
		assert_int_equal(tsz_set(command, "one", &edit), TSZ_OK);
		assert_true(number(command, "one", "progress", "currentTime") == i);
		assert_true(number(player, "one", "watchlist", "rating") == 1 + i % 10);
	}
	tsz_close(command);
	tsz_close(player);
}

static void test_misuse(void **state)
{
	struct tsz *t = open_here("./misuse");
	struct tsz_edit edit = TSZ_EDIT;
	struct tsz_progress p = TSZ_PROGRESS;
	char *text = NULL;
	(void)state;
	assert_int_equal(tsz_add(t, "", &edit), TSZ_INVALID);
	assert_int_equal(tsz_add(t, "\xff", &edit), TSZ_INVALID);
	assert_int_equal(tsz_set(t, "one", &edit), TSZ_INVALID);
	edit.title = "\xc3";
	assert_int_equal(tsz_add(t, "one", &edit), TSZ_INVALID);
	assert_non_null(strstr(tsz_error(t), "300 characters"));
	p.episode = 1;
	p.time = nan("");
	assert_int_equal(tsz_progress(t, "one", &p), TSZ_INVALID);
	p.time = HUGE_VAL;
	assert_int_equal(tsz_progress(t, "one", &p), TSZ_INVALID);
	p.time = 1;
	p.session = "a session that is longer than sixty-four bytes, which is what they may have at most";
	assert_int_equal(tsz_progress(t, "one", &p), TSZ_INVALID);
	p.session = NULL;
	p.episode = 0;
	assert_int_equal(tsz_progress(t, "one", &p), TSZ_INVALID);
	assert_int_equal(tsz_history(t, "notes", "one", &text), TSZ_INVALID);
	assert_int_equal(tsz_history(t, NULL, "one", &text), TSZ_INVALID);
	assert_int_equal(tsz_remove(t, "watchlist", "one"), TSZ_NOT_FOUND);
	assert_int_equal(tsz_restore(t, "watchlist", "one", 0), TSZ_INVALID);
	assert_int_equal(tsz_restore(t, "watchlist", "one", 99), TSZ_NOT_FOUND);
	assert_int_equal(tsz_undo(t, "nothing", "one", NULL), TSZ_INVALID);
	assert_int_equal(tsz_undo(t, "watchlist", "one", &text), TSZ_NOT_FOUND);
	assert_null(text);
	assert_int_equal(tsz_list(t, "seen", &text), TSZ_INVALID);
	assert_int_equal(tsz_sync(t, 100, NULL), TSZ_DENIED);
	assert_false(tsz_logged_in(t));
	tsz_close(t);
	tsz_close(NULL);
}

static void test_no_folder(void **state)
{
	struct tsz *t = NULL;
	(void)state;
	assert_int_equal(tsz_open(&(struct tsz_options){.dir = ""}, &t), TSZ_INVALID);
	tsz_close(t);
	assert_int_equal(tsz_open(&(struct tsz_options){.dir = "/dev/null/x"}, &t), TSZ_IO);
	assert_non_null(strstr(tsz_error(t), "cannot be made"));
	tsz_close(t);
}

/* What undo takes back, seen in what it says. */
static void test_undo(void **state)
{
	struct tsz *t = open_here("./undo");
	struct tsz_edit edit = TSZ_EDIT;
	struct tsz_progress p = TSZ_PROGRESS;
	char *what = NULL;
	(void)state;
	p.episode = 4;
	p.time = 100;
	p.duration = 1440;
	assert_int_equal(tsz_progress(t, "one", &p), TSZ_OK);
	p.time = 200;
	assert_int_equal(tsz_progress(t, "one", &p), TSZ_OK);
	assert_int_equal(tsz_undo(t, "progress", "one", &what), TSZ_OK);
	assert_string_equal(
		what, "{\"position\":{\"currentEpisode\":4,\"currentTime\":100,\"duration\":1440}}");
	tsz_free(what);
	assert_int_equal(tsz_remove(t, "progress", "one"), TSZ_OK);
	assert_int_equal(tsz_undo(t, "progress", "one", NULL), TSZ_OK);
	assert_true(number(t, "one", "progress", "currentTime") == 100);
	edit.notes = "first";
	assert_int_equal(tsz_add(t, "two", &edit), TSZ_OK);
	assert_int_equal(tsz_undo(t, "watchlist", "two", &what), TSZ_OK);
	assert_string_equal(what, "null");
	tsz_free(what);
	tsz_close(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_handles),
		cmocka_unit_test(test_misuse),
		cmocka_unit_test(test_no_folder),
		cmocka_unit_test(test_undo),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
