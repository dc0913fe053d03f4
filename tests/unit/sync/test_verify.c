/* Every kind of finding is found, repair heals what can be healed, and loses nothing else. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "sync/base/check.h"
#include "tests/unit/sync/checked.h"

#define USER "(SELECT user FROM login WHERE name = 'n:tester')"
#define NARUTO "user = " USER " AND key = 'naruto'"

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

/* One way to damage a store, the finding that it must bring, and whether repair heals it. */
static const struct damage {
	const char *sql;
	enum finding_kind kind;
	const char *says;
	bool heals;
} damages[] = {
	{"UPDATE journal SET registers = replace(registers, '\"rating\":7', '\"rating\":8')", FINDING_JOURNAL,
		"fails its checksum of what a tick rewrites", false},
	{"UPDATE journal SET session = session || 'x' WHERE row = 15", FINDING_JOURNAL,
		"fails its checksum of what never changes", false},
	{"UPDATE journal SET kind = 7, fixed_sum = 0 WHERE row = 3", FINDING_JOURNAL, "names no collection",
		false},
	{"UPDATE journal SET registers = '{\"rating\":77}', sum = 0 WHERE row = 3", FINDING_JOURNAL,
		"holds registers that cannot be read", false},
	{"UPDATE journal SET stamp = x'01', sum = 0 WHERE row = 3", FINDING_JOURNAL,
		"holds a value that cannot be", false},
	{"UPDATE journal SET stamp = zeroblob(16), sum = 0 WHERE row = 3", FINDING_JOURNAL, "has no stamp",
		false},
	{"UPDATE journal SET registers = CAST(registers AS BLOB) WHERE row = 3", FINDING_JOURNAL,
		"wrong type", false},
	{"UPDATE journal SET first_seq = 999, fixed_sum = 0 WHERE row = 3", FINDING_JOURNAL, "first seq",
		false},
	{"UPDATE journal SET seq = 4, sum = 0 WHERE row = 3", FINDING_SEQ, "seq 4 stands in two", false},
	{"UPDATE journal SET first_seq = 2, fixed_sum = 0 WHERE row = 3", FINDING_SEQ,
		"first seq 2 stands in two", false},
	{"UPDATE account SET head = head - 1 WHERE user = " USER, FINDING_SEQ, "beyond the account's head",
		true},
	{"UPDATE account SET head = head - 1 WHERE user = " USER, FINDING_ACCOUNT, "its journal goes to seq",
		true},
	{"UPDATE account SET head_row = 1 WHERE user = " USER, FINDING_ACCOUNT, "its head", true},
	{"UPDATE account SET head_row = 0 WHERE user = " USER, FINDING_ACCOUNT, "its head", true},
	{"UPDATE watchlist SET rating = 8 WHERE " NARUTO, FINDING_REGISTER, "rating is 8 (stamp", true},
	{"UPDATE watchlist SET rating = 6, rating_row = watched_row, rating_stamp = watched_stamp "
	 "WHERE " NARUTO,
		FINDING_REGISTER, "but by the journal 7", true},
	{"UPDATE watchlist SET status = 'nonsense' WHERE " NARUTO, FINDING_REGISTER,
		"but by the journal \"watching\"", true},
	{"UPDATE watchlist SET notes_stamp = NULL WHERE " NARUTO, FINDING_REGISTER, "notes is nothing", true},
	{"UPDATE watchlist SET notes_stamp = x'0102' WHERE " NARUTO, FINDING_DERIVED, "wrong type", true},
	{"UPDATE watchlist SET title = CAST('Title' AS BLOB) WHERE " NARUTO, FINDING_DERIVED, "wrong type",
		true},
	{"UPDATE watchlist SET title_row = 1 WHERE " NARUTO, FINDING_REGISTER, "animeTitle is", true},
	{"UPDATE progress SET time = 301 WHERE " NARUTO, FINDING_REGISTER, "position is", true},
	{"UPDATE progress SET image = 'x' WHERE " NARUTO, FINDING_REGISTER, "animeImage is", true},
	{"UPDATE watchlist SET deleted = NULL, deleted_row = 0 WHERE key = 'gone'", FINDING_REGISTER,
		"its delete is", true},
	{"UPDATE watchlist SET deleted = x'7f000000000000000000000000000001' WHERE " NARUTO, FINDING_REGISTER,
		"its delete is 7f", true},
	{"UPDATE watchlist SET notes = 'ghost' WHERE key = 'gone'", FINDING_REGISTER, "notes is \"ghost\"",
		true},
	{"UPDATE account SET watchlist_cleared = NULL WHERE user = " USER, FINDING_BARRIER,
		"the barrier of watchlist is", true},
	{"UPDATE account SET progress_cleared = x'7f000000000000000000000000000001' WHERE user = " USER,
		FINDING_BARRIER, "the barrier of progress is 7f", true},
	{"UPDATE watchlist SET seq = seq - 1 WHERE " NARUTO, FINDING_DERIVED, "seq: ", true},
	{"UPDATE watchlist SET push = seq - 1 WHERE " NARUTO, FINDING_DERIVED, "push: ", true},
	{"UPDATE watchlist SET rows = rows + 1 WHERE " NARUTO, FINDING_DERIVED, "rows: ", true},
	{"UPDATE watchlist SET oid = zeroblob(12) WHERE " NARUTO, FINDING_DERIVED, "oid agrees", true},
	{"UPDATE watchlist SET key = 'oaruto' WHERE " NARUTO, FINDING_DERIVED, "oid agrees", true},
	{"UPDATE watchlist SET newest = zeroblob(16) WHERE " NARUTO, FINDING_DERIVED, "newest is", true},
	{"UPDATE watchlist SET updated = 5 WHERE " NARUTO, FINDING_DERIVED, "updated: 5", true},
	{"UPDATE watchlist SET shown = 0 WHERE " NARUTO, FINDING_DERIVED, "shown: 0", true},
	{"UPDATE watchlist SET created = -1 WHERE " NARUTO, FINDING_DERIVED, "created is a time", false},
	{"UPDATE progress SET last_watched = 5 WHERE " NARUTO, FINDING_DERIVED, "last_watched: 5", true},
	{"UPDATE progress SET running = 1 WHERE " NARUTO, FINDING_DERIVED, "running: 1", true},
	{"UPDATE progress SET place_session = 'x' WHERE " NARUTO, FINDING_DERIVED, "place_session agrees",
		true},
	{"UPDATE account SET watchlist_keys = 77 WHERE user = " USER, FINDING_ACCOUNT,
		"items of the watchlist", true},
	{"UPDATE account SET progress_keys = 77 WHERE user = " USER, FINDING_ACCOUNT, "items of progress",
		true},
	{"UPDATE account SET watching = 77 WHERE user = " USER, FINDING_ACCOUNT, "77 as watching", true},
	{"UPDATE account SET rated = 77 WHERE user = " USER, FINDING_ACCOUNT, "77 as rated", true},
	{"UPDATE account SET rating_sum = 1 WHERE user = " USER, FINDING_ACCOUNT, "the sum of ratings", true},
	{"DELETE FROM watchlist WHERE " NARUTO, FINDING_STRAY, "which is not there", false},
	{"DELETE FROM login WHERE name = 'n:tester'", FINDING_LOGIN, "its user name leads nowhere", true},
	{"INSERT INTO login VALUES ('e:nobody@example.com', 5)", FINDING_LOGIN, "no profile has it", true},
	{"UPDATE login SET user = (SELECT user FROM login WHERE name = 'n:second') WHERE name = 'n:tester'",
		FINDING_LOGIN, "to another user", true},
	{"DELETE FROM profile WHERE user = " USER, FINDING_LOGIN, "no profile", false},
	{"UPDATE profile SET oid = '507f1f77bcf86cd799439011'", FINDING_LOGIN, "its _id is not", false},
	{"DELETE FROM account WHERE user = (SELECT user FROM login WHERE name = 'n:second')", FINDING_LOGIN,
		"a profile, but no account", false},
	{"DELETE FROM account WHERE user = " USER, FINDING_STRAY, "rows of table journal", false},
	{"INSERT INTO epoch (user, epoch, number, last_seq, lost) VALUES (5, 'abcdef01', 1, 1, 0)",
		FINDING_STRAY, "rows of table epoch", false},
	{"UPDATE account SET epoch = 'ABCDEF01' WHERE user = " USER, FINDING_EPOCH, "ill-formed", false},
	{"INSERT INTO epoch SELECT user, epoch, 1, 1, 0 FROM account WHERE user = " USER, FINDING_EPOCH,
		"is the present one", false},
	{"INSERT INTO epoch VALUES (" USER ", 'abcdef01', 1, 1000, 0)", FINDING_EPOCH, "beyond the head",
		false},
	{"INSERT INTO epoch VALUES (" USER ", 'abcdef01', 1, 5, 0), (" USER ", 'abcdef02', 2, 3, 0)",
		FINDING_EPOCH, "before the one", false},
	{"UPDATE device SET device = x'01'", FINDING_DEVICE, "devices are ill-formed", false},
	{"UPDATE session SET ended = 3", FINDING_DEVICE, "sessions are ill-formed", false},
	{"INSERT INTO receipt VALUES (" USER ", zeroblob(8), 1, x'01')", FINDING_RECEIPT, "is cut off", true},
	{"INSERT INTO receipt VALUES (" USER ", zeroblob(8), 1, zeroblob(43))", FINDING_RECEIPT,
		"out of order", true},
	{"INSERT INTO receipt VALUES (" USER
	 ", zeroblob(8), 2, x'0000000000000001' || zeroblob(16) || x'040001' ||"
	 " zeroblob(16))",
		FINDING_RECEIPT, "another number", true},
	{"INSERT INTO receipt VALUES (" USER
	 ", zeroblob(8), 1, CAST(x'0000000000000001' || zeroblob(16) || x'040001' ||"
	 " zeroblob(16) AS BLOB))",
		FINDING_RECEIPT, "nobody is known who pushed", true},
	{"INSERT INTO sender VALUES (" USER ", zeroblob(8), 7, 1)", FINDING_RECEIPT,
		"said to have 1 receipts", true},
	{"INSERT INTO sender_origin VALUES (" USER ", zeroblob(8), zeroblob(8), zeroblob(16))",
		FINDING_RECEIPT, "stamps of senders", true},
	{"UPDATE playback SET item = 999", FINDING_PLAYBACK, "which is not there", true},
	{"UPDATE playback SET candidate_row = 3", FINDING_PLAYBACK, "is not the candidate", true},
};

