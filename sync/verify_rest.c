/* What has no journal: log-ins, epochs, devices, sessions, receipts, playback. */
#include <string.h>

#include "sync/profile.h"
#include "sync/receipt.h"
#include "sync/tx.h"
#include "sync/verifying.h"

/* --- log-ins and profiles --- */

static enum err forget_login(struct verifying *v, struct str name)
{
	struct query q = stmt_query(v->s, STMT_REPAIR_LOGIN_DELETE);
	query_text(&q, name);
	v->healed++;
	return query_run(&q);
}

static enum err look_at_logins(struct verifying *v)
{
	enum err err = ERR_OK;
	struct query q = stmt_query(v->s, STMT_VERIFY_LOGINS);
	while (!err && query_row(&q)) {
		struct str name;
		arena_reset(&v->arena);
		name = query_get_copy(&q, 0, &v->arena);
		uint64_t user = (uint64_t)query_get_int(&q, 1);
		struct str wanted = query_get_str(&q, str_starts(name, STR("e:")) ? 2 : 3);
		bool kind = str_starts(name, STR("e:")) || str_starts(name, STR("n:"));
		if (q.err || (kind && str_eq_fold((struct str){name.ptr + 2, name.len - 2}, wanted)))
			continue;
		if (v->repair)
			err = forget_login(v, name);
		else
			finding_tell(v, FINDING_LOGIN, user, NULL, 0,
				"a log-in name points here, but no profile has it");
	}
	enum err end = query_end(&q);
	return err ? err : end;
}

static enum err look_for_login(struct verifying *v, uint64_t user, enum login_kind kind, struct str name)
{
	uint64_t of = 0;
	enum err err = login_find(v->s, kind, name, &of);
	if (err && err != ERR_NOT_FOUND)
		return err;
	if (!err && of == user)
		return ERR_OK;
	if (v->repair && err == ERR_NOT_FOUND) {
		v->healed++;
		return login_put(v->s, kind, name, user);
	}
	finding_tell(v, FINDING_LOGIN, user, NULL, 0, "its %s leads %s",
		kind == LOGIN_EMAIL ? "e-mail address" : "user name", err ? "nowhere" : "to another user");
	return ERR_OK;
}

static enum err look_at_profiles(struct verifying *v)
{
	enum err err = ERR_OK;
	struct query q = stmt_query(v->s, STMT_VERIFY_PROFILES);
	while (!err && query_row(&q)) {
		arena_reset(&v->arena);
		uint64_t user = (uint64_t)query_get_int(&q, 0);
		uint64_t of = 0;
		if (!v->repair && (!user_of_oid(query_get_str(&q, 1), &of) || of != user))
			finding_tell(v, FINDING_LOGIN, user, NULL, 0, "its _id is not this user's");
		if (!v->repair && (query_get_null(&q, 4) || query_get_int(&q, 4) & PURGE_ACCOUNT_BIT))
			finding_tell(v, FINDING_LOGIN, user, NULL, 0, "there is a profile, but no account");
		struct str email = query_get_copy(&q, 2, &v->arena);
		struct str name = query_get_copy(&q, 3, &v->arena);
		err = q.err ? q.err : look_for_login(v, user, LOGIN_EMAIL, email);
		if (!err)
			err = look_for_login(v, user, LOGIN_NAME, name);
	}
	enum err end = query_end(&q);
	return err ? err : end;
}

enum err verify_people(struct verifying *v)
{
	enum err err = look_at_logins(v);
	if (!err)
		err = look_at_profiles(v);
	if (err || v->repair)
		return err;
	struct query q = stmt_query(v->s, STMT_VERIFY_STRAYS);
	while (query_row(&q)) {
		struct str table = query_get_str(&q, 0);
		finding_tell(v, FINDING_STRAY, (uint64_t)query_get_int(&q, 1), NULL, 0,
			"there is no such user, but %lld rows of table %.*s", (long long)query_get_int(&q, 2),
			STR_ARG(table));
	}
	return query_end(&q);
}

/* --- one user --- */

static bool epoch_valid(struct str epoch)
{
	unsigned char bytes[(EPOCH_TEXT_SIZE - 1) / 2];
	for (size_t i = 0; i < epoch.len; i++)
		if (epoch.ptr[i] >= 'A' && epoch.ptr[i] <= 'F')
			return false;
	return str_hex(epoch, bytes, sizeof bytes);
}

static enum err look_at_epochs(struct verifying *v, const struct account *a)
{
	int64_t before = 0;
	if (!epoch_valid(str_from(a->epoch)))
		finding_tell(v, FINDING_EPOCH, a->user, NULL, 0, "its epoch is ill-formed");
	struct query q = stmt_query(v->s, STMT_VERIFY_EPOCHS);
	query_int(&q, (int64_t)a->user);
	while (query_row(&q)) {
		struct str epoch = query_get_str(&q, 0);
		int64_t last = query_get_int(&q, 1);
		bool lost = query_get_int(&q, 2) != 0;
		const char *fault = NULL;
		if (!epoch_valid(epoch))
			fault = "is ill-formed";
		else if (str_eq(epoch, str_from(a->epoch)))
			fault = "is the present one";
		else if (last < 0 || last > a->head)
			fault = "ends beyond the head";
		else if (!lost && last < before)
			fault = "ends before the one that came before it";
		if (fault)
			finding_tell(v, FINDING_EPOCH, a->user, NULL, 0,
				"an earlier epoch, ended at seq %lld, %s", (long long)last, fault);
		if (!lost)
			before = last;
	}
	return query_end(&q);
}

