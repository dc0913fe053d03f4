/*
 * What an upstream answers to an exchange: it may be anybody's server, so nothing in it is believed that is
 * not within every bound which the store below relies on.
 */
#include "daemon/router_json.h"
#include "sync/answer.h"
#include "tests/fuzz/fuzz.h"

enum { MEMORY = 64 * 1024 * 1024, MOST = 1000 };
static const int64_t last_ms = 253402300799999;

/* collection: bit per collection that the registers may be of. */
static void check_cells(unsigned told, const struct cell cells[REG_COUNT], unsigned collections)
{
	for (int reg = 0; reg < REG_COUNT; reg++) {
		if (!(told & 1u << reg))
			continue;
		CHECK(register_defs[reg].collections & collections);
		struct value bare = value_default((enum reg)reg);
		bool is_bare = value_eq((enum reg)reg, &bare, &cells[reg].value);
		/* Without a stamp it is one that the upstream no longer holds. */
		CHECK(stamp_set(cells[reg].stamp) || is_bare);
		CHECK(value_valid((enum reg)reg, &cells[reg].value) || is_bare);
	}
	CHECK(told >> REG_COUNT == 0);
}

static void check_cursor(const struct cursor_text *text)
{
	struct cursor c;
	CHECK(cursor_parse(str_from(text->text), &c));
	CHECK(c.seq >= 0);
}

static void check_results(const struct answer *a)
{
	CHECK(a->result_count <= MOST);
	for (size_t i = 0; i < a->result_count; i++) {
		const struct answer_result *r = &a->results[i];
		CHECK((unsigned)r->outcome < OUTCOME_COUNT);
		CHECK(r->outcome == OUTCOME_REFUSED || stamp_set(r->stamp));
		CHECK(r->has_deleted == stamp_set(r->deleted));
		CHECK(str_utf8(r->code) && str_utf8(r->message));
		check_cells(r->told, r->cells, IN_WATCHLIST | IN_PROGRESS);
	}
}

static void check_items(const struct answer *a)
{
	CHECK(a->item_count <= MOST);
	for (size_t i = 0; i < a->item_count; i++) {
		const struct answer_item *it = &a->items[i];
		CHECK((unsigned)it->collection < COLLECTION_COUNT);
		CHECK(key_valid(it->key));
		CHECK(it->created >= 0 && it->created <= last_ms);
		check_cells(it->told, it->cells, 1u << it->collection);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *wrong = NULL;
	json_t *json = router_json(input_make(data, size), &wrong);
	if (!json)
		return 0;
	struct arena arena = arena_make(MEMORY);
	struct answer *answer = NULL;
	enum err err = answer_read(json, &arena, &answer);
	if (err) {
		CHECK(err == ERR_INVALID || err == ERR_NOMEM);
		CHECK(!answer);
	} else {
		CHECK(memchr(answer->server, 0, sizeof answer->server) && answer->server[0]);
		check_cursor(&answer->cursor);
		check_cursor(&answer->head);
		check_results(answer);
		check_items(answer);
	}
	arena_free(&arena);
	json_decref(json);
	return 0;
}