/* What is wrong with how one damage was dealt with, told; 0 when nothing is. */
static size_t find_and_heal(const struct damage *d)
{
	struct fixture *f = fixture_open();
	size_t wrong = 0;
	checked_populate(f);
	checked_agrees(f);
	checked_sql(f, d->sql);
	struct checked found = checked_verify(f);
	if (!found.kinds[d->kind] || !strstr(found.text.ptr, d->says)) {
		print_error("%s: no \"%s\" in:\n%s", d->sql, d->says, found.text.ptr);
		wrong++;
	}
	struct checked lost = checked_repair(f);
	struct checked left = checked_verify(f);
	if (d->heals && left.count) {
		print_error("%s: not healed:\n%s", d->sql, left.text.ptr);
		wrong++;
	}
	if (!d->heals && !left.kinds[d->kind]) {
		print_error("%s: nothing is left of it\n", d->sql);
		wrong++;
	}
	/* A damaged journal row stays, and nothing else. */
	if (d->kind == FINDING_JOURNAL && left.count != left.kinds[FINDING_JOURNAL]) {
		print_error("%s: left:\n%s", d->sql, left.text.ptr);
		wrong++;
	}
	checked_free(&found);
	checked_free(&lost);
	checked_free(&left);
	fixture_close(f);
	return wrong;
}

