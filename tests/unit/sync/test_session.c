/* Accounts, sessions, devices and owed mail as commands (design.md section 5, Tokens and Forgot password). */
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

static const struct session_id first_session = {{1, 2, 3}};

static struct session_begin begin(struct fixture *f, unsigned char session, unsigned char device)
{
	return (struct session_begin){.session = {{9, session}},
		.device = test_device(device),
		.device_name = STR(""),
		.now_ms = f->now.wall_ms,
		.expires_ms = f->now.wall_ms + 86400000,
		.most_devices = 4,
		.most_sessions = 2};
}

static enum session_outcome log_in(struct fixture *f, unsigned char session, unsigned char device)
{
	struct session_login *l = session_login_make(f->user);
	l->begin = begin(f, session, device);
	fixture_run(f, &l->job);
	enum session_outcome outcome = l->outcome;
	job_free(&l->job);
	return outcome;
}

static enum session_outcome refresh(
	struct fixture *f, struct session_id session, uint32_t generation, uint32_t *next)
{
	struct session_refresh *r = session_refresh_make(f->user);
	r->session = session;
	r->device = f->device;
	r->generation = generation;
	r->begin.now_ms = f->now.wall_ms;
	r->begin.expires_ms = f->now.wall_ms + 86400000;
	fixture_run(f, &r->job);
	enum session_outcome outcome = r->outcome;
	*next = r->next_generation;
	job_free(&r->job);
	return outcome;
}

static struct query_identity identity(struct fixture *f, struct session_id session)
{
	struct query_identity id;
	assert_int_equal(query_identity(f->reader, f->user, session, &id), ERR_OK);
	return id;
}

static size_t devices(struct fixture *f)
{
	struct buf b = buf_make(1 << 16);
	assert_int_equal(query_devices(f->reader, f->user, f->device, &b), ERR_OK);
	size_t count = count_text(b.ptr, "\"id\":");
	buf_free(&b);
	return count;
}

static void a_lost_reply_logs_nobody_out_and_an_old_token_is_theft(void **state)
{
	struct fixture *f = *state;
	uint32_t next = 0;
	assert_int_equal(refresh(f, first_session, 1, &next), SESSION_OK);
	assert_int_equal(next, 2);
	assert_int_equal(refresh(f, first_session, 1, &next), SESSION_OK);
	assert_int_equal(next, 2);
	assert_int_equal(refresh(f, first_session, 2, &next), SESSION_OK);
	assert_int_equal(next, 3);
	assert_false(identity(f, first_session).session.ended);
	assert_int_equal(refresh(f, first_session, 1, &next), SESSION_THEFT);
	assert_true(identity(f, first_session).session.ended);
	assert_int_equal(refresh(f, first_session, 3, &next), SESSION_ENDED);
}

static void a_good_token_of_an_unknown_session_makes_it_again(void **state)
{
	struct fixture *f = *state;
	const struct session_id lost = {{7, 7, 7}};
	uint32_t next = 0;
	assert_false(identity(f, lost).session_known);
	assert_int_equal(refresh(f, lost, 41, &next), SESSION_OK);
	assert_int_equal(next, 42);
	assert_true(identity(f, lost).session_known);
	/* A later generation than the store knows proves the same. */
	assert_int_equal(refresh(f, first_session, 12, &next), SESSION_OK);
	assert_int_equal(next, 13);
}

static void devices_and_their_sessions_are_bounded(void **state)
{
	struct fixture *f = *state;
	for (unsigned char i = 0; i < 10; i++) {
		fixture_pass(f, 1000);
		assert_int_equal(log_in(f, (unsigned char)(10 + i), (unsigned char)(20 + i)), SESSION_OK);
	}
	assert_int_equal(devices(f), 4);
	for (unsigned char i = 0; i < 5; i++) {
		fixture_pass(f, 1000);
		assert_int_equal(log_in(f, (unsigned char)(50 + i), 29), SESSION_OK);
	}
	assert_int_equal(devices(f), 4);
	int open = 0;
	for (unsigned char i = 0; i < 5; i++)
		open += !identity(f, (struct session_id){{9, (unsigned char)(50 + i)}}).session.ended;
	assert_int_equal(open, 2);
	/* The oldest went, and its session with it. */
	struct query_identity id = identity(f, (struct session_id){{9, 10}});
	assert_true(!id.session_known || id.session.ended);
}

