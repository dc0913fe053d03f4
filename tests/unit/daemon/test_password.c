/* Hashing: what verifies, what asks for a better hash, what is denied at the same cost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "daemon/password.h"
#include "sync/base/check.h"

static bool rehash;

static enum err verify(const char *hash, struct str password)
{
	rehash = false;
	return password_verify(str_from(hash), password, &rehash);
}

static void a_hash_verifies_its_password_alone(void **state)
{
	char hash[PASSWORD_HASH_SIZE];
	char again[PASSWORD_HASH_SIZE];
	(void)state;
	assert_int_equal(password_hash(STR("securepassword123"), hash), ERR_OK);
	assert_int_equal(strncmp(hash, "$argon2id$v=19$m=19456,t=2,p=1$", 31), 0);
	assert_int_equal(verify(hash, STR("securepassword123")), ERR_OK);
	assert_false(rehash);
	assert_int_equal(verify(hash, STR("securepassword124")), ERR_DENIED);
	assert_int_equal(verify(hash, STR("securepassword12")), ERR_DENIED);
	assert_int_equal(verify(hash, STR("")), ERR_DENIED);
	assert_int_equal(password_hash(STR("securepassword123"), again), ERR_OK);
	assert_string_not_equal(hash, again); /* salted */
}

static void every_byte_of_a_password_counts(void **state)
{
	char hash[PASSWORD_HASH_SIZE];
	char longest[1024];
	(void)state;
	memset(longest, 'a', sizeof longest);
	assert_int_equal(password_hash((struct str){longest, sizeof longest}, hash), ERR_OK);
	longest[1023] = 'b';
	assert_int_equal(verify(hash, (struct str){longest, sizeof longest}), ERR_DENIED);
	assert_int_equal(password_hash(STR("a\0b"), hash), ERR_OK);
	assert_int_equal(verify(hash, STR("a\0b")), ERR_OK);
	assert_int_equal(verify(hash, STR("a\0c")), ERR_DENIED);
	assert_int_equal(verify(hash, STR("a")), ERR_DENIED);
}

static void an_argon_hash_of_another_cost_wants_a_new_one(void **state)
{
	char weak[PASSWORD_HASH_SIZE];
	(void)state;
	assert_int_equal(crypto_pwhash_str(weak, "old", 3, 1, 8 * 1024 * 1024), 0);
	assert_int_equal(verify(weak, STR("old")), ERR_OK);
	assert_true(rehash);
	assert_int_equal(verify(weak, STR("new")), ERR_DENIED);
	assert_false(rehash);
}

/* Published vectors of bcrypt (the password "U*U", and an empty one), under each name that it goes by. */
static void bcrypt_of_imported_users_verifies(void **state)
{
	static const char *const names[] = {"$2a$", "$2b$", "$2y$"};
	char hash[61] = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		memcpy(hash, names[i], 4);
		assert_int_equal(verify(hash, STR("U*U")), ERR_OK);
		assert_true(rehash);
		assert_int_equal(verify(hash, STR("U*V")), ERR_DENIED);
		assert_false(rehash);
		/* bcrypt ends at a NUL: what follows it would not be looked at. */
		assert_int_equal(verify(hash, STR("U*U\0anything")), ERR_DENIED);
	}
}

static void bcrypt_looks_at_72_bytes(void **state)
{
	static const char hash[] = "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui";
	char password[80];
	(void)state;
	memcpy(password, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789chars aft",
		80);
	assert_int_equal(verify(hash, (struct str){password, 72}), ERR_OK);
	assert_int_equal(verify(hash, (struct str){password, 80}), ERR_OK);
	assert_int_equal(verify(hash, (struct str){password, 71}), ERR_DENIED);
}

static void what_is_no_hash_is_denied(void **state)
{
	static const char *const bad[] = {"", "plain", "$argon2id$", "$argon2i$v=19$m=19456,t=2,p=1$x$y",
		"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe",	/* short */
		"$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", /* a known bug's name */
		"$2a$17$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", /* absurd cost */
		"$2a$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"$2a$0x$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		if (verify(bad[i], STR("U*U")) != ERR_DENIED)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_false(rehash);
		assert_int_equal(verify(bad[i], STR("")), ERR_DENIED);
	}
}

static void drawn_passwords_are_letters_and_digits(void **state)
{
	char drawn[RESET_PASSWORD_LENGTH + 1];
	char before[RESET_PASSWORD_LENGTH + 1] = "";
	bool seen[128] = {false};
	size_t kinds = 0;
	(void)state;
	for (int i = 0; i < 2000; i++) {
		password_draw(drawn);
		assert_int_equal(strlen(drawn), RESET_PASSWORD_LENGTH);
		assert_int_equal(
			strspn(drawn, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"),
			RESET_PASSWORD_LENGTH);
		assert_string_not_equal(drawn, before);
		memcpy(before, drawn, sizeof before);
		for (const char *c = drawn; *c; c++)
			seen[(unsigned char)*c] = true;
	}
	for (size_t i = 0; i < sizeof seen; i++)
		kinds += seen[i];
	assert_int_equal(kinds, 62); /* all of them turn up in 24,000 */
}

static void a_mailed_passwords_hash_is_its_users(void **state)
{
	unsigned char a[RESET_HASH_SIZE];
	unsigned char b[RESET_HASH_SIZE];
	(void)state;
	password_reset_hash(4711, STR("zrjGLcuqYTSd"), a);
	password_reset_hash(4711, STR("zrjGLcuqYTSd"), b);
	assert_memory_equal(a, b, sizeof a);
	password_reset_hash(4712, STR("zrjGLcuqYTSd"), b);
	assert_memory_not_equal(a, b, sizeof a);
	password_reset_hash(4711, STR("zrjGLcuqYTSe"), b);
	assert_memory_not_equal(a, b, sizeof a);
	password_reset_hash(4711, STR(""), b);
	assert_memory_not_equal(a, b, sizeof a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hash_verifies_its_password_alone),
		cmocka_unit_test(every_byte_of_a_password_counts),
		cmocka_unit_test(an_argon_hash_of_another_cost_wants_a_new_one),
		cmocka_unit_test(bcrypt_of_imported_users_verifies),
		cmocka_unit_test(bcrypt_looks_at_72_bytes),
		cmocka_unit_test(what_is_no_hash_is_denied),
		cmocka_unit_test(drawn_passwords_are_letters_and_digits),
		cmocka_unit_test(a_mailed_passwords_hash_is_its_users),
	};
	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