static void every_kind_is_found_and_what_can_be_is_healed(void **state)
{
	size_t kinds[FINDING_KINDS] = {0};
	size_t wrong = 0;
	(void)state;
	for (size_t i = 0; i < COUNT_OF(damages); i++) {
		wrong += find_and_heal(&damages[i]);
		kinds[damages[i].kind]++;
	}
	assert_int_equal(wrong, 0);
	for (size_t kind = FINDING_FILE + 1; kind < FINDING_KINDS; kind++)
		assert_true(kinds[kind] > 0);
}

static void a_running_limit_is_kept(void **state)
{
	struct fixture *f = *state;
	char key[8];
	for (int i = 0; i < 40; i++) {
		struct op op = test_progress(f, EVENT_HEARTBEAT, "s", 1, 10);
		(void)snprintf(key, sizeof key, "k%d", i);
		op.key = str_from(key);
		(void)fixture_op(f, &op);
		fixture_pass(f, 1000);
		op.values[REG_POSITION].f[POSITION_TIME].r = 20;
		op.values[REG_OPENED].f[OPENED_EPISODE].i = 1;
		(void)fixture_op(f, &op);
	}
	checked_agrees(f);
	checked_sql(f, "UPDATE progress SET running = 1 WHERE running = 2");
	struct checked found = checked_verify(f);
	assert_non_null(strstr(found.text.ptr, "running: 1, but ought to be 2"));
	checked_free(&found);
	struct checked lost = checked_repair(f);
	assert_int_equal(lost.count, 0);
	checked_free(&lost);
	checked_agrees(f);
}