static void revoking_a_device_ends_its_sessions(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(log_in(f, 1, 5), SESSION_OK);
	struct session_end *e = session_end_make(f->user);
	e->by_device = true;
	e->device = test_device(5);
	fixture_run(f, &e->job);
	assert_int_equal(e->outcome, SESSION_OK);
	assert_true(identity(f, (struct session_id){{9, 1}}).session.ended);
	assert_false(identity(f, first_session).session.ended);
	fixture_run(f, &e->job);
	assert_int_equal(e->outcome, SESSION_MISSING);
	job_free(&e->job);
}

static void a_changed_password_ends_every_other_session(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(log_in(f, 1, 5), SESSION_OK);
	struct account_password *p = account_password_make(f->user);
	p->password_hash = STR("new");
	p->expected_hash = STR("other");
	p->keep = first_session;
	fixture_run(f, &p->job);
	assert_int_equal(p->outcome, ACCOUNT_MISSING);
	p->expected_hash = STR("hash");
	fixture_run(f, &p->job);
	assert_int_equal(p->outcome, ACCOUNT_OK);
	job_free(&p->job);
	assert_false(identity(f, first_session).session.ended);
	assert_true(identity(f, (struct session_id){{9, 1}}).session.ended);
}

static enum account_outcome prepare(struct fixture *f, uint64_t user, unsigned char fill)
{
	struct mail_prepare *m = mail_prepare_make(user);
	memset(m->reset_hash, fill, sizeof m->reset_hash);
	m->reset_expires = f->now.wall_ms + 3600000;
	fixture_run(f, &m->job);
	enum account_outcome outcome = m->outcome;
	job_free(&m->job);
	return outcome;
}

static bool owe(struct fixture *f, uint64_t user)
{
	struct mail_owe *m = mail_owe_make(user);
	m->per_hour = 3;
	m->most = 100;
	fixture_run(f, &m->job);
	bool owed = m->owed;
	job_free(&m->job);
	return owed;
}

static void a_mailed_password_works_once_beside_the_old_one(void **state)
{
	struct fixture *f = *state;
	struct profile p;
	assert_int_equal(log_in(f, 1, 5), SESSION_OK);
	assert_int_equal(prepare(f, f->user, 0xab), ACCOUNT_OK);
	assert_int_equal(log_in(f, 2, 5), SESSION_OK); /* the old one changes nothing */
	assert_int_equal(query_profile(f->reader, f->user, &f->arena, &p), ERR_OK);
	assert_true(p.has_reset);
	struct session_login *l = session_login_make(f->user);
	l->begin = begin(f, 3, 6);
	l->used_reset = true;
	l->password_hash = STR("mailed");
	memset(l->reset_hash, 0xab, sizeof l->reset_hash);
	fixture_run(f, &l->job);
	assert_int_equal(l->outcome, SESSION_OK);
	fixture_run(f, &l->job);
	assert_int_equal(l->outcome, SESSION_ENDED);
	job_free(&l->job);
	assert_int_equal(query_profile(f->reader, f->user, &f->arena, &p), ERR_OK);
	assert_false(p.has_reset);
	assert_true(str_eq(p.password, STR("mailed")));
	assert_true(identity(f, (struct session_id){{9, 2}}).session.ended);
}

