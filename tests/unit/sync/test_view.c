/* What REST shows of an item (sync-protocol.md section 2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sync/view.h"

static const struct stamp never = {{0}};
static const char user[] = "507f1f77bcf86cd799439011";
static char text[4096];

static struct stamp at(int64_t ms)
{
	struct device_id device = {{1}};
	return stamp_make(ms, 0, device);
}

static const char *view(const struct item *it, struct stamp cleared)
{
	struct buf b = buf_make(sizeof text - 1);
	view_item(&b, user, it, cleared);
	assert_true(buf_ok(&b));
	memcpy(text, b.ptr, b.len + 1);
	buf_free(&b);
	return text;
}

static struct item watching(int64_t position_ms, int64_t position, int64_t opened_ms, int64_t opened)
{
	struct item it;
	item_init(&it, COLLECTION_PROGRESS, STR("anime \"1\""));
	memset(it.oid, 0xab, OID_SIZE);
	it.created = 500;
	if (position_ms) {
		it.cells[REG_POSITION].stamp = at(position_ms);
		it.cells[REG_POSITION].value.f[POSITION_EPISODE].i = position;
		it.cells[REG_POSITION].value.f[POSITION_TIME].r = 720.5;
		it.cells[REG_POSITION].value.f[POSITION_DURATION].r = 1440;
	}
	if (opened_ms) {
		it.cells[REG_OPENED].stamp = at(opened_ms);
		it.cells[REG_OPENED].value.f[OPENED_EPISODE].i = opened;
		it.cells[REG_OPENED].value.f[OPENED_TITLE].s = STR("T");
		it.cells[REG_OPENED].value.f[OPENED_ID].s = STR("i");
		it.cells[REG_OPENED].value.f[OPENED_DUB].s = STR("yes");
		it.cells[REG_OPENED].value.f[OPENED_SERVER].s = STR("s");
	}
	return it;
}

static void a_whole_progress_document(void **state)
{
	struct item it = watching(2000, 5, 1000, 5);
	(void)state;
	it.cells[REG_TITLE].value.f[0].s = STR("Title");
	it.cells[REG_IMAGE].value.f[0].s = STR("http://x/y.png");
	it.cells[REG_TITLE].stamp = at(3000);
	assert_string_equal(view(&it, never),
		"{\"_id\":\"abababababababababababab\",\"user\":\"507f1f77bcf86cd799439011\","
		"\"animeId\":\"anime \\\"1\\\"\",\"animeTitle\":\"Title\",\"animeImage\":\"http://x/y.png\","
		"\"currentEpisode\":5,\"currentTime\":720.5,\"duration\":1440,\"episodeTitle\":\"T\","
		"\"episodeId\":\"i\","
		"\"dub\":\"yes\",\"server\":\"s\",\"lastWatched\":\"1970-01-01T00:00:02.000Z\","
		"\"createdAt\":\"1970-01-01T00:00:00.500Z\",\"updatedAt\":\"1970-01-01T00:00:03.000Z\"}");
}

static void shows(struct item it, struct stamp cleared, const char *place, const char *details)
{
	const char *got = view(&it, cleared);
	if (!strstr(got, place) || !strstr(got, details))
		fail_msg("%s and %s are not in %s", place, details, got);
}

static void the_place_and_what_was_opened(void **state)
{
	static const char here[] = "\"currentEpisode\":5,\"currentTime\":720.5,\"duration\":1440";
	static const char there[] = "\"currentEpisode\":6,\"currentTime\":0,\"duration\":0";
	static const char with[] =
		"\"episodeTitle\":\"T\",\"episodeId\":\"i\",\"dub\":\"yes\",\"server\":\"s\"";
	static const char without[] =
		"\"episodeTitle\":\"\",\"episodeId\":\"\",\"dub\":\"no\",\"server\":\"\"";
	(void)state;
	shows(watching(2000, 5, 1000, 5), never, here, with); /* the same episode, whichever is newer */
	shows(watching(1000, 5, 2000, 5), never, here, with);
	shows(watching(2000, 5, 1000, 6), never, here, without); /* opened before: the place counts */
	shows(watching(1000, 5, 2000, 6), never, there, with);	 /* opened since: that one, at 0 */
	shows(watching(2000, 5, 0, 0), never, here, without);
	shows(watching(0, 0, 2000, 6), never, there, with);
	/* A void one leaves view and lastWatched to the other. */
	shows(watching(1000, 5, 3000, 6), at(2000), there, with);
	shows(watching(3000, 5, 1000, 6), at(2000), here, without);
	shows(watching(3000, 5, 1000, 5), at(2000), here, without);
	struct item it = watching(3000, 5, 1000, 5);
	shows(it, at(2000), "\"lastWatched\":\"1970-01-01T00:00:03.000Z\"", here);
	it = watching(1000, 5, 3000, 5);
	shows(it, at(2000), "\"lastWatched\":\"1970-01-01T00:00:03.000Z\"",
		"\"currentEpisode\":5,\"currentTime\":0,\"duration\":0");
	it.deleted = at(3000);
	assert_non_null(strstr(view(&it, never), "\"lastWatched\":\"1970-01-01T00:00:00.000Z\""));
}

static void a_whole_watchlist_document_and_a_void_one(void **state)
{
	struct item it;
	(void)state;
	item_init(&it, COLLECTION_WATCHLIST, STR("k"));
	it.created = 500;
	for (int reg = 0; reg < REG_COUNT; reg++)
		it.cells[reg].stamp = at(1000 + reg);
	it.cells[REG_TITLE].value.f[0].s = STR("Title");
	it.cells[REG_TOTAL].value.f[0].i = 25;
	it.cells[REG_WATCHED].value.f[0].i = 12;
	it.cells[REG_STATUS].value.f[0].s = STR("on_hold");
	it.cells[REG_RATING].value.f[0] = (struct field){.i = 9};
	it.cells[REG_NOTES].value.f[0].s = STR("good\n");
	assert_string_equal(view(&it, never),
		"{\"_id\":\"000000000000000000000000\",\"user\":\"507f1f77bcf86cd799439011\",\"animeId\":"
		"\"k\","
		"\"animeTitle\":\"Title\",\"animeImage\":\"\",\"status\":\"on_hold\",\"rating\":9,"
		"\"episodesWatched\":12,"
		"\"totalEpisodes\":25,\"notes\":\"good\\n\",\"createdAt\":\"1970-01-01T00:00:00.500Z\","
		"\"updatedAt\":\"1970-01-01T00:00:01.006Z\"}");
	/* Void registers read as their defaults whether they were erased or not; what describes the title
	 * stays. */
	const char *cleared = view(&it, at(2000));
	assert_non_null(strstr(cleared, "\"animeTitle\":\"Title\""));
	assert_non_null(strstr(cleared, "\"status\":\"plan_to_watch\",\"rating\":null,\"episodesWatched\":0,"
					"\"totalEpisodes\":25,\"notes\":\"\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_progress_document),
		cmocka_unit_test(the_place_and_what_was_opened),
		cmocka_unit_test(a_whole_watchlist_document_and_a_void_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
