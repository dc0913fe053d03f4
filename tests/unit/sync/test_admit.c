/* Playback admission, row by row of the table of events (sync-protocol.md section 4). Pure: no store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sync/admit.h"
#include "sync/base/check.h"

enum { NOW = 1000000000 };

static const struct stamp never = {{0}};
static const struct playback unknown;
static const struct device_id tv = {{1}};
static const struct device_id phone = {{2}};
static const enum event ticks[] = {EVENT_HEARTBEAT, EVENT_PAUSE, EVENT_STOP};
static const enum event meant[] = {EVENT_SEEK, EVENT_MANUAL};

/* Episode 5 at 600 of 1440, written by the television's session "tv" an hour ago, with its details. */
static struct item stored(void)
{
	struct item it;
	item_init(&it, COLLECTION_PROGRESS, STR("anime-1"));
	it.fresh = false;
	it.cells[REG_POSITION].stamp = stamp_make(NOW - 3600000, 0, tv);
	it.cells[REG_POSITION].value.f[POSITION_EPISODE].i = 5;
	it.cells[REG_POSITION].value.f[POSITION_TIME].r = 600;
	it.cells[REG_POSITION].value.f[POSITION_DURATION].r = 1440;
	it.cells[REG_OPENED] = it.cells[REG_POSITION];
	it.cells[REG_OPENED].value = value_default(REG_OPENED);
	it.cells[REG_OPENED].value.f[OPENED_EPISODE].i = 5;
	it.cells[REG_OPENED].value.f[OPENED_TITLE].s = STR("Five");
	it.cells[REG_OPENED].value.f[OPENED_DUB].s = STR("yes");
	it.place_session = STR("tv");
	it.place_began = NOW - 7200000;
	return it;
}

/* What an op of that event says: episode and time; no duration, no details. */
static struct op says(
	enum event event, struct device_id device, const char *session, int64_t episode, double time)
{
	struct op op = op_make(OP_SET, COLLECTION_PROGRESS, STR("anime-1"), device);
	op.event = event;
	op.session = str_from(session);
	op.present = 1u << REG_OPENED | (event == EVENT_OPEN ? 0 : 1u << REG_POSITION);
	op.values[REG_OPENED].f[OPENED_EPISODE].i = episode;
	op.values[REG_POSITION].f[POSITION_EPISODE].i = episode;
	op.values[REG_POSITION].f[POSITION_TIME].r = time;
	op.partial[REG_POSITION] = 1u << POSITION_TIME;
	return op;
}

static struct admission ask(
	const struct item *it, const struct op *op, int64_t ms, const struct playback *before)
{
	struct admission a;
	memset(&a, 0xff, sizeof a);
	admit(it, never, op, stamp_make(ms, 0, op->device), before, &a);
	return a;
}

/* --- what is written --- */

static void open_writes_what_was_opened_and_no_place(void **state)
{
	struct item it = stored();
	struct op op = says(EVENT_OPEN, phone, "", 6, 0);
	(void)state;
	struct admission a = ask(&it, &op, NOW, &unknown);
	assert_false(a.candidate);
	assert_int_equal(a.present, 1u << REG_OPENED);
	assert_int_equal(a.values[REG_OPENED].f[OPENED_EPISODE].i, 6);
	/* Opening the same episode again counts as opened last, though no value changes. */
	op = says(EVENT_OPEN, phone, "", 5, 0);
	a = ask(&it, &op, NOW, &unknown);
	assert_int_equal(a.present, 1u << REG_OPENED);
	assert_true(value_eq(REG_OPENED, &a.values[REG_OPENED], &it.cells[REG_OPENED].value));
	/* A position that came along is not looked at. */
	op.present |= 1u << REG_POSITION;
	op.values[REG_POSITION].f[POSITION_EPISODE].i = 5;
	a = ask(&it, &op, NOW, &unknown);
	assert_int_equal(a.present, 1u << REG_OPENED);
	assert_false(a.session.ticked);
}

