#include "sync/verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sync/migrate.h"
#include "sync/reader.h"
#include "sync/replay.h"
#include "sync/verifying.h"

const char *const finding_names[FINDING_KINDS] = {"file", "journal", "seq", "barrier", "register", "derived",
	"account", "login", "device", "receipt", "epoch", "playback", "stray"};

/* --- telling --- */

void finding_begin(struct verifying *v, uint64_t user, const struct item *it)
{
	buf_clear(&v->text);
	if (user)
		buf_fmt(&v->text, "user %016llx: ", (unsigned long long)user);
	if (!it)
		return;
	buf_fmt(&v->text, "%s \"", collection_names[it->collection]);
	/* A damaged key may hold anything; a terminal need not. */
	for (size_t i = 0; i < it->key.len && i < KEY_MAX; i++) {
		char c = it->key.ptr[i];
		bool control = (unsigned char)c < 0x20 || c == 0x7f;
		if (control)
			c = '?';
		buf_char(&v->text, c);
	}
	buf_text(&v->text, "\": ");
}

void finding_end(
	struct verifying *v, enum finding_kind kind, uint64_t user, const struct item *it, int64_t row)
{
	struct finding finding = {.kind = kind,
		.user = user,
		.collection = it ? (int)it->collection : -1,
		.key = it ? it->key : STR(""),
		.row = row,
		.text = v->text.ptr ? v->text.ptr : ""};
	v->counts->findings++;
	v->found(v->context, &finding);
}

void finding_tell(struct verifying *v, enum finding_kind kind, uint64_t user, const struct item *it,
	int64_t row, const char *format, ...)
{
	char text[1024];
	va_list args;
	finding_begin(v, user, it);
	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	buf_text(&v->text, text);
	finding_end(v, kind, user, it, row);
}

enum err part_end(struct verifying *v, const char *what, uint64_t user, enum err err)
{
	if (v->repair || (err != ERR_CORRUPT && err != ERR_INVALID))
		return err;
	finding_tell(
		v, FINDING_FILE, user, NULL, 0, "%s cannot be read to the end: the file is damaged", what);
	return ERR_OK;
}

/* --- the file --- */

static enum err look_at_pragma(struct verifying *v, enum stmt_id id)
{
	struct query q = stmt_query(v->s, id);
	while (query_row(&q)) {
		struct str text = query_get_str(&q, 0);
		if (id == STMT_VERIFY_INTEGRITY && str_eq(text, STR("ok")))
			continue;
		finding_begin(v, 0, NULL);
		buf_text(&v->text, id == STMT_VERIFY_INTEGRITY ? "the file: " : "a foreign key of table ");
		buf_add_str(&v->text, text);
		finding_end(v, FINDING_FILE, 0, NULL, 0);
	}
	return part_end(v, "the file", 0, query_end(&q));
}

static enum err look_at_file(struct verifying *v, bool *usable)
{
	struct buf why = buf_make(4096);
	int version = 0;
	*usable = false;
	enum err err = migrate_judge(v->s->db, sqlite3_db_filename(v->s->db, "main"), &version, &why);
	if (err == ERR_FOREIGN || err == ERR_NEWER || err == ERR_CORRUPT) {
		finding_tell(v, FINDING_FILE, 0, NULL, 0, "%s", why.ptr ? why.ptr : err_name(err));
		err = ERR_OK;
	} else if (!err && version != (int)migration_count) {
		finding_tell(v, FINDING_FILE, 0, NULL, 0,
			"the file has schema %d, this program knows %zu: start tsuzukid once, or use "
			"--repair, to "
			"bring it up to date",
			version, migration_count);
	} else if (!err) {
		*usable = true;
		err = look_at_pragma(v, STMT_VERIFY_INTEGRITY);
		if (!err)
			err = look_at_pragma(v, STMT_VERIFY_FOREIGN_KEYS);
	}
	buf_free(&why);
	return err;
}

static enum err look_at_identity(struct verifying *v)
{
	unsigned char bytes[OID_SIZE];
	struct query q = stmt_query(v->s, STMT_META_GET);
	query_text(&q, STR("server"));
	bool good = query_row(&q) && str_hex(query_get_str(&q, 0), bytes, sizeof bytes);
	enum err err = query_end(&q);
	if (!err && !good)
		finding_tell(v, FINDING_FILE, 0, NULL, 0, "the server's identity is missing or ill-formed");
	return part_end(v, "table meta", 0, err);
}

/* --- the journal, row by row --- */

enum { AT_USER = 15, AT_HEAD, AT_PURGE, AT_ITEM_THERE };

