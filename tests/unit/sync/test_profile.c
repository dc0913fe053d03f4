/* Rows of profile and login: every column by itself. */
#include <stdio.h>
#include <string.h>

#include "sync/profile.h"
#include "tests/unit/sync/support.h"

struct rows {
	struct fixture *f;
	sqlite3 *db;
	struct statements s;
};

static int setup(void **state)
{
	static struct rows r;
	char path[128];
	r = (struct rows){.f = fixture_open()};
	(void)snprintf(path, sizeof path, "%s/tsuzuki.db", r.f->dir);
	assert_int_equal(sqlite_open(path, 0, &r.db), ERR_OK);
	stmt_open(&r.s, r.db);
	*state = &r;
	return 0;
}

static int teardown(void **state)
{
	struct rows *r = *state;
	stmt_close(&r->s);
	sqlite_close(r->db);
	fixture_close(r->f);
	return 0;
}

static const struct profile sample = {.user = 4711,
	.oid = "0123456789abcdef01234567",
	.username = {"Name", 4},
	.email = {"e@x.org", 7},
	.password = {"$hash", 5},
	.avatar = {"http://a", 8},
	.role = {"admin", 5},
	.is_verified = true,
	.audio = {"dub", 3},
	.server = {"hd-2", 4},
	.ignored = 21,
	.created = 1000,
	.updated = 2000};

static void same(const struct profile *a, const struct profile *b)
{
	assert_true(a->user == b->user);
	assert_string_equal(a->oid, b->oid);
	assert_true(str_eq(a->username, b->username));
	assert_true(str_eq(a->email, b->email));
	assert_true(str_eq(a->password, b->password));
	assert_true(str_eq(a->avatar, b->avatar));
	assert_true(str_eq(a->role, b->role));
	assert_int_equal(a->is_verified, b->is_verified);
	assert_true(str_eq(a->audio, b->audio));
	assert_true(str_eq(a->server, b->server));
	assert_int_equal(a->ignored, b->ignored);
	assert_int_equal(a->has_reset, b->has_reset);
	assert_memory_equal(a->reset_hash, b->reset_hash, RESET_HASH_BYTES);
	assert_int_equal(a->reset_expires, b->reset_expires);
	assert_int_equal(a->created, b->created);
	assert_int_equal(a->updated, b->updated);
}

static struct profile load(struct rows *r)
{
	struct profile p;
	assert_int_equal(profile_load(&r->s, 4711, &r->f->arena, &p), ERR_OK);
	return p;
}

static void each_statement_changes_its_own_columns(void **state)
{
	struct rows *r = *state;
	struct profile expected = sample;
	struct profile got;
	assert_int_equal(profile_load(&r->s, 4711, &r->f->arena, &got), ERR_NOT_FOUND);
	assert_int_equal(profile_insert(&r->s, &sample), ERR_OK);
	assert_int_equal(profile_insert(&r->s, &sample), ERR_CONFLICT);
	got = load(r);
	same(&got, &expected);

	memset(expected.reset_hash, 7, RESET_HASH_BYTES);
	expected.has_reset = true;
	expected.reset_expires = 3000;
	assert_int_equal(profile_reset(&r->s, 4711, expected.reset_hash, 3000), ERR_OK);
	got = load(r);
	same(&got, &expected);

	expected.password = STR("$better");
	assert_int_equal(profile_rehash(&r->s, 4711, expected.password), ERR_OK);
	got = load(r);
	same(&got, &expected); /* a better hash of the same password voids no mailed one */

	struct profile changed = expected;
	changed.username = expected.username = STR("Other");
	changed.avatar = expected.avatar = STR("");
	changed.audio = expected.audio = STR("sub");
	changed.server = expected.server = STR("hd-3");
	changed.ignored = expected.ignored = 10;
	changed.updated = expected.updated = 4000;
	changed.password = STR("not saved by this");
	changed.email = STR("nor@this");
	changed.role = STR("user");
	assert_int_equal(profile_save(&r->s, &changed), ERR_OK);
	got = load(r);
	same(&got, &expected);

	expected.password = STR("$new");
	expected.updated = 5000;
	expected.has_reset = false;
	expected.reset_expires = 0;
	memset(expected.reset_hash, 0, RESET_HASH_BYTES);
	assert_int_equal(profile_password(&r->s, 4711, expected.password, 5000), ERR_OK);
	got = load(r);
	same(&got, &expected);

	assert_int_equal(profile_reset(&r->s, 4711, sample.reset_hash, 1), ERR_OK);
	assert_true(load(r).has_reset);
	assert_int_equal(profile_reset(&r->s, 4711, NULL, 0), ERR_OK);
	got = load(r);
	same(&got, &expected);

	assert_int_equal(profile_delete(&r->s, 4711), ERR_OK);
	assert_int_equal(profile_load(&r->s, 4711, &r->f->arena, &got), ERR_NOT_FOUND);
	/* Nobody else was touched by any of it. */
	assert_int_equal(profile_load(&r->s, r->f->user, &r->f->arena, &got), ERR_OK);
	assert_true(str_eq(got.username, STR("tester")));
	assert_true(str_eq(got.password, STR("hash")));
}

static void logins_are_found_by_kind_and_folded_name(void **state)
{
	struct rows *r = *state;
	uint64_t user = 7;
	char longest[600];
	assert_int_equal(login_put(&r->s, LOGIN_NAME, STR("Some_Name"), 4711), ERR_OK);
	assert_int_equal(login_find(&r->s, LOGIN_NAME, STR("sOME_nAME"), &user), ERR_OK);
	assert_int_equal(user, 4711);
	user = 7;
	assert_int_equal(login_find(&r->s, LOGIN_EMAIL, STR("some_name"), &user), ERR_NOT_FOUND);
	assert_int_equal(login_find(&r->s, LOGIN_NAME, STR("some_nam"), &user), ERR_NOT_FOUND);
	assert_int_equal(user, 7);
	assert_int_equal(login_put(&r->s, LOGIN_NAME, STR("SOME_NAME"), 4712), ERR_CONFLICT);
	/* Only its owner can give it up. */
	assert_int_equal(login_delete(&r->s, LOGIN_NAME, STR("some_name"), 4712), ERR_OK);
	assert_int_equal(login_find(&r->s, LOGIN_NAME, STR("some_name"), &user), ERR_OK);
	assert_int_equal(login_delete(&r->s, LOGIN_NAME, STR("some_NAME"), 4711), ERR_OK);
	assert_int_equal(login_find(&r->s, LOGIN_NAME, STR("some_name"), &user), ERR_NOT_FOUND);
	/* Longer than any name may be: cut, never past the buffer. */
	memset(longest, 'a', sizeof longest);
	assert_int_equal(
		login_find(&r->s, LOGIN_EMAIL, (struct str){longest, sizeof longest}, &user), ERR_NOT_FOUND);
}

static void a_reset_hash_of_another_size_is_damage(void **state)
{
	struct rows *r = *state;
	struct profile p;
	assert_int_equal(sqlite_exec(r->db, "UPDATE profile SET reset_hash = x'0102'"), ERR_OK);
	assert_int_equal(profile_load(&r->s, r->f->user, &r->f->arena, &p), ERR_CORRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_statement_changes_its_own_columns, setup, teardown),
		cmocka_unit_test_setup_teardown(logins_are_found_by_kind_and_folded_name, setup, teardown),
		cmocka_unit_test_setup_teardown(a_reset_hash_of_another_size_is_damage, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