static void the_holders_ticks_write_position_whatever_they_say(void **state)
{
	struct item it = stored();
	(void)state;
	for (size_t i = 0; i < COUNT_OF(ticks); i++) {
		static const double times[] = {600, 600.5, 601, 100, 0};
		for (size_t k = 0; k < COUNT_OF(times); k++) {
			struct op op = says(ticks[i], tv, "tv", 5, times[k]);
			struct admission a = ask(&it, &op, NOW - 3599000, &unknown);
			assert_false(a.candidate);
			assert_int_equal(a.present, 1u << REG_POSITION);
			assert_true(a.values[REG_POSITION].f[POSITION_TIME].r == times[k]);
		}
	}
}

static void ticks_write_opened_only_when_it_would_change(void **state)
{
	struct item it = stored();
	struct op op = says(EVENT_HEARTBEAT, tv, "tv", 5, 601);
	(void)state;
	op.partial[REG_OPENED] = 1u << OPENED_TITLE;
	op.values[REG_OPENED].f[OPENED_TITLE].s = STR("Five");
	assert_int_equal(ask(&it, &op, NOW, &unknown).present, 1u << REG_POSITION);
	op.values[REG_OPENED].f[OPENED_TITLE].s = STR("Five, at last");
	assert_int_equal(ask(&it, &op, NOW, &unknown).present, 1u << REG_POSITION | 1u << REG_OPENED);
	op = says(EVENT_HEARTBEAT, tv, "tv", 6, 1);
	assert_int_equal(ask(&it, &op, NOW, &unknown).present, 1u << REG_POSITION | 1u << REG_OPENED);
	/* A title likewise; also when the item was deleted since, for a title survives that. */
	op = says(EVENT_HEARTBEAT, tv, "tv", 5, 601);
	op.present |= 1u << REG_TITLE;
	op.values[REG_TITLE].f[0].s = STR("Anime");
	assert_true(ask(&it, &op, NOW, &unknown).present & 1u << REG_TITLE);
	it.cells[REG_TITLE].stamp = stamp_make(1, 0, tv);
	it.cells[REG_TITLE].value.f[0].s = STR("Anime");
	assert_false(ask(&it, &op, NOW, &unknown).present & 1u << REG_TITLE);
	it.deleted = stamp_make(2, 0, tv);
	assert_false(ask(&it, &op, NOW, &unknown).present & 1u << REG_TITLE);
	/* A void `opened` is no held one: it is written though its old value is the same. */
	it.deleted = stamp_make(NOW - 1000, 0, tv);
	op.partial[REG_OPENED] = 1u << OPENED_TITLE | 1u << OPENED_DUB;
	op.values[REG_OPENED].f[OPENED_TITLE].s = STR("Five");
	op.values[REG_OPENED].f[OPENED_DUB].s = STR("yes");
	assert_true(ask(&it, &op, NOW, &unknown).present & 1u << REG_OPENED);
}

static void what_was_meant_is_written_backwards_too(void **state)
{
	struct item it = stored();
	(void)state;
	for (size_t i = 0; i < COUNT_OF(meant); i++) {
		struct op op = says(meant[i], phone, "phone", 5, 10);
		struct playback paused = {.known = true,
			.began = NOW - 1,
			.last = NOW - 1,
			.ticked = true,
			.anchor_episode = 5,
			.anchor_time = 10};
		struct admission a = ask(&it, &op, NOW, &paused);
		assert_false(a.candidate);
		assert_true(a.present & 1u << REG_POSITION);
		assert_true(a.values[REG_POSITION].f[POSITION_TIME].r == 10);
	}
}

/* --- completion of missing fields --- */

static void missing_fields_stay_within_an_episode(void **state)
{
	struct item it = stored();
	struct op op = says(EVENT_MANUAL, phone, "", 5, 700);
	(void)state;
	struct admission a = ask(&it, &op, NOW, &unknown);
	assert_true(a.values[REG_POSITION].f[POSITION_DURATION].r == 1440);
	assert_true(str_eq(a.values[REG_OPENED].f[OPENED_TITLE].s, STR("Five")));
	assert_true(str_eq(a.values[REG_OPENED].f[OPENED_DUB].s, STR("yes")));
	op = says(EVENT_MANUAL, phone, "", 6, 700);
	a = ask(&it, &op, NOW, &unknown);
	assert_true(a.values[REG_POSITION].f[POSITION_DURATION].r == 0);
	assert_true(str_eq(a.values[REG_OPENED].f[OPENED_TITLE].s, STR("")));
	assert_true(str_eq(a.values[REG_OPENED].f[OPENED_DUB].s, STR("no")));
	assert_int_equal(a.values[REG_POSITION].f[POSITION_EPISODE].i, 6);
	assert_int_equal(a.values[REG_OPENED].f[OPENED_EPISODE].i, 6);
	/* A void value is no value. */
	it.deleted = stamp_make(NOW - 1, 0, tv);
	op = says(EVENT_MANUAL, phone, "", 5, 700);
	a = ask(&it, &op, NOW, &unknown);
	assert_true(a.values[REG_POSITION].f[POSITION_DURATION].r == 0);
	assert_true(str_eq(a.values[REG_OPENED].f[OPENED_TITLE].s, STR("")));
}