static void look_at_row(
	struct verifying *v, struct query *q, const struct journal_row *row, uint64_t user, const char *fault)
{
	if (fault) {
		finding_tell(v, FINDING_JOURNAL, user, NULL, row->row,
			"journal row %lld (seq %lld, %s) %s: it is not used", (long long)row->row,
			(long long)row->seq,
			(unsigned)row->collection < COLLECTION_COUNT ? collection_names[row->collection]
								     : "?",
			fault);
		return;
	}
	if (!query_get_null(q, AT_HEAD) && row->seq > query_get_int(q, AT_HEAD))
		finding_tell(v, FINDING_SEQ, user, NULL, row->row,
			"journal row %lld has seq %lld, beyond the account's head", (long long)row->row,
			(long long)row->seq);
	if (!query_get_int(q, AT_ITEM_THERE))
		finding_tell(v, FINDING_STRAY, user, NULL, row->row,
			"journal row %lld is about item %lld of %s, which is not there", (long long)row->row,
			(long long)row->item, collection_names[row->collection]);
}

static enum err look_at_journal(struct verifying *v)
{
	struct value values[REG_COUNT];
	enum err err = ERR_OK;
	struct query q = stmt_query(v->s, STMT_VERIFY_JOURNAL);
	while (!err && query_row(&q)) {
		struct journal_row row;
		unsigned present = 0;
		const char *fault = NULL;
		uint64_t user = (uint64_t)query_get_int(&q, AT_USER);
		/* What is left of a deleted account, and what belongs to nobody. */
		if (query_get_null(&q, AT_HEAD) || query_get_int(&q, AT_PURGE) & PURGE_ACCOUNT_BIT)
			continue;
		arena_reset(&v->arena);
		err = journal_judge(&q, user, &v->arena, &row, &fault, &present, values);
		if (err)
			break;
		v->counts->rows++;
		look_at_row(v, &q, &row, user, fault);
	}
	enum err end = query_end(&q);
	return part_end(v, "the journal", 0, err ? err : end);
}

static enum err look_for_twins(struct verifying *v, uint64_t user, enum stmt_id id, const char *name)
{
	struct query q = stmt_query(v->s, id);
	query_int(&q, (int64_t)user);
	while (query_row(&q))
		finding_tell(v, FINDING_SEQ, user, NULL, 0, "%s %lld stands in two journal rows", name,
			(long long)query_get_int(&q, 0));
	return part_end(v, "the journal", user, query_end(&q));
}

/* --- everybody --- */

static enum err look_at_user(struct verifying *v, uint64_t user, bool has_profile, bool linked)
{
	v->counts->users++;
	if (!has_profile)
		finding_tell(v, FINDING_LOGIN, user, NULL, 0, "there is an account, but no profile");
	enum err err = look_for_twins(v, user, STMT_VERIFY_SEQ_TWICE, "seq");
	if (!err)
		err = look_for_twins(v, user, STMT_VERIFY_FIRST_SEQ_TWICE, "first seq");
	if (!err)
		err = part_end(v, "what belongs to this user", user, verify_user_items(v, user, linked));
	return err;
}

static enum err look_at_users(struct verifying *v)
{
	enum err err = ERR_OK;
	struct query q = stmt_query(v->s, STMT_VERIFY_ACCOUNTS);
	while (!err && query_row(&q)) {
		if (query_get_int(&q, 1) & PURGE_ACCOUNT_BIT)
			continue;
		err = look_at_user(v, (uint64_t)query_get_int(&q, 0), query_get_int(&q, 2) != 0,
			query_get_int(&q, 3) != 0);
	}
	enum err end = query_end(&q);
	return err ? err : part_end(v, "table account", 0, end);
}

static enum err look_at_all(struct verifying *v)
{
	bool usable = false;
	enum err err = look_at_file(v, &usable);
	if (err || !usable)
		return err;
	err = look_at_identity(v);
	if (!err)
		err = look_at_journal(v);
	if (!err)
		err = look_at_users(v);
	return err ? err : part_end(v, "log-ins and profiles", 0, verify_people(v));
}

enum err verify_run(
	struct reader *reader, verify_found_fn *found, void *context, struct verify_counts *counts)
{
	struct verifying v = {.s = &reader->statements,
		.found = found,
		.context = context,
		.counts = counts,
		.text = buf_make(VERIFY_TEXT),
		.arena = arena_make(VERIFY_ARENA)};
	memset(counts, 0, sizeof *counts);
	struct query q = stmt_query(v.s, STMT_READ_BEGIN);
	enum err err = query_run(&q);
	if (!err) {
		err = look_at_all(&v);
		q = stmt_query(v.s, STMT_COMMIT);
		(void)query_run(&q); /* nothing was written */
	}
	arena_free(&v.arena);
	buf_free(&v.text);
	return err;
}
