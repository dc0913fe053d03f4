/* Ops: their defaults, keys, events and the words that history shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sync/op.h"

static void an_op_begins_with_nothing_said(void **state)
{
	struct device_id device = {{7}};
	struct op op = op_make(OP_DELETE, COLLECTION_PROGRESS, STR("k"), device);
	(void)state;
	assert_int_equal(op.kind, OP_DELETE);
	assert_int_equal(op.collection, COLLECTION_PROGRESS);
	assert_true(str_eq(op.key, STR("k")));
	assert_true(device_eq(op.device, device));
	/* 0 ms ago is something said, so nothing said is another number. */
	assert_int_equal(op.age_ms, -1);
	assert_int_equal(op.playing_ms, -1);
	assert_int_equal(op.present, 0);
	assert_int_equal(op.event, EVENT_NONE);
	assert_int_equal(op.need, NEED_NOTHING);
	assert_int_equal(op.restore_seq, 0);
	assert_false(op.by_oid);
}

static void keys_have_1_to_200_bytes_of_text(void **state)
{
	char longest[KEY_MAX + 1];
	(void)state;
	memset(longest, 'k', sizeof longest);
	assert_true(key_valid(STR("a")));
	assert_true(key_valid(STR("One Piece / \xe7\xb6\x9a?")));
	assert_true(key_valid((struct str){longest, KEY_MAX}));
	assert_false(key_valid((struct str){longest, KEY_MAX + 1}));
	assert_false(key_valid(STR("")));
	assert_false(key_valid(STR("a\nb")));
	assert_false(key_valid(STR("a\x7f")));
	assert_false(key_valid(STR("a\0b")));
	assert_false(key_valid(STR("a\xff")));
}

static void events_have_names_and_some_tick(void **state)
{
	(void)state;
	for (int e = EVENT_OPEN; e < EVENT_COUNT; e++)
		assert_int_equal(event_of(str_from(event_names[e])), e);
	assert_int_equal(event_of(STR("")), EVENT_NONE);
	assert_int_equal(event_of(STR("Open")), EVENT_NONE);
	assert_int_equal(event_of(STR("heartbea")), EVENT_NONE);
	assert_int_equal(event_of(STR("heartbeats")), EVENT_NONE);
	assert_true(event_ticks(EVENT_HEARTBEAT));
	assert_true(event_ticks(EVENT_PAUSE));
	assert_true(event_ticks(EVENT_STOP));
	assert_false(event_ticks(EVENT_OPEN));
	assert_false(event_ticks(EVENT_SEEK));
	assert_false(event_ticks(EVENT_MANUAL));
	assert_false(event_ticks(EVENT_NONE));
}

/* Numbers stand in the database, words in every client: neither may move. */
static void numbers_and_words_stay_together(void **state)
{
	(void)state;
	assert_int_equal(EVENT_MANUAL, 6);
	assert_string_equal(event_names[1], "open");
	assert_string_equal(event_names[2], "heartbeat");
	assert_string_equal(event_names[3], "pause");
	assert_string_equal(event_names[4], "stop");
	assert_string_equal(event_names[5], "seek");
	assert_string_equal(event_names[6], "manual");
	assert_string_equal(outcome_names[0], "applied");
	assert_string_equal(outcome_names[1], "merged");
	assert_string_equal(outcome_names[2], "superseded");
	assert_string_equal(outcome_names[3], "candidate");
	assert_string_equal(outcome_names[4], "rejected");
	assert_string_equal(rule_names[0], "newest");
	assert_string_equal(rule_names[1], "later_stamp");
	assert_string_equal(rule_names[2], "deleted_later");
	assert_string_equal(rule_names[3], "cleared_later");
	assert_string_equal(rule_names[4], "paused_player");
	assert_string_equal(rule_names[5], "early_rewind");
	assert_int_equal(OP_SET, 0);
	assert_int_equal(OP_DELETE, 1);
	assert_int_equal(OP_CLEAR, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_op_begins_with_nothing_said),
		cmocka_unit_test(keys_have_1_to_200_bytes_of_text),
		cmocka_unit_test(events_have_names_and_some_tick),
		cmocka_unit_test(numbers_and_words_stay_together),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