static void given_fields_are_taken_one_by_one(void **state)
{
	struct item it = stored();
	struct op op = says(EVENT_MANUAL, phone, "", 5, 700);
	(void)state;
	op.partial[REG_POSITION] = 1u << POSITION_DURATION;
	op.values[REG_POSITION].f[POSITION_DURATION].r = 1500;
	op.partial[REG_OPENED] = 1u << OPENED_SERVER;
	op.values[REG_OPENED].f[OPENED_SERVER].s = STR("hd-2");
	struct admission a = ask(&it, &op, NOW, &unknown);
	assert_true(a.values[REG_POSITION].f[POSITION_TIME].r == 600);
	assert_true(a.values[REG_POSITION].f[POSITION_DURATION].r == 1500);
	assert_true(str_eq(a.values[REG_OPENED].f[OPENED_SERVER].s, STR("hd-2")));
	assert_true(str_eq(a.values[REG_OPENED].f[OPENED_TITLE].s, STR("Five")));
}

/* --- (a): a paused player --- */

static struct playback anchored(int64_t episode, double time)
{
	/* Two hours old: (b) is not asked, and the anchor counts however old it is. */
	return (struct playback){.known = true,
		.began = NOW - 7200000,
		.last = NOW - 1000,
		.ticked = true,
		.anchor_episode = episode,
		.anchor_time = time};
}

static void a_paused_player_is_a_candidate(void **state)
{
	struct item it = stored();
	static const double same[] = {300, 300.99, 299.01};
	static const double other[] = {301, 299, 1440};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(ticks); i++) {
		struct playback before = anchored(5, 300);
		for (size_t k = 0; k < COUNT_OF(same); k++) {
			struct op op = says(ticks[i], phone, "p", 5, same[k]);
			struct admission a = ask(&it, &op, NOW, &before);
			assert_true(a.candidate);
			assert_int_equal(a.rule, RULE_PAUSED_PLAYER);
			/* The anchor stays: else a second a tick would creep past the question. */
			assert_true(a.session.anchor_time == 300);
		}
		for (size_t k = 0; k < COUNT_OF(other); k++) {
			struct op op = says(ticks[i], phone, "p", 5, other[k]);
			struct admission a = ask(&it, &op, NOW, &before);
			assert_false(a.candidate);
			assert_true(a.session.anchor_time == other[k]);
		}
	}
}

static void each_condition_of_a_paused_player_is_needed(void **state)
{
	struct item it = stored();
	struct op op = says(EVENT_HEARTBEAT, phone, "p", 5, 300);
	struct playback before = anchored(5, 300);
	(void)state;
	assert_true(ask(&it, &op, NOW, &before).candidate);
	/* Another episode than the anchor's. */
	before = anchored(4, 300);
	assert_false(ask(&it, &op, NOW, &before).candidate);
	/* A session that was opened but never ticked has no anchor. */
	before = anchored(5, 300);
	before.ticked = false;
	assert_false(ask(&it, &op, NOW, &before).candidate);
	/* Nobody holds a place: void, or never written. */
	before = anchored(5, 300);
	it.deleted = stamp_make(NOW - 1000, 0, tv);
	assert_false(ask(&it, &op, NOW, &before).candidate);
	item_init(&it, COLLECTION_PROGRESS, STR("anime-1"));
	assert_false(ask(&it, &op, NOW, &before).candidate);
	/* Older than the stored position: merged, and loses, without questions. */
	it = stored();
	it.cells[REG_POSITION].stamp = stamp_make(NOW + 1, 0, tv);
	assert_false(ask(&it, &op, NOW, &before).candidate);
	/* The session holds the place. */
	it = stored();
	it.cells[REG_POSITION].stamp = stamp_make(NOW - 3600000, 0, phone);
	it.place_session = STR("p");
	assert_false(ask(&it, &op, NOW, &before).candidate);
	/* The same device in another session, and the same session name of another device, do not. */
	it.place_session = STR("q");
	assert_true(ask(&it, &op, NOW, &before).candidate);
	it = stored();
	it.place_session = STR("p");
	assert_true(ask(&it, &op, NOW, &before).candidate);
}

