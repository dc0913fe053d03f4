/*
 * Who somebody is: an e-mail address, a user name, an item's key. Whatever is taken can stand in a mail, a
 * log line and a path, and is taken again in the form in which it is stored.
 */
#include <jansson.h>

#include "daemon/fields.h"
#include "daemon/mail_text.h"
#include "tests/fuzz/fuzz.h"

static json_t *as_body(struct str text)
{
	json_t *json = json_object();
	CHECK(json);
	static const char *const names[] = {"email", "username", "animeId"};
	for (size_t i = 0; i < COUNT_OF(names); i++)
		CHECK(json_object_set_new(json, names[i], json_stringn(text.ptr, text.len)) == 0);
	return json;
}

static void check_email(struct request *r)
{
	struct faults faults = {0};
	struct str email, name, address;
	if (!field_email(r, &faults, &email)) {
		CHECK(faults.count == 1);
		return;
	}
	CHECK(email.len >= 5 && email.len <= LIMIT_EMAIL);
	CHECK(str_utf8(email) && !str_has_control(email));
	for (size_t i = 0; i < email.len; i++)
		CHECK(email.ptr[i] < 'A' || email.ptr[i] > 'Z');
	/* A person with that address can be sent a mail. */
	CHECK(mail_text_mailbox(email, &name, &address));
	CHECK(name.len == 0 && str_eq(address, email));
	json_t *again = as_body(email);
	struct request second = {.json = again, .arena = arena_make(LIMIT_ARENA)};
	struct str stored;
	CHECK(field_email(&second, &faults, &stored));
	CHECK(str_eq(stored, email));
	arena_free(&second.arena);
	json_decref(again);
}

static void check_username(struct request *r)
{
	struct faults faults = {0};
	struct str name;
	bool good = field_username(r, true, &faults, &name);
	CHECK(good == (faults.count == 0));
	if (!good)
		return;
	CHECK(name.len >= 3 && name.len <= 30);
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		CHECK((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_');
	}
}

static void check_key(struct request *r, struct str text)
{
	struct faults faults = {0};
	struct str key;
	if (!field_anime_id(r->json, &r->arena, &faults, &key))
		return;
	CHECK(str_eq(key, text));
	CHECK(key.len <= 200 && str_utf8(key) && !str_has_control(key));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = input_make(data, size);
	if (!str_utf8(text))
		return 0; /* no JSON body holds it */
	json_t *json = as_body(text);
	struct request r = {.json = json, .arena = arena_make(LIMIT_ARENA)};
	check_email(&r);
	check_username(&r);
	check_key(&r, text);
	arena_free(&r.arena);
	json_decref(json);
	return 0;
}
