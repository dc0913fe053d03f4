#include "sync/receipt.h"

#include <string.h>

#include "sync/tx.h"

/*
 * An entry of a receipt row: 8 bytes of n (big-endian), 16 of digest, one each of outcome, rule and code, 16
 * of stamp (zeroes: none).
 */
enum { AT_DIGEST = 8, AT_OUTCOME = 24, AT_RULE = 25, AT_CODE = 26, AT_STAMP = 27, ENTRY_SIZE = 43 };

static int64_t entry_n(const char *entry)
{
	uint64_t n = 0;
	for (int i = 0; i < AT_DIGEST; i++)
		n = n << 8 | (unsigned char)entry[i];
	return (int64_t)n;
}

static void entry_write(char *entry, const struct receipt *r)
{
	for (int i = 0; i < AT_DIGEST; i++)
		entry[i] = (char)((uint64_t)r->n >> (56 - 8 * i));
	memcpy(entry + AT_DIGEST, r->digest, DIGEST_SIZE);
	entry[AT_OUTCOME] = (char)r->outcome;
	entry[AT_RULE] = (char)r->rule;
	entry[AT_CODE] = (char)r->code;
	memcpy(entry + AT_STAMP, r->stamp.bytes, STAMP_SIZE);
}

static enum err entry_read(const char *entry, struct receipt *out)
{
	struct receipt r = {.n = entry_n(entry),
		.outcome = (enum outcome)entry[AT_OUTCOME],
		.rule = (enum rule)entry[AT_RULE],
		.code = (unsigned char)entry[AT_CODE]};
	memcpy(r.digest, entry + AT_DIGEST, DIGEST_SIZE);
	memcpy(r.stamp.bytes, entry + AT_STAMP, STAMP_SIZE);
	if ((unsigned)r.outcome >= OUTCOME_COUNT || (unsigned)r.rule >= RULE_COUNT)
		return ERR_CORRUPT;
	*out = r;
	return ERR_OK;
}

enum err sender_load(struct tx *tx, uint64_t user, struct device_id device, struct sender *out)
{
	struct sender s = {.user = user, .device = device};
	struct query q = stmt_query(tx->s, STMT_SENDER_GET);
	query_int(&q, (int64_t)user);
	query_device(&q, device);
	if (query_row(&q)) {
		s.taken = query_get_int(&q, 0);
		s.kept = query_get_int(&q, 1);
	}
	enum err err = query_end(&q);
	if (!err)
		*out = s;
	return err;
}

/* Reads the first row at or after n, or the oldest one. ERR_NOT_FOUND when there is none. */
static enum err load_row(struct tx *tx, struct sender *s, enum stmt_id id, int64_t n, struct arena *a)
{
	struct query q = stmt_query(tx->s, id);
	query_int(&q, (int64_t)s->user);
	query_device(&q, s->device);
	if (id == STMT_RECEIPT_GET)
		query_int(&q, n);
	bool found = query_row(&q);
	if (found) {
		s->last_n = query_get_int(&q, 0);
		s->entries = query_get_copy(&q, 1, a);
	}
	enum err err = query_end(&q);
	if (err || !found)
		s->entries = (struct str){NULL, 0};
	if (!err && found && s->entries.len % ENTRY_SIZE != 0)
		err = ERR_CORRUPT;
	return err ? err : found ? ERR_OK : ERR_NOT_FOUND;
}

enum err receipt_find(struct tx *tx, struct sender *s, int64_t n, struct arena *a, struct receipt *out)
{
	bool here = s->entries.len && n <= s->last_n && n >= entry_n(s->entries.ptr);
	enum err err = here ? ERR_OK : load_row(tx, s, STMT_RECEIPT_GET, n, a);
	if (err)
		return err;
	for (size_t at = 0; at < s->entries.len; at += ENTRY_SIZE)
		if (entry_n(s->entries.ptr + at) == n)
			return entry_read(s->entries.ptr + at, out);
	return ERR_NOT_FOUND;
}

