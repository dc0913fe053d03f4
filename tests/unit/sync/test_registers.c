/* Sets of registers as the journal's text, and back; nothing else is taken back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sync/base/check.h"
#include "sync/item.h"
#include "sync/registers.h"

static const char whole_watchlist[] =
	"{\"animeTitle\":\"A "
	"\\\"B\\\"\\n\\u0001\\u007f\xe7\xb6\x9a\",\"animeImage\":\"\",\"totalEpisodes\":1000000,"
	"\"episodesWatched\":0,\"status\":\"on_hold\",\"rating\":null,\"notes\":\"\\\\ \\t\\r\"}";
static const char whole_progress[] = "{\"animeTitle\":\"A\",\"animeImage\":\"\",\"position\":{"
				     "\"currentEpisode\":13,\"currentTime\":720.25,"
				     "\"duration\":1440},\"opened\":{\"currentEpisode\":13,\"episodeTitle\":"
				     "\"T\",\"episodeId\":\"i\",\"dub\":\"yes\","
				     "\"server\":\"hd-1\"}}";

struct parsed {
	struct arena arena;
	unsigned present;
	struct value values[REG_COUNT];
};

static enum err parse(struct parsed *p, struct str text, enum collection collection)
{
	memset(p, 0, sizeof *p);
	p->arena = arena_make((size_t)1 << 20);
	return registers_parse(text, collection, &p->arena, &p->present, p->values);
}

static void comes_back(const char *text, enum collection collection)
{
	struct parsed p;
	struct buf again = buf_make(4096);
	assert_int_equal(parse(&p, str_from(text), collection), ERR_OK);
	registers_json(p.present, p.values, &again);
	assert_true(buf_ok(&again));
	assert_string_equal(again.ptr, text);
	buf_free(&again);
	arena_free(&p.arena);
}

static void refused(const char *text, enum collection collection)
{
	struct parsed p;
	if (parse(&p, str_from(text), collection) != ERR_CORRUPT)
		fail_msg("%s was taken", text);
	arena_free(&p.arena);
}

static void whole_sets_come_back(void **state)
{
	struct parsed p;
	(void)state;
	comes_back(whole_watchlist, COLLECTION_WATCHLIST);
	comes_back(whole_progress, COLLECTION_PROGRESS);
	comes_back("{}", COLLECTION_PROGRESS);
	assert_int_equal(parse(&p, str_from(whole_progress), COLLECTION_PROGRESS), ERR_OK);
	assert_int_equal(
		p.present, 1u << REG_TITLE | 1u << REG_IMAGE | 1u << REG_POSITION | 1u << REG_OPENED);
	assert_int_equal(p.values[REG_POSITION].f[POSITION_EPISODE].i, 13);
	assert_true(p.values[REG_POSITION].f[POSITION_TIME].r == 720.25);
	assert_true(str_eq(p.values[REG_OPENED].f[OPENED_SERVER].s, STR("hd-1")));
	arena_free(&p.arena);
	assert_int_equal(parse(&p, str_from(whole_watchlist), COLLECTION_WATCHLIST), ERR_OK);
	assert_true(str_eq(p.values[REG_TITLE].f[0].s, STR("A \"B\"\n\x01\x7f\xe7\xb6\x9a")));
	assert_true(p.values[REG_RATING].f[0].null);
	arena_free(&p.arena);
}

/* Every subset of a collection's registers, at values that are all different from the defaults. */
static void every_subset_comes_back(void **state)
{
	(void)state;
	for (int c = 0; c < COLLECTION_COUNT; c++) {
		struct parsed whole;
		assert_int_equal(
			parse(&whole, str_from(c == COLLECTION_WATCHLIST ? whole_watchlist : whole_progress),
				(enum collection)c),
			ERR_OK);
		for (unsigned subset = 0; subset < 1u << REG_COUNT; subset++) {
			struct buf text = buf_make(4096);
			struct parsed p;
			if (subset & ~whole.present)
				continue;
			registers_json(subset, whole.values, &text);
			assert_int_equal(parse(&p, buf_str(&text), (enum collection)c), ERR_OK);
			assert_int_equal(p.present, subset);
			for (int reg = 0; reg < REG_COUNT; reg++)
				if (subset & 1u << reg)
					assert_true(
						value_eq((enum reg)reg, &p.values[reg], &whole.values[reg]));
			buf_free(&text);
			arena_free(&p.arena);
		}
		arena_free(&whole.arena);
	}
}