/* The value that a damaged row held is still what the table says; only what both lost is lost. */
static void a_damaged_row_loses_nothing_else(void **state)
{
	struct fixture *f = *state;
	checked_populate(f);
	const char *before = fixture_view(f, COLLECTION_WATCHLIST, "naruto");
	const char *place = fixture_view(f, COLLECTION_PROGRESS, "bebop");
	checked_sql(f, "UPDATE journal SET received = received + 1 WHERE registers = '{\"rating\":7}';"
		       "UPDATE watchlist SET status = 'dropped' WHERE key = 'naruto'");
	struct checked lost = checked_repair(f);
	assert_int_equal(lost.count, 1);
	assert_non_null(strstr(lost.text.ptr, "status was \"dropped\""));
	assert_non_null(strstr(lost.text.ptr, "by the journal it is now \"watching\""));
	checked_free(&lost);
	assert_string_equal(fixture_view(f, COLLECTION_WATCHLIST, "naruto"), before);
	assert_string_equal(fixture_view(f, COLLECTION_PROGRESS, "bebop"), place);
	struct checked left = checked_verify(f);
	assert_int_equal(left.count, 1);
	assert_int_equal(left.kinds[FINDING_JOURNAL], 1);
	checked_free(&left);
	/* Now the table's copy goes too: the value before it is what is left. */
	checked_sql(f, "UPDATE watchlist SET rating = 77 WHERE key = 'naruto'");
	lost = checked_repair(f);
	assert_non_null(strstr(lost.text.ptr, "rating was 77"));
	assert_non_null(strstr(lost.text.ptr, "by the journal it is now 6"));
	checked_free(&lost);
	assert_non_null(strstr(fixture_view(f, COLLECTION_WATCHLIST, "naruto"), "\"rating\":6"));
}

static void a_journal_row_that_is_gone_is_told(void **state)
{
	struct fixture *f = *state;
	checked_populate(f);
	checked_sql(f, "DELETE FROM journal WHERE registers = '{\"rating\":7}'");
	struct checked found = checked_verify(f);
	assert_non_null(strstr(found.text.ptr, "rating is 7"));
	assert_non_null(strstr(found.text.ptr, "but by the journal 6"));
	checked_free(&found);
	struct checked lost = checked_repair(f);
	assert_int_equal(lost.count, 1);
	checked_free(&lost);
	checked_agrees(f);
}

