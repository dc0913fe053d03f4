/* Accounts as their server's owner manages them: by name or address, and all or nothing. */
#include <stdio.h>
#include <string.h>

#include "sync/manage.h"
#include "sync/verify.h"
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

struct result {
	enum account_outcome outcome;
	uint64_t user;
	char username[64];
};

static struct result run(
	struct fixture *f, enum manage_kind kind, const char *name, const char *email, const char *value)
{
	struct result result = {.outcome = ACCOUNT_OK};
	struct manage *m = manage_make(kind);
	assert_non_null(m);
	m->job.user = kind == MANAGE_ADD ? 4711 : 0;
	m->name = str_from(name);
	m->email = str_from(email);
	m->role = kind == MANAGE_PASSWORD ? STR("") : str_from(value);
	m->password_hash = kind == MANAGE_PASSWORD ? str_from(value) : STR("hash");
	fixture_run(f, &m->job);
	result.outcome = m->outcome;
	result.user = m->job.user;
	assert_true(m->username.len < sizeof result.username);
	memcpy(result.username, m->username.ptr, m->username.len);
	job_free(&m->job);
	return result;
}

static struct profile profile_of(struct fixture *f, uint64_t user)
{
	struct profile p;
	assert_int_equal(query_profile(f->reader, user, &f->arena, &p), ERR_OK);
	return p;
}

static void add_makes_a_whole_account_without_a_session(void **state)
{
	struct fixture *f = *state;
	struct verify_counts counts;
	struct query_identity identity;
	assert_int_equal(run(f, MANAGE_ADD, "Anna", "anna@example.com", "admin").outcome, ACCOUNT_OK);
	struct profile p = profile_of(f, 4711);
	assert_true(str_eq(p.username, STR("Anna")));
	assert_true(str_eq(p.role, STR("admin")));
	assert_true(str_eq(p.audio, STR("sub")));
	assert_int_equal(p.created, f->now.wall_ms);
	struct session_id none = {{0}};
	assert_int_equal(query_identity(f->reader, 4711, none, &identity), ERR_OK);
	assert_true(identity.admin);
	assert_false(identity.session_known);
	assert_int_equal(verify_run(f->reader, NULL, NULL, &counts), ERR_OK);
	assert_int_equal(counts.findings, 0);
	assert_int_equal(counts.users, 2);
}

static void names_and_addresses_are_taken_once(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(run(f, MANAGE_ADD, "TESTER", "new@example.com", "user").outcome, ACCOUNT_NAME_TAKEN);
	assert_int_equal(
		run(f, MANAGE_ADD, "other", "tester@example.com", "user").outcome, ACCOUNT_EMAIL_TAKEN);
}

static void others_are_found_by_name_and_by_address(void **state)
{
	struct fixture *f = *state;
	struct result by_name = run(f, MANAGE_ROLE, "TesTer", "", "admin");
	assert_int_equal(by_name.outcome, ACCOUNT_OK);
	assert_int_equal(by_name.user, f->user);
	assert_string_equal(by_name.username, "tester");
	assert_true(str_eq(profile_of(f, f->user).role, STR("admin")));
	assert_int_equal(run(f, MANAGE_ROLE, "Tester@Example.com", "", "user").user, f->user);
	assert_true(str_eq(profile_of(f, f->user).role, STR("user")));
	for (enum manage_kind kind = MANAGE_PASSWORD; kind < MANAGE_KINDS; kind++)
		assert_int_equal(run(f, kind, "nobody", "", "admin").outcome, ACCOUNT_MISSING);
}

static bool session_goes_on(struct fixture *f, uint64_t user, struct session_id session)
{
	struct query_identity identity;
	assert_int_equal(query_identity(f->reader, user, session, &identity), ERR_OK);
	return identity.session_known && !identity.session.ended;
}

static struct session_id log_in(struct fixture *f)
{
	struct session_id session = {{9, 9}};
	struct session_login *l = session_login_make(f->user);
	l->begin = (struct session_begin){.session = session,
		.device = f->device,
		.device_name = STR(""),
		.now_ms = f->now.wall_ms,
		.expires_ms = f->now.wall_ms + 100000,
		.most_devices = 9,
		.most_sessions = 9};
	fixture_run(f, &l->job);
	assert_int_equal(l->outcome, SESSION_OK);
	job_free(&l->job);
	return session;
}

static void a_password_ends_every_session_and_a_role_none(void **state)
{
	struct fixture *f = *state;
	struct session_id session = log_in(f);
	assert_int_equal(run(f, MANAGE_ROLE, "tester", "", "admin").outcome, ACCOUNT_OK);
	assert_true(session_goes_on(f, f->user, session));
	assert_int_equal(run(f, MANAGE_PASSWORD, "tester", "", "new hash").outcome, ACCOUNT_OK);
	assert_false(session_goes_on(f, f->user, session));
	assert_true(str_eq(profile_of(f, f->user).password, STR("new hash")));
}

static void a_deleted_account_leaves_name_and_address_free(void **state)
{
	struct fixture *f = *state;
	struct profile p;
	assert_int_equal(run(f, MANAGE_DELETE, "tester", "", "").outcome, ACCOUNT_OK);
	assert_int_equal(query_profile(f->reader, f->user, &f->arena, &p), ERR_NOT_FOUND);
	assert_int_equal(run(f, MANAGE_ADD, "tester", "tester@example.com", "user").outcome, ACCOUNT_OK);
}

static void on_listed(void *context, const struct manage_user *user)
{
	char *text = context;
	(void)snprintf(text + strlen(text), 200 - strlen(text), "%.*s %.*s %.*s %d;", STR_ARG(user->username),
		STR_ARG(user->email), STR_ARG(user->role), user->last_seen != 0);
}

static void the_list_has_everybody_by_name(void **state)
{
	struct fixture *f = *state;
	char text[200] = "";
	assert_int_equal(run(f, MANAGE_ADD, "anna", "a@example.com", "admin").outcome, ACCOUNT_OK);
	assert_int_equal(manage_list(f->reader, on_listed, text), ERR_OK);
	assert_string_equal(text, "anna a@example.com admin 0;tester tester@example.com user 1;");
}

static void ending_all_sessions_changes_the_salt_every_time(void **state)
{
	struct fixture *f = *state;
	char before[MANAGE_SALT_SIZE + 1], first[MANAGE_SALT_SIZE + 1], second[MANAGE_SALT_SIZE + 1];
	int64_t newest = 0;
	struct session_id session = log_in(f);
	assert_int_equal(manage_newest_session(f->reader, &newest), ERR_OK);
	assert_int_equal(newest, f->now.wall_ms);
	assert_int_equal(manage_token_salt(f->reader, before), ERR_OK);
	assert_string_equal(before, "");
	for (int i = 0; i < 2; i++) {
		struct job *job = manage_end_sessions_make();
		fixture_run(f, job);
		job_free(job);
		assert_int_equal(manage_token_salt(f->reader, i ? second : first), ERR_OK);
	}
	assert_int_equal(strlen(first), MANAGE_SALT_SIZE);
	assert_string_not_equal(first, second);
	assert_false(session_goes_on(f, f->user, session));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(add_makes_a_whole_account_without_a_session),
		TEST(names_and_addresses_are_taken_once),
		TEST(others_are_found_by_name_and_by_address),
		TEST(a_password_ends_every_session_and_a_role_none),
		TEST(a_deleted_account_leaves_name_and_address_free),
		TEST(the_list_has_everybody_by_name),
		TEST(ending_all_sessions_changes_the_salt_every_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
