/* Accounts: registering, changing, and what each command leaves alone. */
#include <string.h>

#include "tests/unit/sync/support.h"

static int setup(void **state)
{
	*state = fixture_open();
	return 0;
}

static int teardown(void **state)
{
	fixture_close(*state);
	return 0;
}

static enum account_outcome enrol(struct fixture *f, const char *name, const char *email, bool first_only)
{
	struct account_register *r = account_register_make(user_draw(f->options.env));
	r->username = str_from(name);
	r->email = str_from(email);
	r->password_hash = STR("hash");
	r->first_only = first_only;
	r->session = (struct session_begin){.session = {{7}},
		.device = f->device,
		.device_name = STR(""),
		.now_ms = f->now.wall_ms,
		.expires_ms = f->now.wall_ms + 1000,
		.most_devices = 9,
		.most_sessions = 9};
	fixture_run(f, &r->job);
	enum account_outcome outcome = r->outcome;
	job_free(&r->job);
	return outcome;
}

static struct profile profile_of(struct fixture *f, uint64_t user)
{
	struct profile p;
	assert_int_equal(query_profile(f->reader, user, &f->arena, &p), ERR_OK);
	return p;
}

static void a_new_account_is_what_the_document_says(void **state)
{
	struct fixture *f = *state;
	struct profile p = profile_of(f, f->user);
	uint64_t back = 0;
	assert_true(str_eq(p.username, STR("tester")));
	assert_true(str_eq(p.email, STR("tester@example.com")));
	assert_true(str_eq(p.role, STR("user")));
	assert_true(str_eq(p.audio, STR("sub")));
	assert_true(str_eq(p.server, STR("hd-1")));
	assert_int_equal(p.avatar.len, 0);
	assert_int_equal(p.ignored, 0);
	assert_false(p.is_verified);
	assert_false(p.has_reset);
	assert_int_equal(p.created, f->now.wall_ms);
	assert_int_equal(p.updated, f->now.wall_ms);
	assert_true(user_of_oid(str_from(p.oid), &back));
	assert_true(back == f->user);
	assert_int_equal(query_email(f->reader, STR("tester@example.com"), &back), ERR_OK);
	assert_true(back == f->user);
}

static void addresses_and_names_are_taken_once(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(enrol(f, "other", "tester@example.com", false), ACCOUNT_EMAIL_TAKEN);
	assert_int_equal(enrol(f, "TESTER", "other@example.com", false), ACCOUNT_NAME_TAKEN);
	assert_int_equal(enrol(f, "tester", "tester@example.com", false), ACCOUNT_EMAIL_TAKEN);
	assert_int_equal(enrol(f, "other", "other@example.com", false), ACCOUNT_OK);
	/* A name is no address: the two do not take each other's place. */
	assert_int_equal(enrol(f, "third@example.com", "x@example.com", false), ACCOUNT_OK);
	assert_int_equal(enrol(f, "fourth", "third@example.com", false), ACCOUNT_OK);
}

static void first_only_shuts_the_door_behind_the_first(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(enrol(f, "other", "other@example.com", true), ACCOUNT_CLOSED);
	struct account_delete *d = account_delete_make(f->user);
	fixture_run(f, &d->job);
	job_free(&d->job);
	assert_int_equal(enrol(f, "other", "other@example.com", true), ACCOUNT_OK);
	assert_int_equal(enrol(f, "third", "third@example.com", true), ACCOUNT_CLOSED);
}

static struct account_update *update(struct fixture *f, uint64_t user)
{
	struct account_update *u = account_update_make(user);
	assert_non_null(u);
	fixture_pass(f, 1000);
	return u;
}

static void an_update_changes_what_it_names(void **state)
{
	struct fixture *f = *state;
	struct profile before = profile_of(f, f->user);
	struct account_update *u = update(f, f->user);
	u->avatar = STR("http://a/b.png");
	fixture_run(f, &u->job);
	assert_int_equal(u->outcome, ACCOUNT_OK);
	assert_true(str_eq(u->profile.avatar, STR("http://a/b.png")));
	job_free(&u->job);
	u = update(f, f->user);
	u->audio = STR("dub");
	u->ignored_mask = 0x15;
	u->ignored = 0x1f; /* only the masked bits count */
	fixture_run(f, &u->job);
	job_free(&u->job);
	u = update(f, f->user);
	u->server = STR("hd-2");
	u->ignored_mask = 0x04;
	u->ignored = 0;
	fixture_run(f, &u->job);
	job_free(&u->job);
	u = update(f, f->user);
	u->avatar = STR(""); /* empty is set, absent is not */
	fixture_run(f, &u->job);
	job_free(&u->job);
	struct profile after = profile_of(f, f->user);
	assert_true(str_eq(after.username, before.username));
	assert_true(str_eq(after.email, before.email));
	assert_true(str_eq(after.password, before.password));
	assert_int_equal(after.avatar.len, 0);
	assert_true(str_eq(after.audio, STR("dub")));
	assert_true(str_eq(after.server, STR("hd-2")));
	assert_int_equal(after.ignored, 0x11);
	assert_int_equal(after.created, before.created);
	assert_int_equal(after.updated, before.updated + 4000);
}