static void the_whole_table_can_be_had_back(void **state)
{
	struct fixture *f = *state;
	static const char *const keys[] = {"bebop", "naruto", "back", "gone"};
	const char *before[8];
	checked_populate(f);
	for (size_t i = 0; i < 4; i++) {
		before[i] = fixture_view(f, COLLECTION_WATCHLIST, keys[i]);
		before[4 + i] = fixture_view(f, COLLECTION_PROGRESS, keys[i]);
	}
	checked_sql(f,
		"UPDATE watchlist SET seq = 0, push = 0, newest = zeroblob(16), deleted = NULL, updated = 0,"
		" shown = 0, rows = 0, title = '', title_stamp = NULL, title_row = 0, image = '', "
		"image_stamp ="
		" NULL, total = 0, total_stamp = NULL, watched_stamp = NULL, status = 'plan_to_watch',"
		" status_stamp = NULL, rating = NULL, rating_stamp = NULL, notes = '', notes_stamp = NULL;"
		"UPDATE progress SET newest = zeroblob(16), deleted = NULL, updated = 0, shown = 0, rows = 0,"
		" last_watched = 0, running = 0, title = '', title_stamp = NULL, episode = 0, time = 0,"
		" duration = 0, position_stamp = NULL, opened_episode = 0, opened_stamp = NULL;"
		"UPDATE account SET watchlist_cleared = NULL, watchlist_keys = 0, completed = 0, rated = 0");
	struct checked lost = checked_repair(f);
	checked_free(&lost);
	checked_agrees(f);
	for (size_t i = 0; i < 4; i++) {
		const char *now[] = {fixture_view(f, COLLECTION_WATCHLIST, keys[i]),
			fixture_view(f, COLLECTION_PROGRESS, keys[i])};
		for (size_t c = 0; c < 2; c++) {
			const char *was = before[4 * c + i];
			if (!was != !now[c] || (was && strcmp(was, now[c]) != 0))
				fail_msg("was %s, is %s", was ? was : "nothing", now[c] ? now[c] : "nothing");
		}
	}
}