static void the_anchor_is_the_last_tick_that_was_not_a_pause(void **state)
{
	struct item it = stored();
	struct op op = says(EVENT_HEARTBEAT, phone, "p", 5, 900);
	(void)state;
	/* The first tick is one. */
	struct admission a = ask(&it, &op, NOW, &unknown);
	assert_false(a.candidate);
	assert_true(a.session.ticked);
	assert_int_equal(a.session.anchor_episode, 5);
	assert_true(a.session.anchor_time == 900);
	/* An early rewind moves it: the player is playing, only behind. */
	op = says(EVENT_HEARTBEAT, phone, "p", 5, 100);
	a = ask(&it, &op, NOW + 1000, &a.session);
	assert_true(a.candidate);
	assert_int_equal(a.rule, RULE_EARLY_REWIND);
	assert_true(a.session.anchor_time == 100);
	/* What was meant moves it too. */
	op = says(EVENT_SEEK, phone, "p", 5, 50);
	a = ask(&it, &op, NOW + 2000, &a.session);
	assert_true(a.session.anchor_time == 50);
}

/* --- (b): an early rewind --- */

static void an_early_rewind_is_a_candidate(void **state)
{
	struct item it = stored();
	(void)state;
	for (size_t i = 0; i < COUNT_OF(ticks); i++) {
		struct op op = says(ticks[i], phone, "p", 5, 569.99);
		struct admission a = ask(&it, &op, NOW, &unknown);
		assert_true(a.candidate);
		assert_int_equal(a.rule, RULE_EARLY_REWIND);
		op = says(ticks[i], phone, "p", 5, 570); /* 30 s are not more than 30 s */
		assert_false(ask(&it, &op, NOW, &unknown).candidate);
	}
}

static void each_condition_of_an_early_rewind_is_needed(void **state)
{
	struct item it = stored();
	struct op op = says(EVENT_HEARTBEAT, phone, "p", 5, 100);
	struct playback before = {.known = true, .began = NOW - 60000, .last = NOW - 1000};
	(void)state;
	assert_true(ask(&it, &op, NOW, &before).candidate);
	before.began = NOW - 60001;
	assert_false(ask(&it, &op, NOW, &before).candidate);
	before.began = NOW - 60000;
	op = says(EVENT_HEARTBEAT, phone, "p", 4, 100);
	assert_false(ask(&it, &op, NOW, &before).candidate);
	op = says(EVENT_HEARTBEAT, phone, "p", 6, 100);
	assert_false(ask(&it, &op, NOW, &before).candidate);
	op = says(EVENT_HEARTBEAT, phone, "p", 5, 700);
	assert_false(ask(&it, &op, NOW, &before).candidate);
	op = says(EVENT_HEARTBEAT, tv, "tv", 5, 100);
	assert_false(ask(&it, &op, NOW, &before).candidate);
	op = says(EVENT_HEARTBEAT, phone, "p", 5, 100);
	it.cells[REG_POSITION].stamp = stamp_make(NOW + 1, 0, tv);
	assert_false(ask(&it, &op, NOW, &before).candidate);
}

/* --- sessions --- */

static void playing_says_when_a_session_began(void **state)
{
	struct item it = stored();
	struct op op = says(EVENT_HEARTBEAT, phone, "p", 5, 100);
	(void)state;
	op.playing_ms = 60001; /* many ticks joined into one: it did not begin just now */
	struct admission a = ask(&it, &op, NOW, &unknown);
	assert_false(a.candidate);
	assert_int_equal(a.session.began, NOW - 60001);
	op.playing_ms = 59999;
	assert_true(ask(&it, &op, NOW, &unknown).candidate);
	/* The earliest counts: a later claim does not make it younger. */
	struct playback before = {.known = true, .began = NOW - 100000, .last = NOW - 1000};
	a = ask(&it, &op, NOW, &before);
	assert_false(a.candidate);
	assert_int_equal(a.session.began, NOW - 100000);
}

