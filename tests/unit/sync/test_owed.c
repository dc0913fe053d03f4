/* Owed mail: who is owed one, how often, in which order, and what a failure leaves. */
#include <string.h>

#include "tests/unit/sync/support.h"

enum { HOUR_MS = 3600000 };

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

static bool owe(struct fixture *f, uint64_t user, unsigned most)
{
	struct mail_owe *m = mail_owe_make(user);
	m->per_hour = 3;
	m->most = most;
	fixture_run(f, &m->job);
	bool owed = m->owed;
	job_free(&m->job);
	return owed;
}

static bool next(struct fixture *f, uint64_t *user, unsigned *attempts, int64_t *due)
{
	bool found = false;
	assert_int_equal(query_owed_mail(f->reader, user, attempts, due, &found), ERR_OK);
	return found;
}

static enum account_outcome prepare(struct fixture *f, uint64_t user)
{
	struct mail_prepare *m = mail_prepare_make(user);
	memset(m->reset_hash, 5, sizeof m->reset_hash);
	m->reset_expires = f->now.wall_ms + HOUR_MS;
	fixture_run(f, &m->job);
	enum account_outcome outcome = m->outcome;
	if (outcome == ACCOUNT_OK) {
		assert_true(str_eq(m->email, STR("tester@example.com")));
		assert_true(str_eq(m->username, STR("tester")));
	}
	job_free(&m->job);
	return outcome;
}

static void settle(struct fixture *f, uint64_t user, bool sent, int64_t retry_at)
{
	struct mail_settle *m = mail_settle_make(user);
	m->sent = sent;
	m->retry_at = retry_at;
	fixture_run(f, &m->job);
	job_free(&m->job);
}

static bool has_reset(struct fixture *f)
{
	struct profile p;
	assert_int_equal(query_profile(f->reader, f->user, &f->arena, &p), ERR_OK);
	return p.has_reset;
}

static void three_an_hour_and_then_a_new_hour(void **state)
{
	struct fixture *f = *state;
	assert_true(owe(f, f->user, 100));
	assert_true(owe(f, f->user, 100));
	assert_true(owe(f, f->user, 100));
	assert_false(owe(f, f->user, 100));
	fixture_pass(f, HOUR_MS - 1);
	assert_false(owe(f, f->user, 100));
	fixture_pass(f, 1);
	assert_true(owe(f, f->user, 100));
	/* A wall clock that was set back begins a new window, or nobody would get mail for ever. */
	assert_true(owe(f, f->user, 100));
	assert_true(owe(f, f->user, 100));
	assert_false(owe(f, f->user, 100));
	f->now.wall_ms -= 10 * (int64_t)HOUR_MS;
	assert_true(owe(f, f->user, 100));
}

static void the_earliest_is_next_and_retries_wait(void **state)
{
	struct fixture *f = *state;
	uint64_t second = fixture_register(f, "second");
	uint64_t user = 0;
	unsigned attempts = 9;
	int64_t due = 0;
	assert_false(next(f, &user, &attempts, &due));
	assert_true(owe(f, f->user, 100));
	fixture_pass(f, 1000);
	assert_true(owe(f, second, 100));
	assert_true(next(f, &user, &attempts, &due));
	assert_true(user == f->user);
	assert_int_equal(attempts, 0);
	assert_int_equal(prepare(f, f->user), ACCOUNT_OK);
	assert_true(has_reset(f));
	settle(f, f->user, false, f->now.wall_ms + 60000);
	/* A password that was never mailed must not work. */
	assert_false(has_reset(f));
	assert_true(next(f, &user, &attempts, &due));
	assert_true(user == second);
	settle(f, second, true, 0);
	assert_true(next(f, &user, &attempts, &due));
	assert_true(user == f->user);
	assert_int_equal(attempts, 1);
	assert_int_equal(due, f->now.wall_ms + 60000);
	settle(f, f->user, false, due + 60000);
	assert_true(next(f, &user, &attempts, &due));
	assert_int_equal(attempts, 2);
	/* Asking again is owed at once, with all attempts before it. */
	assert_true(owe(f, f->user, 100));
	assert_true(next(f, &user, &attempts, &due));
	assert_int_equal(attempts, 0);
	assert_int_equal(due, f->now.wall_ms);
	assert_int_equal(prepare(f, f->user), ACCOUNT_OK);
	settle(f, f->user, true, 0);
	assert_true(has_reset(f));
	assert_false(next(f, &user, &attempts, &due));
}

static void an_unknown_address_counts_and_settles_itself(void **state)
{
	struct fixture *f = *state;
	uint64_t nobody = f->user ^ 1;
	uint64_t user = 0;
	unsigned attempts = 0;
	int64_t due = 0;
	assert_true(owe(f, nobody, 100));
	assert_true(next(f, &user, &attempts, &due));
	assert_true(user == nobody);
	assert_int_equal(prepare(f, nobody), ACCOUNT_MISSING);
	assert_false(next(f, &user, &attempts, &due));
	/* It still counts as a known one's would. */
	assert_true(owe(f, nobody, 100));
	assert_true(owe(f, nobody, 100));
	assert_false(owe(f, nobody, 100));
}

static void the_table_is_bounded_and_forgets_what_is_settled(void **state)
{
	struct fixture *f = *state;
	for (uint64_t i = 1; i <= 4; i++)
		assert_true(owe(f, i, 4));
	assert_false(owe(f, 5, 4));
	assert_false(owe(f, f->user, 4));
	assert_true(owe(f, 1, 4)); /* one that is there goes on counting */
	for (uint64_t i = 1; i <= 4; i++)
		assert_int_equal(prepare(f, i), ACCOUNT_MISSING);
	fixture_pass(f, HOUR_MS + 1);
	assert_true(owe(f, f->user, 4));
	assert_true(owe(f, 5, 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(three_an_hour_and_then_a_new_hour, setup, teardown),
		cmocka_unit_test_setup_teardown(the_earliest_is_next_and_retries_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_unknown_address_counts_and_settles_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_table_is_bounded_and_forgets_what_is_settled, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