static enum err count_bad(
	struct verifying *v, uint64_t user, enum stmt_id id, enum finding_kind kind, const char *what)
{
	struct query q = stmt_query(v->s, id);
	query_int(&q, (int64_t)user);
	int64_t count = query_row(&q) ? query_get_int(&q, 0) : 0;
	enum err err = query_end(&q);
	if (!err && count)
		finding_tell(v, kind, user, NULL, 0, "%lld %s are ill-formed or lack what they belong to",
			(long long)count, what);
	return err;
}

static enum err put_sender(
	struct verifying *v, uint64_t user, struct device_id device, int64_t taken, int64_t kept)
{
	struct query q = stmt_query(v->s, STMT_SENDER_PUT);
	query_int(&q, (int64_t)user);
	query_device(&q, device);
	query_int(&q, taken);
	query_int(&q, kept);
	v->healed++;
	return query_run(&q);
}

static enum err drop_receipt(struct verifying *v, uint64_t user, struct device_id device, int64_t last_n)
{
	struct query q = stmt_query(v->s, STMT_RECEIPT_DELETE);
	query_int(&q, (int64_t)user);
	query_device(&q, device);
	query_int(&q, last_n);
	v->healed++;
	return query_run(&q);
}

static enum err look_at_receipts(struct verifying *v, uint64_t user)
{
	enum err err = ERR_OK;
	struct query q = stmt_query(v->s, STMT_VERIFY_RECEIPTS);
	query_int(&q, (int64_t)user);
	while (!err && query_row(&q)) {
		struct device_id device;
		int64_t count = 0;
		query_get_bytes(&q, 0, device.bytes, DEVICE_SIZE);
		int64_t last_n = query_get_int(&q, 1);
		const char *fault = receipts_fault(query_get_str(&q, 2), last_n, &count);
		bool orphan = query_get_int(&q, 3) == 0;
		if (q.err || (!fault && !orphan))
			continue;
		if (!v->repair)
			finding_tell(v, FINDING_RECEIPT, user, NULL, 0, "the receipts up to number %lld: %s",
				(long long)last_n, fault ? fault : "nobody is known who pushed them");
		else if (fault)
			err = drop_receipt(v, user, device, last_n);
		else
			err = put_sender(v, user, device, last_n, count);
	}
	enum err end = query_end(&q);
	return err ? err : end;
}

static enum err look_at_senders(struct verifying *v, uint64_t user)
{
	enum { ENTRY = 43 };
	enum err err = ERR_OK;
	struct query q = stmt_query(v->s, STMT_VERIFY_SENDERS);
	query_int(&q, (int64_t)user);
	while (!err && query_row(&q)) {
		struct device_id device;
		query_get_bytes(&q, 0, device.bytes, DEVICE_SIZE);
		int64_t taken = query_get_int(&q, 1);
		int64_t kept = query_get_int(&q, 2);
		int64_t count = query_get_int(&q, 3) / ENTRY;
		int64_t newest = query_get_int(&q, 4);
		if (q.err || (kept == count && taken >= newest))
			continue;
		if (v->repair)
			err = put_sender(v, user, device, taken > newest ? taken : newest, count);
		else
			finding_tell(v, FINDING_RECEIPT, user, NULL, 0,
				"a device is said to have %lld receipts and number %lld taken, but has %lld "
				"and "
				"%lld",
				(long long)kept, (long long)taken, (long long)count, (long long)newest);
	}
	enum err end = query_end(&q);
	return err ? err : end;
}

static enum err look_at_playback(struct verifying *v, uint64_t user)
{
	struct query q = stmt_query(v->s, STMT_VERIFY_PLAYBACK);
	query_int(&q, (int64_t)user);
	while (query_row(&q)) {
		int64_t row = query_get_int(&q, 3);
		if (query_get_int(&q, 4) == 0)
			finding_tell(v, FINDING_PLAYBACK, user, NULL, 0,
				"a playback session is of progress item %lld, which is not there",
				(long long)query_get_int(&q, 0));
		else if (row && query_get_int(&q, 5) == 0)
			finding_tell(v, FINDING_PLAYBACK, user, NULL, row,
				"journal row %lld is not the candidate of the session that names it",
				(long long)row);
	}
	return query_end(&q);
}

static enum err heal_rest(struct verifying *v, uint64_t user)
{
	static const enum stmt_id steps[] = {STMT_REPAIR_PLAYBACK, STMT_REPAIR_ORIGINS};
	enum err err = look_at_receipts(v, user);
	if (!err)
		err = look_at_senders(v, user);
	for (size_t i = 0; i < sizeof steps / sizeof steps[0] && !err; i++) {
		struct query q = stmt_query(v->s, steps[i]);
		query_int(&q, (int64_t)user);
		err = query_run(&q);
		if (!err)
			v->healed += sqlite3_changes(v->s->db);
	}
	return err;
}

enum err verify_user_rest(struct verifying *v, const struct account *a)
{
	if (v->repair)
		return heal_rest(v, a->user);
	enum err err = look_at_epochs(v, a);
	if (!err)
		err = count_bad(v, a->user, STMT_VERIFY_DEVICES, FINDING_DEVICE, "devices");
	if (!err)
		err = count_bad(v, a->user, STMT_VERIFY_SESSIONS, FINDING_DEVICE, "sessions");
	if (!err)
		err = look_at_receipts(v, a->user);
	if (!err)
		err = look_at_senders(v, a->user);
	if (!err)
		err = count_bad(
			v, a->user, STMT_VERIFY_ORIGINS, FINDING_RECEIPT, "stamps of senders' devices");
	return err ? err : look_at_playback(v, a->user);
}
