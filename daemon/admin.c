#include "daemon/admin.h"

#include <sodium.h>
#include <string.h>

#include "daemon/fields.h"
#include "daemon/password.h"
#include "sync/base/check.h"

enum { MESSAGE_MAX = 1024 };

static const struct {
	const char *name;
	enum manage_kind kind;
} kinds[] = {
	{"user add", MANAGE_ADD},
	{"user passwd", MANAGE_PASSWORD},
	{"user role", MANAGE_ROLE},
	{"user delete", MANAGE_DELETE},
};

void admin_good(struct buf *answer, const char *message)
{
	buf_text(answer, "{\"ok\":true,\"message\":");
	buf_json(answer, str_from(message));
	buf_text(answer, "}\n");
}

void admin_bad(struct buf *answer, enum admin_exit code, const char *message)
{
	buf_fmt(answer, "{\"ok\":false,\"code\":%d,\"message\":", (int)code);
	buf_json(answer, str_from(message));
	buf_text(answer, "}\n");
}

/* --- asking --- */

static struct str text(const json_t *request, const char *name)
{
	const json_t *json = json_object_get(request, name);
	return (struct str){json_string_value(json), json_string_length(json)};
}

static bool hash_valid(struct str hash)
{
	char copy[PASSWORD_HASH_SIZE] = "";
	if (hash.len >= sizeof copy || !str_starts(hash, STR("$argon2id$")))
		return false;
	memcpy(copy, hash.ptr, hash.len);
	return crypto_pwhash_str_needs_rehash(
		       copy, crypto_pwhash_OPSLIMIT_INTERACTIVE, crypto_pwhash_MEMLIMIT_INTERACTIVE) >= 0;
}

static bool name_known(struct str name)
{
	return name.len > 0 && name.len <= LIMIT_EMAIL && str_utf8(name) && !str_has_control(name);
}

/* NULL, or the rule that the request breaks. */
static const char *judge(const json_t *request, enum manage_kind kind)
{
	bool add = kind == MANAGE_ADD;
	struct str name = str_trim(text(request, "name"));
	struct str role = text(request, "role");
	if (add && !username_valid(name))
		return "A user name has 3 to 30 letters, digits and underscores.";
	if (!add && !name_known(name))
		return "Name a user, by user name or e-mail address.";
	if (add && !email_valid(str_trim(text(request, "email"))))
		return "That is no e-mail address.";
	if ((add || kind == MANAGE_PASSWORD) && !hash_valid(text(request, "hash")))
		return "The password's hash is none.";
	if ((add || kind == MANAGE_ROLE) && !str_eq(role, STR("user")) && !str_eq(role, STR("admin")))
		return "A role is user or admin.";
	return NULL;
}

static uint64_t draw_user(void)
{
	uint64_t user = 0;
	while (user == 0) {
		randombytes_buf(&user, sizeof user);
		user >>= 64 - USER_BITS;
	}
	return user;
}

static bool fill(struct manage *m, const json_t *request)
{
	struct arena *a = &m->job.arena;
	bool good = arena_str(a, str_trim(text(request, "name")), &m->name) &&
		    arena_str(a, text(request, "hash"), &m->password_hash) &&
		    arena_str(a, text(request, "role"), &m->role);
	if (m->kind != MANAGE_ADD)
		return good;
	m->job.user = draw_user();
	return good && account_fold_email(a, text(request, "email"), &m->email) == ERR_OK;
}

struct manage *admin_job(const json_t *request, struct buf *answer)
{
	struct str command = text(request, "command");
	size_t at = 0;
	while (at < COUNT_OF(kinds) && !str_eq(command, str_from(kinds[at].name)))
		at++;
	if (at == COUNT_OF(kinds)) {
		admin_bad(answer, ADMIN_USAGE, "This daemon does not know that command.");
		return NULL;
	}
	const char *wrong = judge(request, kinds[at].kind);
	if (wrong) {
		admin_bad(answer, ADMIN_USAGE, wrong);
		return NULL;
	}
	struct manage *m = manage_make(kinds[at].kind);
	if (!m || !fill(m, request)) {
		if (m)
			job_free(&m->job);
		admin_bad(answer, ADMIN_IO, "Memory is short.");
		return NULL;
	}
	return m;
}

/* --- answering --- */

static void answer_done(const struct manage *m, struct buf *answer)
{
	struct buf message = buf_make(MESSAGE_MAX);
	switch (m->kind) {
	case MANAGE_ADD:
		buf_fmt(&message, "Added %.*s (%.*s).", STR_ARG(m->username), STR_ARG(m->role));
		break;
	case MANAGE_PASSWORD:
		buf_fmt(&message, "Changed the password of %.*s and ended every session of that account.",
			STR_ARG(m->username));
		break;
	case MANAGE_ROLE:
		buf_fmt(&message, "%.*s is %s now.", STR_ARG(m->username),
			str_eq(m->role, STR("admin")) ? "an admin" : "a plain user");
		break;
	case MANAGE_DELETE:
		buf_fmt(&message, "Deleted %.*s and everything of that account.", STR_ARG(m->username));
		break;
	case MANAGE_KINDS:
		break;
	}
	admin_good(answer, message.ptr ? message.ptr : "Done.");
	buf_free(&message);
}

static void answer_refused(const struct manage *m, struct buf *answer)
{
	struct buf message = buf_make(MESSAGE_MAX);
	switch (m->outcome) {
	case ACCOUNT_EMAIL_TAKEN:
		buf_text(&message, "Somebody has that e-mail address already; see tsuzukid user list.");
		break;
	case ACCOUNT_NAME_TAKEN:
		buf_fmt(&message, "There is a user %.*s already; choose another name.", STR_ARG(m->name));
		break;
	default:
		buf_fmt(&message, "There is no user %.*s; see tsuzukid user list.", STR_ARG(m->name));
	}
	admin_bad(answer, ADMIN_USAGE, message.ptr ? message.ptr : "Refused.");
	buf_free(&message);
}

void admin_answer(const struct manage *m, struct buf *answer)
{
	if (m->job.err == ERR_DISK_FULL)
		admin_bad(answer, ADMIN_IO, "The disk is full, so nothing was changed. Free some space.");
	else if (m->job.err)
		admin_bad(answer, ADMIN_IO, "The database could not be written; nothing was changed.");
	else if (m->outcome == ACCOUNT_OK)
		answer_done(m, answer);
	else
		answer_refused(m, answer);
}
