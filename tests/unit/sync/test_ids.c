/* Ids of users, sessions and items. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sync/ids.h"

/* Hands out bytes of a script: so many of `first`, then `then`. */
struct script {
	size_t zero_draws;
	unsigned char then;
};

static void draw(void *context, unsigned char *bytes, size_t len)
{
	struct script *s = context;
	bool zero = s->zero_draws > 0;
	if (zero)
		s->zero_draws--;
	memset(bytes, zero ? 0 : s->then, len);
}

static void a_user_has_63_bits_and_is_never_0(void **state)
{
	struct script s = {.zero_draws = 3, .then = 0xff};
	(void)state;
	assert_true(user_draw((struct env){draw, &s}) == UINT64_MAX >> 1);
	assert_int_equal(s.zero_draws, 0);
	s = (struct script){.zero_draws = 0, .then = 1};
	/* The lowest bit falls off: 63 of 64. */
	assert_true(user_draw((struct env){draw, &s}) == 0x0101010101010101u >> 1);
}

static void an_oid_leads_back_to_its_user(void **state)
{
	static const uint64_t users[] = {1, 0x123456789abcdef0u, UINT64_MAX >> 1};
	char oid[OID_TEXT_SIZE];
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		uint64_t back = 0;
		user_oid(users[i], 1771000000999, oid);
		assert_int_equal(strlen(oid), 24);
		assert_memory_equal(oid, "698f50c0", 8); /* the second */
		assert_true(user_of_oid(str_from(oid), &back));
		assert_true(back == users[i]);
	}
	assert_string_equal(oid + 8, "7fffffffffffffff");
}

static void what_is_no_oid_is_refused(void **state)
{
	static const char *const bad[] = {"", "698f5080", "698f508000000000000000010",
		"698f50800000000000000g01", "698f50800000000000000000", /* user 0 */
		"698f50808000000000000000",				/* 64 bits */
		"698f5080ffffffffffffffff"};				/* 64 bits */
	uint64_t user = 7;
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		if (user_of_oid(str_from(bad[i]), &user))
			fail_msg("\"%s\" was taken", bad[i]);
		assert_int_equal(user, 7);
	}
	assert_true(user_of_oid(STR("698F508000000000000000FF"), &user));
	assert_int_equal(user, 255);
}

static void an_items_id_depends_on_all_of_key_collection_and_account(void **state)
{
	unsigned char key[ID_KEY_SIZE] = {1, 2, 3};
	unsigned char other_key[ID_KEY_SIZE] = {1, 2, 4};
	unsigned char id[OID_SIZE];
	unsigned char other[OID_SIZE];
	(void)state;
	item_oid(key, COLLECTION_WATCHLIST, STR("one-piece"), id);
	item_oid(key, COLLECTION_WATCHLIST, STR("one-piece"), other);
	assert_memory_equal(id, other, OID_SIZE);
	item_oid(key, COLLECTION_PROGRESS, STR("one-piece"), other);
	assert_memory_not_equal(id, other, OID_SIZE);
	item_oid(key, COLLECTION_WATCHLIST, STR("one-piecf"), other);
	assert_memory_not_equal(id, other, OID_SIZE);
	item_oid(other_key, COLLECTION_WATCHLIST, STR("one-piece"), other);
	assert_memory_not_equal(id, other, OID_SIZE);
}

/* What replicas and clients hold: another construction would rename every item there is. */
static void an_items_id_stays_what_it_was(void **state)
{
	static const unsigned char key[ID_KEY_SIZE] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	unsigned char id[OID_SIZE];
	char text[OID_TEXT_SIZE];
	(void)state;
	item_oid(key, COLLECTION_PROGRESS, STR("attack-on-titan-001"), id);
	str_to_hex(id, OID_SIZE, text);
	assert_string_equal(text, "f6051fa5b82ad74c2b413ab2");
}

static void sessions_are_compared_whole(void **state)
{
	struct session_id a = {{1, 2, 3, 4, 5, 6, 7, 8}};
	struct session_id b = a;
	struct session_id none = {{0}};
	(void)state;
	assert_true(session_eq(a, b));
	assert_true(session_set(a));
	b.bytes[7] = 9;
	assert_false(session_eq(a, b));
	assert_false(session_set(none));
	none.bytes[7] = 1;
	assert_true(session_set(none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_user_has_63_bits_and_is_never_0),
		cmocka_unit_test(an_oid_leads_back_to_its_user),
		cmocka_unit_test(what_is_no_oid_is_refused),
		cmocka_unit_test(an_items_id_depends_on_all_of_key_collection_and_account),
		cmocka_unit_test(an_items_id_stays_what_it_was),
		cmocka_unit_test(sessions_are_compared_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
