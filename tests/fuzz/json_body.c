/*
 * A request's body: from bytes to an object, and from its members to what handlers use. What is taken is
 * within its bounds; what was taken once is taken again after jansson has written it.
 */
#include <math.h>
#include <stdlib.h>

#include "daemon/fields.h"
#include "daemon/limits.h"
#include "daemon/router_json.h"
#include "tests/fuzz/fuzz.h"

static void check_text(struct request *r, struct faults *faults)
{
	struct str text;
	if (field_text(r->json, "animeTitle", 300, "long", faults, &text) == FIELD_GOOD) {
		CHECK(str_utf8(text));
		CHECK(str_chars(text) <= 300);
	}
	if (field_new_password(r, "password", "short", faults, &text))
		CHECK(text.len <= LIMIT_PASSWORD && str_chars(text) >= 6);
	if (field_old_password(r, "password", "none", faults, &text))
		CHECK(text.len > 0 && text.len <= LIMIT_PASSWORD);
}

static void check_numbers(struct request *r, struct faults *faults)
{
	int64_t integer;
	double real;
	bool flag;
	if (field_int(r->json, "currentEpisode", 1, 1000000, "bad", faults, &integer) == FIELD_GOOD)
		CHECK(integer >= 1 && integer <= 1000000);
	if (field_int(r->json, "seq", INT64_MIN, INT64_MAX, "bad", faults, &integer) == FIELD_BAD)
		CHECK(!json_is_integer(json_object_get(r->json, "seq")));
	if (field_real(r->json, "currentTime", 10000000, "bad", faults, &real) == FIELD_GOOD) {
		CHECK(isfinite(real));
		CHECK(real >= 0 && real <= 10000000);
	}
	if (field_bool(r->json, "newDevice", "bad", faults, &flag) == FIELD_GOOD)
		CHECK(flag == json_is_true(json_object_get(r->json, "newDevice")));
	if (field_is_null(r->json, "rating"))
		CHECK(field_int(r->json, "rating", 1, 10, "bad", faults, &integer) == FIELD_ABSENT);
}

static void check_identity(struct request *r, struct faults *faults)
{
	struct str text;
	if (field_anime_id(r->json, &r->arena, faults, &text)) {
		CHECK(text.len >= 1 && text.len <= 200);
		CHECK(str_utf8(text) && !str_has_control(text));
	}
	if (field_username(r, true, faults, &text))
		CHECK(text.len >= 3 && text.len <= 30);
	if (field_email(r, faults, &text))
		CHECK(text.len <= LIMIT_EMAIL);
}

static void check_again(const json_t *json)
{
	const char *wrong = NULL;
	char *text = json_dumps(json, JSON_COMPACT);
	CHECK(text);
	json_t *again = router_json(str_from(text), &wrong);
	CHECK(again);
	/* jansson writes reals with 17 digits, so that they read back as they were. */
	CHECK(json_equal(json, again));
	json_decref(again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *wrong = NULL;
	json_t *json = router_json(input_make(data, size), &wrong);
	if (!json) {
		CHECK(wrong && input_sentence(str_from(wrong)));
		return 0;
	}
	struct request r = {.json = json, .arena = arena_make(LIMIT_ARENA)};
	struct faults faults = {0};
	check_text(&r, &faults);
	check_numbers(&r, &faults);
	check_identity(&r, &faults);
	CHECK(faults.count <= FAULTS_MAX);
	check_again(json);
	arena_free(&r.arena);
	json_decref(json);
	return 0;
}