static void the_backup_is_readable_by_nobody_else(void **state)
{
	struct fixture *f = *state;
	struct buf path = buf_make(4096);
	struct buf why = buf_make(4096);
	struct stat st;
	checked_populate(f);
	assert_int_equal(repair_backup(f->dir, f->now.wall_ms, &path, &why), ERR_OK);
	assert_non_null(strstr(path.ptr, "/backups/before-repair-20260213T"));
	assert_int_equal(stat(path.ptr, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* Never over another one. */
	assert_int_equal(repair_backup(f->dir, f->now.wall_ms, &path, &why), ERR_CONFLICT);
	assert_non_null(strstr(why.ptr, "nothing was repaired"));
	assert_int_equal(stat(path.ptr, &st), 0);
	buf_free(&path);
	buf_free(&why);
}

static void a_deleted_account_is_not_looked_at_while_its_rows_go(void **state)
{
	struct fixture *f = *state;
	checked_populate(f);
	struct account_delete *d = account_delete_make(f->user);
	fixture_run(f, &d->job);
	job_free(&d->job);
	checked_agrees(f);
	struct checked c = checked_verify(f);
	assert_int_equal(c.counts.users, 1);
	assert_int_equal(c.counts.rows, 0);
	checked_free(&c);
	while (checked_slices(f, 1))
		checked_agrees(f);
	checked_agrees(f);
}

/* --- what verify found when it was new --- */

static void a_clear_counts_the_rows_that_it_takes(void **state)
{
	struct fixture *f = *state;
	struct op op = test_watchlist(f, "a", "watching");
	for (int i = 0; i < 5; i++)
		(void)fixture_op(f, &op);
	fixture_pass(f, 1000);
	struct op clear = op_make(OP_CLEAR, COLLECTION_WATCHLIST, STR(""), f->device);
	(void)fixture_op(f, &clear);
	fixture_pass(f, 1000);
	/* Back before the slices come. */
	(void)fixture_op(f, &op);
	while (checked_slices(f, 1))
		checked_agrees(f);
	checked_agrees(f);
}

static void a_late_clear_erases_the_part_that_it_voids(void **state)
{
	struct fixture *f = *state;
	struct op op = test_watchlist(f, "a", "dropped");
	op.values[REG_RATING].f[0] = (struct field){.i = 9};
	(void)fixture_op(f, &op);
	fixture_pass(f, 60000);
	op.present = 1u << REG_NOTES;
	op.values[REG_NOTES].f[0].s = STR("kept");
	(void)fixture_op(f, &op);
	struct op clear = op_make(OP_CLEAR, COLLECTION_WATCHLIST, STR(""), f->device);
	clear.age_ms = 30000;
	assert_int_equal(fixture_op(f, &clear)->outcome, OUTCOME_APPLIED);
	checked_agrees(f);
	while (checked_slices(f, 1))
		checked_agrees(f);
	checked_agrees(f);
	const char *view = fixture_view(f, COLLECTION_WATCHLIST, "a");
	assert_non_null(strstr(view, "\"status\":\"plan_to_watch\",\"rating\":null"));
	assert_non_null(strstr(view, "\"notes\":\"kept\""));
}

static void the_newest_row_outlives_a_clear(void **state)
{
	struct fixture *f = *state;
	struct op op = test_watchlist(f, "a", "watching");
	struct op clear = op_make(OP_CLEAR, COLLECTION_WATCHLIST, STR(""), f->device);
	(void)fixture_op(f, &op);
	fixture_pass(f, 60000);
	(void)fixture_op(f, &clear);
	/* It only arrives now, and is void. */
	op.age_ms = 30000;
	assert_int_equal(fixture_op(f, &op)->rule, RULE_CLEARED_LATER);
	while (checked_slices(f, 1))
		checked_agrees(f);
	checked_agrees(f);
}

static void the_place_is_of_the_session_whose_value_won(void **state)
{
	struct fixture *f = *state;
	struct op op = test_progress(f, EVENT_MANUAL, "a", 1, 10);
	op.age_ms = 5000;
	(void)fixture_op(f, &op);
	/* The same device at the same ms: the greater value wins. */
	op = test_progress(f, EVENT_MANUAL, "b", 1, 20);
	op.age_ms = 5000;
	assert_int_equal(fixture_op(f, &op)->outcome, OUTCOME_APPLIED);
	checked_agrees(f);
}

static void a_candidate_never_goes_on_in_another_row(void **state)
{
	struct fixture *f = *state;
	checked_populate(f);
	/* As if the candidate had been pruned and its number given out again. */
	checked_sql(f,
		"DELETE FROM journal WHERE outcome = 3; UPDATE progress SET rows = rows - 1 WHERE key = "
		"'bebop';"
		"UPDATE playback SET candidate_row = (SELECT position_row FROM progress WHERE key = 'naruto')"
		" WHERE candidate_row <> 0");
	const char *before = fixture_view(f, COLLECTION_PROGRESS, "naruto");
	struct op op = test_progress(f, EVENT_HEARTBEAT, "tv", 1, 19);
	op.key = STR("bebop");
	assert_int_equal(fixture_op(f, &op)->outcome, OUTCOME_CANDIDATE);
	assert_string_equal(fixture_view(f, COLLECTION_PROGRESS, "naruto"), before);
	checked_agrees(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_is_found_and_what_can_be_is_healed),
		cmocka_unit_test_setup_teardown(a_running_limit_is_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(a_damaged_row_loses_nothing_else, setup, teardown),
		cmocka_unit_test_setup_teardown(a_journal_row_that_is_gone_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(the_whole_table_can_be_had_back, setup, teardown),
		cmocka_unit_test_setup_teardown(the_backup_is_readable_by_nobody_else, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_deleted_account_is_not_looked_at_while_its_rows_go, setup, teardown),
		cmocka_unit_test_setup_teardown(a_clear_counts_the_rows_that_it_takes, setup, teardown),
		cmocka_unit_test_setup_teardown(a_late_clear_erases_the_part_that_it_voids, setup, teardown),
		cmocka_unit_test_setup_teardown(the_newest_row_outlives_a_clear, setup, teardown),
		cmocka_unit_test_setup_teardown(the_place_is_of_the_session_whose_value_won, setup, teardown),
		cmocka_unit_test_setup_teardown(a_candidate_never_goes_on_in_another_row, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
