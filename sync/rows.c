#include "sync/rows.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "sync/base/check.h"
#include "sync/row_cache.h"

enum err account_load(struct statements *s, uint64_t user, struct account *out)
{
	struct account a = {.user = user};
	const struct account *known = row_cache_account(s->cache, user);
	if (known) {
		*out = *known;
		return ERR_OK;
	}
	struct query q = stmt_query(s, STMT_ACCOUNT_GET);
	query_int(&q, (int64_t)user);
	bool found = query_row(&q);
	if (found) {
		a.head = query_get_int(&q, 0);
		a.head_row = query_get_int(&q, 1);
		struct str epoch = query_get_str(&q, 2);
		if (epoch.len == EPOCH_TEXT_SIZE - 1)
			memcpy(a.epoch, epoch.ptr, epoch.len);
		a.epoch_began = query_get_int(&q, 3);
		query_get_bytes(&q, 4, a.boot, BOOT_SIZE);
		a.clock.ms = query_get_int(&q, 5);
		a.clock.counter = (unsigned)query_get_int(&q, 6);
		a.clock.offset = query_get_int(&q, 7);
		a.clock.run = query_get_int(&q, 8);
		query_get_bytes(&q, 9, a.id_key, ID_KEY_SIZE);
		for (int c = 0; c < COLLECTION_COUNT; c++) {
			a.cleared[c] = query_get_stamp(&q, 10 + c);
			a.keys[c] = query_get_int(&q, 12 + c);
		}
		for (int i = 0; i < STATUS_COUNT; i++)
			a.statuses[i] = query_get_int(&q, 14 + i);
		a.rated = query_get_int(&q, 19);
		a.rating_sum = query_get_int(&q, 20);
		a.purge = (unsigned)query_get_int(&q, 21);
	}
	enum err err = query_end(&q);
	if (err)
		return err;
	if (!found || a.purge & PURGE_ACCOUNT_BIT)
		return ERR_NOT_FOUND;
	row_cache_put_account(s->cache, &a);
	*out = a;
	return ERR_OK;
}

static void bind_account(struct query *q, const struct account *a)
{
	query_int(q, a->head);
	query_int(q, a->head_row);
	query_text(q, str_from(a->epoch));
	query_int(q, a->epoch_began);
	query_blob(q, a->boot, BOOT_SIZE);
	query_int(q, a->clock.ms);
	query_int(q, a->clock.counter);
	query_int(q, a->clock.offset);
	query_int(q, a->clock.run);
	query_blob(q, a->id_key, ID_KEY_SIZE);
	for (int c = 0; c < COLLECTION_COUNT; c++)
		query_stamp(q, a->cleared[c]);
	for (int c = 0; c < COLLECTION_COUNT; c++)
		query_int(q, a->keys[c]);
	for (int i = 0; i < STATUS_COUNT; i++)
		query_int(q, a->statuses[i]);
	query_int(q, a->rated);
	query_int(q, a->rating_sum);
}

enum err account_insert(struct statements *s, const struct account *account)
{
	struct query q = stmt_query(s, STMT_ACCOUNT_INSERT);
	query_int(&q, (int64_t)account->user);
	bind_account(&q, account);
	query_int(&q, account->purge);
	return query_run(&q);
}

enum err account_save(struct statements *s, const struct account *account)
{
	struct query q = stmt_query(s, STMT_ACCOUNT_UPDATE);
	bind_account(&q, account);
	query_int(&q, (int64_t)account->user);
	enum err err = query_run(&q);
	if (!err && !account->purge) /* which other statements write */
		row_cache_put_account(s->cache, account);
	return err;
}

static void field_read(struct query *q, int column, enum field_type type, struct arena *a, struct field *out)
{
	if (field_is_text(type))
		out->s = query_get_copy(q, column, a);
	else if (type == FIELD_REAL)
		out->r = query_get_real(q, column);
	else if (type == FIELD_RATING && query_get_null(q, column))
		out->null = true;
	else
		out->i = query_get_int(q, column);
}