static enum account_outcome rename_to(struct fixture *f, const char *name)
{
	struct account_update *u = update(f, f->user);
	u->username = str_from(name);
	fixture_run(f, &u->job);
	enum account_outcome outcome = u->outcome;
	job_free(&u->job);
	return outcome;
}

static void a_name_moves_with_its_owner(void **state)
{
	struct fixture *f = *state;
	(void)fixture_register(f, "second");
	assert_int_equal(rename_to(f, "Second"), ACCOUNT_NAME_TAKEN);
	assert_true(str_eq(profile_of(f, f->user).username, STR("tester")));
	assert_int_equal(rename_to(f, "Tester"), ACCOUNT_OK); /* one's own, in another case */
	assert_true(str_eq(profile_of(f, f->user).username, STR("Tester")));
	assert_int_equal(rename_to(f, "renamed"), ACCOUNT_OK);
	assert_int_equal(enrol(f, "tester", "new@example.com", false), ACCOUNT_OK); /* the old one is free */
	assert_int_equal(rename_to(f, "tester"), ACCOUNT_NAME_TAKEN);
}

static void commands_for_nobody_say_so(void **state)
{
	struct fixture *f = *state;
	uint64_t nobody = f->user ^ 1;
	struct account_update *u = update(f, nobody);
	u->username = STR("ghost");
	fixture_run(f, &u->job);
	assert_int_equal(u->outcome, ACCOUNT_MISSING);
	job_free(&u->job);
	struct account_delete *d = account_delete_make(nobody);
	fixture_run(f, &d->job);
	assert_int_equal(d->outcome, ACCOUNT_MISSING);
	job_free(&d->job);
	struct account_password *p = account_password_make(nobody);
	p->password_hash = STR("x");
	fixture_run(f, &p->job);
	assert_int_equal(p->outcome, ACCOUNT_MISSING);
	job_free(&p->job);
	assert_int_equal(enrol(f, "ghost", "ghost@example.com", false), ACCOUNT_OK);
}

static void a_password_changes_only_from_the_one_that_was_checked(void **state)
{
	struct fixture *f = *state;
	struct account_password *p = account_password_make(f->user);
	p->password_hash = STR("new");
	p->expected_hash = STR("another");
	fixture_run(f, &p->job);
	assert_int_equal(p->outcome, ACCOUNT_MISSING);
	job_free(&p->job);
	assert_true(str_eq(profile_of(f, f->user).password, STR("hash")));
	p = account_password_make(f->user);
	p->password_hash = STR("new");
	p->expected_hash = STR("hash");
	fixture_run(f, &p->job);
	assert_int_equal(p->outcome, ACCOUNT_OK);
	job_free(&p->job);
	assert_true(str_eq(profile_of(f, f->user).password, STR("new")));
}

static void addresses_are_folded_for_looking_up(void **state)
{
	struct fixture *f = *state;
	struct str out = STR("untouched");
	assert_int_equal(account_fold_email(&f->arena, STR(" \tUser@Example.COM\n"), &out), ERR_OK);
	assert_true(str_eq(out, STR("user@example.com")));
	/* Only ASCII: what is beyond it may mean different letters elsewhere. */
	assert_int_equal(account_fold_email(&f->arena, STR("\xc3\x84@x.org"), &out), ERR_OK);
	assert_true(str_eq(out, STR("\xc3\x84@x.org")));
	struct arena none = arena_make(0);
	assert_int_equal(account_fold_email(&none, STR("a@b.cd"), &out), ERR_NOMEM);
	assert_true(str_eq(out, STR("\xc3\x84@x.org")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_new_account_is_what_the_document_says, setup, teardown),
		cmocka_unit_test_setup_teardown(addresses_and_names_are_taken_once, setup, teardown),
		cmocka_unit_test_setup_teardown(first_only_shuts_the_door_behind_the_first, setup, teardown),
		cmocka_unit_test_setup_teardown(an_update_changes_what_it_names, setup, teardown),
		cmocka_unit_test_setup_teardown(a_name_moves_with_its_owner, setup, teardown),
		cmocka_unit_test_setup_teardown(commands_for_nobody_say_so, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_password_changes_only_from_the_one_that_was_checked, setup, teardown),
		cmocka_unit_test_setup_teardown(addresses_are_folded_for_looking_up, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