static void after_ten_minutes_without_a_tick_a_session_begins_anew(void **state)
{
	struct item it = stored();
	struct op op = says(EVENT_HEARTBEAT, phone, "p", 5, 100);
	struct playback before = {.known = true, .began = NOW - 3600000, .last = NOW - 600000};
	(void)state;
	struct admission a = ask(&it, &op, NOW, &before);
	assert_false(a.candidate);
	assert_int_equal(a.session.began, NOW - 3600000);
	before.last = NOW - 600001;
	a = ask(&it, &op, NOW, &before);
	assert_true(a.candidate);
	assert_int_equal(a.session.began, NOW);
	assert_int_equal(a.session.last, NOW);
	/* The anchor outlives that: a player paused over night is still paused. */
	before.ticked = true;
	before.anchor_episode = 5;
	before.anchor_time = 100;
	a = ask(&it, &op, NOW, &before);
	assert_int_equal(a.rule, RULE_PAUSED_PLAYER);
}

static void an_open_begins_a_session_and_late_ops_do_not_end_it(void **state)
{
	struct item it = stored();
	struct op op = says(EVENT_OPEN, phone, "p", 5, 0);
	(void)state;
	struct admission a = ask(&it, &op, NOW, &unknown);
	assert_true(a.session.known);
	assert_int_equal(a.session.began, NOW);
	assert_false(a.session.ticked);
	op = says(EVENT_HEARTBEAT, phone, "p", 5, 100);
	assert_false(ask(&it, &op, NOW + 60001, &a.session).candidate);
	assert_true(ask(&it, &op, NOW + 60000, &a.session).candidate);
	/* An op that comes late is the earliest tick known, and does not move the last one back. */
	struct admission late = ask(&it, &op, NOW - 5000, &a.session);
	assert_int_equal(late.session.began, NOW - 5000);
	assert_int_equal(late.session.last, NOW);
}

static void the_holders_state_is_the_items(void **state)
{
	struct item it = stored();
	(void)state;
	struct playback p = admit_holder_state(&it);
	assert_true(p.known);
	assert_true(p.ticked);
	assert_int_equal(p.began, NOW - 7200000);
	assert_int_equal(p.last, NOW - 3600000);
	assert_int_equal(p.anchor_episode, 5);
	assert_true(p.anchor_time == 600);
	struct op op = says(EVENT_PAUSE, tv, "tv", 5, 600);
	assert_true(admit_holder(&it, never, &op));
	assert_false(admit_holder(&it, it.cells[REG_POSITION].stamp, &op));
	op.session = STR("");
	assert_false(admit_holder(&it, never, &op));
	op = says(EVENT_PAUSE, phone, "tv", 5, 600);
	assert_false(admit_holder(&it, never, &op));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_writes_what_was_opened_and_no_place),
		cmocka_unit_test(the_holders_ticks_write_position_whatever_they_say),
		cmocka_unit_test(ticks_write_opened_only_when_it_would_change),
		cmocka_unit_test(what_was_meant_is_written_backwards_too),
		cmocka_unit_test(missing_fields_stay_within_an_episode),
		cmocka_unit_test(given_fields_are_taken_one_by_one),
		cmocka_unit_test(a_paused_player_is_a_candidate),
		cmocka_unit_test(each_condition_of_a_paused_player_is_needed),
		cmocka_unit_test(the_anchor_is_the_last_tick_that_was_not_a_pause),
		cmocka_unit_test(an_early_rewind_is_a_candidate),
		cmocka_unit_test(each_condition_of_an_early_rewind_is_needed),
		cmocka_unit_test(playing_says_when_a_session_began),
		cmocka_unit_test(after_ten_minutes_without_a_tick_a_session_begins_anew),
		cmocka_unit_test(an_open_begins_a_session_and_late_ops_do_not_end_it),
		cmocka_unit_test(the_holders_state_is_the_items),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