/* Whole pushes go, as long as the rest still holds RECEIPTS_KEPT numbers. */
static enum err prune(struct tx *tx, struct sender *s, struct arena *a)
{
	while (s->kept > RECEIPTS_KEPT) {
		enum err err = load_row(tx, s, STMT_RECEIPT_OLDEST, 0, a);
		if (err)
			return err == ERR_NOT_FOUND ? ERR_OK : err;
		int64_t count = (int64_t)(s->entries.len / ENTRY_SIZE);
		if (s->kept - count < RECEIPTS_KEPT || count == 0)
			return ERR_OK;
		struct query q = stmt_query(tx->s, STMT_RECEIPT_DELETE);
		query_int(&q, (int64_t)s->user);
		query_device(&q, s->device);
		query_int(&q, s->last_n);
		err = query_run(&q);
		if (err)
			return err;
		s->kept -= count;
	}
	return ERR_OK;
}

enum err receipts_keep(
	struct tx *tx, struct sender *s, const struct receipt *list, size_t count, struct arena *a)
{
	char *entries = arena_alloc(a, count * ENTRY_SIZE);
	if (!entries)
		return ERR_NOMEM;
	for (size_t i = 0; i < count; i++)
		entry_write(entries + i * ENTRY_SIZE, &list[i]);
	struct query q = stmt_query(tx->s, STMT_RECEIPT_PUT);
	query_int(&q, (int64_t)s->user);
	query_device(&q, s->device);
	query_int(&q, list[count - 1].n);
	query_blob(&q, entries, count * ENTRY_SIZE);
	enum err err = query_run(&q);
	if (err)
		return err;
	s->taken = list[count - 1].n;
	s->kept += (int64_t)count;
	err = prune(tx, s, a);
	if (err)
		return err;
	q = stmt_query(tx->s, STMT_SENDER_PUT);
	query_int(&q, (int64_t)s->user);
	query_device(&q, s->device);
	query_int(&q, s->taken);
	query_int(&q, s->kept);
	return query_run(&q);
}

const char *receipts_fault(struct str entries, int64_t last_n, int64_t *count)
{
	int64_t before = 0;
	*count = (int64_t)(entries.len / ENTRY_SIZE);
	if (*count == 0 || entries.len % ENTRY_SIZE != 0)
		return "is cut off";
	for (size_t at = 0; at < entries.len; at += ENTRY_SIZE) {
		struct receipt r;
		if (entry_read(entries.ptr + at, &r))
			return "names an outcome that there is not";
		if (r.n <= before)
			return "has its numbers out of order";
		if ((r.outcome == OUTCOME_REFUSED) == stamp_set(r.stamp))
			return "has a stamp where there is none, or none where there is one";
		before = r.n;
	}
	return before == last_n ? NULL : "ends with another number than it is kept under";
}

enum err sender_stamp_load(struct tx *tx, const struct sender *s, struct device_id origin, struct stamp *out)
{
	struct stamp stamp = {{0}};
	struct query q = stmt_query(tx->s, STMT_SENDER_ORIGIN_GET);
	query_int(&q, (int64_t)s->user);
	query_device(&q, s->device);
	query_device(&q, origin);
	if (query_row(&q))
		stamp = query_get_stamp(&q, 0);
	enum err err = query_end(&q);
	if (!err)
		*out = stamp;
	return err;
}

enum err sender_stamp_save(struct tx *tx, const struct sender *s, struct device_id origin, struct stamp stamp)
{
	struct query q = stmt_query(tx->s, STMT_SENDER_ORIGIN_PUT);
	query_int(&q, (int64_t)s->user);
	query_device(&q, s->device);
	query_device(&q, origin);
	query_blob(&q, stamp.bytes, STAMP_SIZE);
	return query_run(&q);
}

enum err sender_stamps_prune(struct tx *tx, const struct sender *s)
{
	struct query q = stmt_query(tx->s, STMT_SENDER_ORIGIN_PRUNE);
	query_int(&q, (int64_t)s->user);
	query_device(&q, s->device);
	query_int(&q, ORIGINS_KEPT);
	return query_run(&q);
}