static void what_we_do_not_write_is_damage(void **state)
{
	static const char *const bad[] = {"", "{", "}", "[]", "null", " {}", "{} ", "{}{}", "{,}",
		"{\"notes\":\"x\",}", "{\"notes\":\"x\"", "{\"notes\":\"x}", "{\"notes\":x}",
		"{\"notes\": \"x\"}", "{\"notes\":\"x\"\"animeTitle\":\"y\"}",
		"{\"notes\":\"x\",\"animeTitle\":\"y\"}", /* another order */
		"{\"notes\":\"x\",\"notes\":\"x\"}", "{\"unknown\":1}",
		"{\"position\":1}", /* of the other collection */
		"{\"notes\":null}", "{\"notes\":1}", "{\"status\":\"sleeping\"}", "{\"status\":null}",
		"{\"rating\":0}", "{\"rating\":11}", "{\"rating\":5.5}", "{\"rating\":\"5\"}",
		"{\"rating\":}", "{\"totalEpisodes\":-1}", "{\"totalEpisodes\":null}",
		"{\"totalEpisodes\":1e3}", "{\"totalEpisodes\":99999999999999999999}", "{\"notes\":\"\\x\"}",
		"{\"notes\":\"\\u00g0\"}", "{\"notes\":\"\\u00\"}", "{\"notes\":\"\\u1234\"}",
		"{\"notes\":\"\\u0000\"}", "{\"notes\":\"\\\"}", "{\"notes\":\"\xff\"}"};
	static const char *const bad_progress[] = {"{\"position\":{}}",
		"{\"position\":{\"currentEpisode\":1}}",
		"{\"position\":{\"currentTime\":1,\"currentEpisode\":1,\"duration\":1}}",
		"{\"position\":{\"currentEpisode\":1,\"currentTime\":1,\"duration\":1,\"more\":1}}",
		"{\"position\":{\"currentEpisode\":0,\"currentTime\":1,\"duration\":1}}",
		"{\"position\":{\"currentEpisode\":1,\"currentTime\":-1,\"duration\":1}}",
		"{\"position\":{\"currentEpisode\":1,\"currentTime\":1e999,\"duration\":1}}",
		"{\"position\":{\"currentEpisode\":1,\"currentTime\":1.2.3,\"duration\":1}}",
		"{\"position\":{\"currentEpisode\":1,\"currentTime\":nan,\"duration\":1}}",
		"{\"position\":{\"currentEpisode\":1,\"currentTime\":0x10,\"duration\":1}}",
		"{\"position\":{\"currentEpisode\":1,\"currentTime\":"
		"111111111111111111111111111111111111111111111111111111111111,\"duration\":1}}",
		"{\"opened\":{\"currentEpisode\":1,\"episodeTitle\":\"\",\"episodeId\":\"\",\"dub\":"
		"\"maybe\",\"server\":\"\"}}"};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		refused(bad[i], COLLECTION_WATCHLIST);
	for (size_t i = 0; i < COUNT_OF(bad_progress); i++)
		refused(bad_progress[i], COLLECTION_PROGRESS);
}

/* Whatever is cut off, it is damage; and nothing behind the end is looked at (the sanitizer watches). */
static void every_beginning_is_damage(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof whole_progress - 1; len++) {
		char *exact = malloc(len ? len : 1);
		struct parsed p;
		assert_non_null(exact);
		memcpy(exact, whole_progress, len);
		assert_int_equal(parse(&p, (struct str){exact, len}, COLLECTION_PROGRESS), ERR_CORRUPT);
		arena_free(&p.arena);
		free(exact);
	}
}

static void a_shortage_is_not_called_damage(void **state)
{
	struct arena none = arena_make(0);
	struct value values[REG_COUNT];
	unsigned present = 0;
	(void)state;
	assert_int_equal(
		registers_parse(STR("{\"notes\":\"x\"}"), COLLECTION_WATCHLIST, &none, &present, values),
		ERR_NOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_sets_come_back),
		cmocka_unit_test(every_subset_comes_back),
		cmocka_unit_test(what_we_do_not_write_is_damage),
		cmocka_unit_test(every_beginning_is_damage),
		cmocka_unit_test(a_shortage_is_not_called_damage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