struct query item_query(struct statements *s, uint64_t user, enum collection collection, struct str key)
{
	struct query q =
		stmt_query(s, collection == COLLECTION_WATCHLIST ? STMT_WATCHLIST_GET : STMT_PROGRESS_GET);
	query_int(&q, (int64_t)user);
	query_text(&q, key);
	return q;
}

void item_read(struct query *q, enum collection collection, struct arena *a, struct item *out)
{
	int column = 9;
	memset(out, 0, sizeof *out);
	out->collection = collection;
	out->id = query_get_int(q, 0);
	out->key = query_get_copy(q, 1, a);
	query_get_bytes(q, 2, out->oid, OID_SIZE);
	out->seq = query_get_int(q, 3);
	out->push = query_get_int(q, 4);
	out->deleted = query_get_stamp(q, 5);
	out->deleted_row = query_get_int(q, 6);
	out->created = query_get_int(q, 7);
	out->rows = query_get_int(q, 8);
	if (collection == COLLECTION_PROGRESS) {
		out->running = (enum running)query_get_int(q, column++);
		out->place_session = query_get_copy(q, column++, a);
		out->place_began = query_get_int(q, column++);
	}
	for (int reg = 0; reg < REG_COUNT; reg++) {
		const struct register_def *def = &register_defs[reg];
		struct cell *cell = &out->cells[reg];
		if (!register_of((enum reg)reg, collection))
			continue;
		for (size_t i = 0; i < def->fields; i++)
			field_read(q, column++, def->field[i].type, a, &cell->value.f[i]);
		cell->stamp = query_get_stamp(q, column++);
		cell->row = query_get_int(q, column++);
	}
}

static enum err item_load_one(struct query *q, enum collection collection, struct arena *a, struct item *out)
{
	bool found = query_row(q);
	if (found)
		item_read(q, collection, a, out);
	enum err err = query_end(q);
	return err ? err : found ? ERR_OK : ERR_NOT_FOUND;
}

enum err item_load(struct statements *s, uint64_t user, enum collection collection, struct str key,
	struct arena *a, struct item *out)
{
	bool found = false;
	enum err err = row_cache_item(s->cache, user, collection, key, a, out, &found);
	if (err || found)
		return err;
	struct query q = item_query(s, user, collection, key);
	err = item_load_one(&q, collection, a, out);
	if (!err)
		row_cache_put_item(s->cache, user, out);
	return err;
}

enum err item_load_oid(struct statements *s, uint64_t user, const unsigned char oid[OID_SIZE],
	struct arena *a, struct item *out)
{
	struct query q = stmt_query(s, STMT_WATCHLIST_BY_OID);
	query_int(&q, (int64_t)user);
	query_blob(&q, oid, OID_SIZE);
	return item_load_one(&q, COLLECTION_WATCHLIST, a, out);
}

static void bind_registers(struct query *q, const struct item *it)
{
	for (int reg = 0; reg < REG_COUNT; reg++) {
		const struct register_def *def = &register_defs[reg];
		const struct cell *cell = &it->cells[reg];
		if (!register_of((enum reg)reg, it->collection))
			continue;
		for (size_t i = 0; i < def->fields; i++) {
			const struct field *f = &cell->value.f[i];
			enum field_type type = def->field[i].type;
			if (field_is_text(type))
				query_text(q, f->s);
			else if (type == FIELD_REAL)
				query_real(q, f->r);
			else if (f->null)
				query_null(q);
			else
				query_int(q, f->i);
		}
		query_stamp(q, cell->stamp);
		query_int(q, cell->row);
	}
}

static void bind_head(struct query *q, const struct item *it)
{
	query_int(q, it->seq);
	query_int(q, it->push);
	query_stamp(q, it->deleted);
	query_int(q, it->deleted_row);
	query_int(q, it->created);
	query_int(q, it->rows);
	if (it->collection == COLLECTION_PROGRESS) {
		query_int(q, it->running);
		query_text(q, it->place_session);
		query_int(q, it->place_began);
	}
}

/* A blob that is never NULL: an item that only a delete made has no register yet. */
static void bind_newest(struct query *q, const struct stamp *newest)
{
	query_blob(q, newest->bytes, STAMP_SIZE);
}