static void three_mails_an_hour_are_owed(void **state)
{
	struct fixture *f = *state;
	uint64_t user = 0;
	unsigned attempts = 0;
	int64_t due = 0;
	bool found = true;
	assert_int_equal(query_owed_mail(f->reader, &user, &attempts, &due, &found), ERR_OK);
	assert_false(found);
	for (int i = 0; i < 3; i++)
		assert_true(owe(f, f->user));
	assert_false(owe(f, f->user));
	assert_int_equal(query_owed_mail(f->reader, &user, &attempts, &due, &found), ERR_OK);
	assert_true(found);
	assert_int_equal(user, f->user);
	struct mail_settle *m = mail_settle_make(f->user);
	m->retry_at = f->now.wall_ms + 2000;
	fixture_run(f, &m->job);
	assert_int_equal(query_owed_mail(f->reader, &user, &attempts, &due, &found), ERR_OK);
	assert_int_equal(attempts, 1);
	assert_int_equal(due, f->now.wall_ms + 2000);
	m->retry_at = 0;
	m->sent = true;
	fixture_run(f, &m->job);
	job_free(&m->job);
	assert_int_equal(query_owed_mail(f->reader, &user, &attempts, &due, &found), ERR_OK);
	assert_false(found);
	fixture_pass(f, 3600000);
	assert_true(owe(f, f->user));
}

static void an_unknown_address_owes_as_much_and_gets_nothing(void **state)
{
	struct fixture *f = *state;
	uint64_t user = 0;
	unsigned attempts = 0;
	int64_t due = 0;
	bool found = false;
	assert_true(owe(f, 12345));
	assert_int_equal(prepare(f, 12345, 1), ACCOUNT_MISSING);
	assert_int_equal(query_owed_mail(f->reader, &user, &attempts, &due, &found), ERR_OK);
	assert_false(found);
}

static void a_deleted_account_is_gone_at_once_and_its_rows_follow(void **state)
{
	struct fixture *f = *state;
	struct profile p;
	struct query_identity id;
	for (int i = 0; i < 30; i++) {
		struct op op = test_progress(f, EVENT_MANUAL, "", 1, 10 * i);
		(void)fixture_op(f, &op);
	}
	struct account_delete *d = account_delete_make(f->user);
	fixture_run(f, &d->job);
	assert_int_equal(d->outcome, ACCOUNT_OK);
	job_free(&d->job);
	assert_int_equal(query_profile(f->reader, f->user, &f->arena, &p), ERR_NOT_FOUND);
	assert_int_equal(query_identity(f->reader, f->user, first_session, &id), ERR_NOT_FOUND);
	assert_null(fixture_view(f, COLLECTION_PROGRESS, "anime-1"));
	int slices = 0;
	while (store_slice(f->store, f->now))
		assert_true(++slices < 100);
	(void)fixture_register(f, "tester"); /* name and address are free again */
}

static void names_are_unique_without_regard_to_case(void **state)
{
	struct fixture *f = *state;
	struct account_register *r = account_register_make(user_draw(f->options.env));
	r->username = STR("TESTER");
	r->email = STR("other@example.com");
	r->password_hash = STR("hash");
	r->session = begin(f, 1, 1);
	fixture_run(f, &r->job);
	assert_int_equal(r->outcome, ACCOUNT_NAME_TAKEN);
	r->email = STR("tester@example.com");
	fixture_run(f, &r->job);
	assert_int_equal(r->outcome, ACCOUNT_EMAIL_TAKEN);
	r->first_only = true;
	fixture_run(f, &r->job);
	assert_int_equal(r->outcome, ACCOUNT_CLOSED);
	job_free(&r->job);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_lost_reply_logs_nobody_out_and_an_old_token_is_theft, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_good_token_of_an_unknown_session_makes_it_again, setup, teardown),
		cmocka_unit_test_setup_teardown(devices_and_their_sessions_are_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(revoking_a_device_ends_its_sessions, setup, teardown),
		cmocka_unit_test_setup_teardown(a_changed_password_ends_every_other_session, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_mailed_password_works_once_beside_the_old_one, setup, teardown),
		cmocka_unit_test_setup_teardown(three_mails_an_hour_are_owed, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_unknown_address_owes_as_much_and_gets_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_deleted_account_is_gone_at_once_and_its_rows_follow, setup, teardown),
		cmocka_unit_test_setup_teardown(names_are_unique_without_regard_to_case, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