enum err item_save(struct statements *s, uint64_t user, const struct item *it, struct stamp cleared)
{
	static const enum stmt_id ids[COLLECTION_COUNT][2] = {
		{STMT_WATCHLIST_UPDATE, STMT_WATCHLIST_INSERT}, {STMT_PROGRESS_UPDATE, STMT_PROGRESS_INSERT}};
	struct stamp newest = item_newest(it);
	struct query q = stmt_query(s, ids[it->collection][it->fresh]);
	if (it->fresh) {
		query_int(&q, it->id);
		query_text(&q, it->key);
		query_blob(&q, it->oid, OID_SIZE);
	}
	bind_head(&q, it);
	bind_registers(&q, it);
	bind_newest(&q, &newest);
	query_int(&q, stamp_ms(newest));
	query_int(&q, item_shown(it, cleared));
	if (it->collection == COLLECTION_PROGRESS)
		query_int(&q, item_last_watched(it, cleared));
	query_int(&q, it->fresh ? (int64_t)user : it->id);
	return query_run(&q);
}

enum err item_save_tick(struct statements *s, const struct item *it, struct stamp cleared)
{
	struct stamp newest = item_newest(it);
	const struct cell *position = &it->cells[REG_POSITION];
	struct query q = stmt_query(s, STMT_PROGRESS_TICK);
	query_int(&q, it->seq);
	query_int(&q, it->push);
	query_int(&q, it->place_began);
	query_real(&q, position->value.f[POSITION_TIME].r);
	query_real(&q, position->value.f[POSITION_DURATION].r);
	query_stamp(&q, position->stamp);
	bind_newest(&q, &newest);
	query_int(&q, stamp_ms(newest));
	query_int(&q, item_last_watched(it, cleared));
	query_int(&q, it->id);
	struct cached_item *taken = row_cache_take_tick(s->cache, it->id);
	enum err err = query_run(&q);
	if (taken && !err)
		row_cache_put_tick(s->cache, taken, it);
	else
		free(taken);
	return err;
}

void journal_read(struct query *q, struct arena *a, struct journal_row *out)
{
	*out = (struct journal_row){
		.row = query_get_int(q, 0),
		.collection = (enum collection)query_get_int(q, 1),
		.item = query_get_int(q, 2),
		.seq = query_get_int(q, 3),
		.first_seq = query_get_int(q, 4),
		.stamp = query_get_stamp(q, 5),
		.received = query_get_int(q, 6),
		.kind = (enum op_kind)query_get_int(q, 7),
		.event = (enum event)query_get_int(q, 8),
		.session = query_get_copy(q, 9, a),
		.outcome = (enum outcome)query_get_int(q, 10),
		.rule = (enum rule)query_get_int(q, 11),
		.registers = query_get_copy(q, 12, a),
		.fixed_sum = query_get_int(q, 13),
		.sum = query_get_int(q, 14),
	};
	/* What indexes a table of names must be one of them. */
	if ((unsigned)out->event >= EVENT_COUNT || (unsigned)out->outcome >= OUTCOME_COUNT ||
		(unsigned)out->rule >= RULE_COUNT)
		q->err = ERR_CORRUPT;
}

enum err journal_load(
	struct statements *s, uint64_t user, int64_t row, struct arena *a, struct journal_row *out)
{
	struct query q = stmt_query(s, STMT_JOURNAL_GET);
	query_int(&q, row);
	query_int(&q, (int64_t)user);
	bool found = query_row(&q);
	if (found)
		journal_read(&q, a, out);
	enum err err = query_end(&q);
	return err ? err : found ? ERR_OK : ERR_NOT_FOUND;
}

/* Not to keep anybody out, only to notice damage: the key is no secret. */
static int64_t checksum(const int64_t *numbers, size_t count, struct stamp stamp, struct str text)
{
	static const unsigned char key[crypto_shorthash_KEYBYTES] = "tsuzuki journal";
	unsigned char parts[3][crypto_shorthash_BYTES];
	unsigned char hash[crypto_shorthash_BYTES];
	int64_t sum = 0;
	(void)crypto_shorthash(parts[0], (const unsigned char *)numbers, count * sizeof *numbers, key);
	(void)crypto_shorthash(parts[1], stamp.bytes, STAMP_SIZE, key);
	(void)crypto_shorthash(parts[2], (const unsigned char *)text.ptr, text.len, key);
	(void)crypto_shorthash(hash, parts[0], sizeof parts, key);
	memcpy(&sum, hash, sizeof sum);
	return sum ? sum : 1;
}

int64_t journal_fixed_sum(const struct journal_row *row, uint64_t user)
{
	const int64_t numbers[] = {row->row, (int64_t)user, row->collection, row->item, row->first_seq,
		row->kind, row->event, row->outcome};
	static const struct stamp none;
	return checksum(numbers, COUNT_OF(numbers), none, row->session);
}

int64_t journal_sum(const struct journal_row *row, uint64_t user)
{
	const int64_t numbers[] = {row->row, (int64_t)user, row->seq, row->received, row->rule};
	return checksum(numbers, COUNT_OF(numbers), row->stamp, row->registers);
}

enum err journal_insert(struct statements *s, uint64_t user, const struct journal_row *row)
{
	struct query q = stmt_query(s, STMT_JOURNAL_INSERT);
	query_int(&q, row->row);
	query_int(&q, row->collection);
	query_int(&q, row->item);
	query_int(&q, row->seq);
	query_int(&q, row->first_seq);
	query_stamp(&q, row->stamp);
	query_int(&q, row->received);
	query_int(&q, row->kind);
	query_int(&q, row->event);
	query_text(&q, row->session);
	query_int(&q, row->outcome);
	query_int(&q, row->rule);
	query_text(&q, row->registers);
	query_int(&q, journal_fixed_sum(row, user));
	query_int(&q, journal_sum(row, user));
	query_int(&q, (int64_t)user);
	return query_run(&q);
}

enum err journal_rewrite(struct statements *s, uint64_t user, const struct journal_row *row)
{
	struct query q = stmt_query(s, STMT_JOURNAL_REWRITE);
	query_int(&q, row->seq);
	query_stamp(&q, row->stamp);
	query_int(&q, row->received);
	query_int(&q, row->rule);
	query_text(&q, row->registers);
	query_int(&q, journal_sum(row, user));
	query_int(&q, row->row);
	return query_run(&q);
}

enum err playback_load(struct statements *s, uint64_t user, int64_t item, struct device_id device,
	struct str session, struct playback *out)
{
	struct playback p = {0};
	struct query q = stmt_query(s, STMT_PLAYBACK_GET);
	query_int(&q, (int64_t)user);
	query_int(&q, item);
	query_device(&q, device);
	query_text(&q, session);
	if (query_row(&q))
		p = (struct playback){.known = true,
			.began = query_get_int(&q, 0),
			.last = query_get_int(&q, 1),
			.ticked = query_get_int(&q, 2) != 0,
			.anchor_episode = query_get_int(&q, 3),
			.anchor_time = query_get_real(&q, 4),
			.candidate_row = query_get_int(&q, 5)};
	enum err err = query_end(&q);
	if (!err)
		*out = p;
	return err;
}

enum err playback_save(struct statements *s, uint64_t user, int64_t item, struct device_id device,
	struct str session, const struct playback *p, int most)
{
	struct query q = stmt_query(s, STMT_PLAYBACK_PUT);
	query_int(&q, (int64_t)user);
	query_int(&q, item);
	query_device(&q, device);
	query_text(&q, session);
	query_int(&q, p->began);
	query_int(&q, p->last);
	query_int(&q, p->ticked);
	query_int(&q, p->anchor_episode);
	query_real(&q, p->anchor_time);
	query_int(&q, p->candidate_row);
	enum err err = query_run(&q);
	if (err)
		return err;
	q = stmt_query(s, STMT_PLAYBACK_PRUNE);
	query_int(&q, (int64_t)user);
	query_int(&q, item);
	query_int(&q, most - 1);
	return query_run(&q);
}
