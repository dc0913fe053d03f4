/* One user: barriers, items and counts, as they are and as the journal says they ought to be. */
#include <string.h>

#include "sync/base/check.h"
#include "sync/decide.h"
#include "sync/replay.h"
#include "sync/tx.h"
#include "sync/verifying.h"

/* The columns of an item that follow from the others. */
struct derived {
	struct stamp newest;
	int64_t updated;
	int64_t shown;
	int64_t last_watched;
};

struct walk {
	struct verifying *v;
	struct account *account; /* its barriers as they ought to be */
	bool linked;
	struct account counted; /* keys, statuses, rated, rating_sum: by the items */
	int outside;		/* items outside the indexes so far */
	enum collection collection;
};

/* --- reading an item's row --- */

static bool type_fits(const struct query *q, int column, int wanted, bool nullable)
{
	int type = sqlite3_column_type(q->stmt, column);
	return type == wanted || (nullable && type == SQLITE_NULL);
}

static bool types_fit(const struct query *q, enum collection c)
{
	static const int head[] = {SQLITE_INTEGER, SQLITE_TEXT, SQLITE_BLOB, SQLITE_INTEGER, SQLITE_INTEGER,
		SQLITE_BLOB, SQLITE_INTEGER, SQLITE_INTEGER, SQLITE_INTEGER, SQLITE_INTEGER, SQLITE_TEXT,
		SQLITE_INTEGER};
	int column = 0;
	bool fits = true;
	for (int count = c == COLLECTION_PROGRESS ? 12 : 9; column < count; column++)
		fits = fits && type_fits(q, column, head[column], column == 5 || column == 6);
	for (int reg = 0; reg < REG_COUNT; reg++) {
		const struct register_def *def = &register_defs[reg];
		if (!register_of((enum reg)reg, c))
			continue;
		for (size_t i = 0; i < def->fields; i++, column++) {
			enum field_type type = def->field[i].type;
			int wanted = field_is_text(type)  ? SQLITE_TEXT
				     : type == FIELD_REAL ? SQLITE_FLOAT
							  : SQLITE_INTEGER;
			fits = fits && type_fits(q, column, wanted, type == FIELD_RATING);
		}
		fits = fits && type_fits(q, column, SQLITE_BLOB, true);
		fits = fits && type_fits(q, column + 1, SQLITE_INTEGER, true);
		column += 2;
	}
	fits = fits && type_fits(q, column, SQLITE_BLOB, false);
	for (int i = column + 1; i < sqlite3_column_count(q->stmt); i++)
		fits = fits && type_fits(q, i, SQLITE_INTEGER, false);
	return fits;
}

/* False: something in it is not even of the right type; what could be read is in *it all the same. */
static bool read_item(struct walk *w, struct query *q, struct item *it, struct derived *d)
{
	bool fits = types_fit(q, w->collection);
	int column = sqlite3_column_count(q->stmt) - (w->collection == COLLECTION_PROGRESS ? 4 : 3);
	item_read(q, w->collection, &w->v->arena, it);
	memset(d, 0, sizeof *d);
	d->newest = query_get_stamp(q, column);
	d->updated = query_get_int(q, column + 1);
	d->shown = query_get_int(q, column + 2);
	if (w->collection == COLLECTION_PROGRESS)
		d->last_watched = query_get_int(q, column + 3);
	if (q->err == ERR_CORRUPT) {
		q->err = ERR_OK;
		fits = false;
	}
	return fits;
}

/* --- what differs --- */

static void add_cell(struct verifying *v, enum reg reg, const struct cell *cell)
{
	char stamp[STAMP_TEXT_SIZE];
	stamp_text(cell->stamp, stamp);
	if (!stamp_set(cell->stamp)) {
		buf_text(&v->text, "nothing");
		return;
	}
	value_json(reg, &cell->value, &v->text);
	buf_fmt(&v->text, " (stamp %s, journal row %lld)", stamp, (long long)cell->row);
}

static bool cell_eq(enum reg reg, const struct cell *a, const struct cell *b)
{
	return a->row == b->row && stamp_cmp(a->stamp, b->stamp) == 0 && value_eq(reg, &a->value, &b->value);
}

static bool registers_differ(struct walk *w, const struct item *it, const struct item *t)
{
	struct verifying *v = w->v;
	uint64_t user = w->account->user;
	bool differ = false;
	for (int reg = 0; reg < REG_COUNT; reg++) {
		const struct cell *is = &it->cells[reg];
		const struct cell *ought = &t->cells[reg];
		if (!register_of((enum reg)reg, it->collection) || cell_eq((enum reg)reg, is, ought))
			continue;
		differ = true;
		finding_begin(v, user, it);
		buf_fmt(&v->text, "%s %s ", register_defs[reg].name, v->repair ? "was" : "is");
		add_cell(v, (enum reg)reg, is);
		buf_text(&v->text, v->repair ? "; by the journal it is now " : ", but by the journal ");
		add_cell(v, (enum reg)reg, ought);
		finding_end(v, FINDING_REGISTER, user, it, ought->row ? ought->row : is->row);
	}
	if (stamp_cmp(it->deleted, t->deleted) != 0 ||
		(stamp_set(it->deleted) && it->deleted_row != t->deleted_row)) {
		char is[STAMP_TEXT_SIZE];
		char ought[STAMP_TEXT_SIZE];
		stamp_text(it->deleted, is);
		stamp_text(t->deleted, ought);
		differ = true;
		finding_tell(v, FINDING_REGISTER, user, it, t->deleted_row,
			"its delete %s %s (journal row %lld), by the journal %s (row %lld)",
			v->repair ? "was" : "is", is, (long long)it->deleted_row, ought,
			(long long)t->deleted_row);
	}
	return differ;
}

struct column {
	const char *name;
	int64_t is;
	int64_t ought;
};

/* Healing these loses nothing: they are only told when verifying. */
static bool columns_differ(
	struct walk *w, const struct item *it, const struct item *t, const struct derived *d)
{
	struct stamp cleared = w->account->cleared[it->collection];
	struct stamp newest = item_newest(it);
	/* A clear whose slices still run has yet to hide its items; below an upstream it waits to be settled.
	 */
	bool pending = w->linked || w->account->purge & 1u << it->collection;
	const struct column columns[] = {
		{"seq", it->seq, t->seq},
		{"push", it->push, t->push},
		{"rows", it->rows, t->rows},
		{"running", it->running, t->running},
		{"place_began", it->place_began, t->place_began},
		{"oid agrees with its key", memcmp(it->oid, t->oid, OID_SIZE) == 0, 1},
		{"place_session agrees with its journal row", str_eq(it->place_session, t->place_session), 1},
		{"newest is its greatest stamp", stamp_cmp(d->newest, newest) == 0, 1},
		{"updated", d->updated, stamp_ms(newest)},
		{"shown", d->shown, pending ? d->shown : item_shown(it, cleared)},
		{"last_watched", d->last_watched, pending ? d->last_watched : item_last_watched(it, cleared)},
		{"created is a time", it->created >= 0 && it->created < (int64_t)1 << 48, 1},
		{"key is well-formed", key_valid(it->key), 1},
	};
	bool differ = false;
	for (size_t i = 0; i < COUNT_OF(columns); i++) {
		if (columns[i].is == columns[i].ought)
			continue;
		differ = true;
		if (!w->v->repair)
			finding_tell(w->v, FINDING_DERIVED, w->account->user, it, 0,
				"%s: %lld, but ought to be %lld", columns[i].name, (long long)columns[i].is,
				(long long)columns[i].ought);
	}
	return differ;
}

/* --- counting --- */

static void count_item(struct walk *w, const struct item *it)
{
	w->counted.keys[it->collection]++;
	w->outside += running_outside(it->running);
	decide_count(&w->counted, it, 1);
}

/* --- the walk --- */

/*
 * Key and _id prove each other. When they disagree by one flipped bit of the key, that one is put right, so
 * that the item is found again under its name; else the _id follows the key.
 */
static enum err save_key(struct walk *w, const struct item *it)
{
	char key[KEY_MAX];
	unsigned char oid[OID_SIZE];
	struct str mended = {key, it->key.len};
	bool found = false;
	item_oid(w->account->id_key, it->collection, it->key, oid);
	if (memcmp(oid, it->oid, OID_SIZE) == 0 || it->key.len > KEY_MAX)
		return ERR_OK;
	memcpy(key, it->key.ptr, it->key.len);
	for (size_t bit = 0; bit < 8 * it->key.len && !found; bit++) {
		key[bit / 8] = (char)(key[bit / 8] ^ 1 << bit % 8);
		item_oid(w->account->id_key, it->collection, mended, oid);
		found = memcmp(oid, it->oid, OID_SIZE) == 0;
		if (!found)
			key[bit / 8] = (char)(key[bit / 8] ^ 1 << bit % 8);
	}
	if (!found)
		item_oid(w->account->id_key, it->collection, it->key, oid);
	struct query q =
		stmt_query(w->v->s, it->collection == COLLECTION_WATCHLIST ? STMT_REPAIR_WATCHLIST_KEY
									   : STMT_REPAIR_PROGRESS_KEY);
	query_text(&q, mended);
	query_blob(&q, oid, OID_SIZE);
	query_int(&q, it->id);
	return query_run(&q);
}

static enum err look_at_item(struct walk *w, struct item *it, const struct derived *d, bool fits)
{
	struct verifying *v = w->v;
	struct replay replay;
	struct item truth;
	enum err err = replay_item(v->s, w->account, it, &v->arena, &replay);
	if (err)
		return err;
	v->counts->items++;
	replay_truth(w->account, it, &replay, w->linked, &truth);
	if (w->outside >= OUTSIDE_MOST && running_outside(truth.running))
		truth.running = truth.running == RUNNING_NOW ? RUNNING_WAITS : RUNNING_NOT;
	if (!fits && !v->repair)
		finding_tell(v, FINDING_DERIVED, w->account->user, it, 0, "holds a value of the wrong type");
	bool differ = registers_differ(w, it, &truth);
	differ = columns_differ(w, it, &truth, d) || differ || !fits;
	count_item(w, v->repair ? &truth : it);
	if (!v->repair || !differ)
		return ERR_OK;
	v->healed++;
	err = save_key(w, it);
	return err ? err : item_save(v->s, w->account->user, &truth, w->account->cleared[it->collection]);
}

static enum err walk_collection(struct walk *w, enum collection collection)
{
	struct verifying *v = w->v;
	enum err err = ERR_OK;
	w->collection = collection;
	struct query q = stmt_query(
		v->s, collection == COLLECTION_WATCHLIST ? STMT_VERIFY_WATCHLIST : STMT_VERIFY_PROGRESS);
	query_int(&q, (int64_t)w->account->user);
	while (!err && query_row(&q)) {
		struct item it;
		struct derived d;
		arena_reset(&v->arena);
		bool fits = read_item(w, &q, &it, &d);
		err = q.err ? q.err : look_at_item(w, &it, &d, fits);
	}
	enum err end = query_end(&q);
	return err ? err : end;
}

static enum err look_at_barriers(struct walk *w)
{
	struct verifying *v = w->v;
	struct account *a = w->account;
	enum err err = ERR_OK;
	for (int c = 0; c < COLLECTION_COUNT && !err; c++) {
		struct stamp ought = {{0}};
		bool doubtful = false;
		err = replay_barrier(v->s, a, (enum collection)c, &ought, &doubtful);
		int order = stamp_cmp(a->cleared[c], ought);
		if (err || order == 0 || (order > 0 && doubtful))
			continue;
		char is_text[STAMP_TEXT_SIZE];
		char ought_text[STAMP_TEXT_SIZE];
		stamp_text(a->cleared[c], is_text);
		stamp_text(ought, ought_text);
		finding_tell(v, FINDING_BARRIER, a->user, NULL, 0,
			"the barrier of %s %s %s, by the journal's clear ops %s", collection_names[c],
			v->repair ? "was" : "is", is_text, ought_text);
		a->cleared[c] = ought;
	}
	return err;
}

static enum err find_head(struct walk *w, int64_t head, int64_t *newest, int64_t *row)
{
	struct query q = stmt_query(w->v->s, STMT_VERIFY_HEAD);
	query_int(&q, (int64_t)w->account->user);
	query_int(&q, head);
	if (query_row(&q)) {
		*newest = query_get_int(&q, 0);
		*row = query_get_int(&q, 1);
	}
	return query_end(&q);
}

static enum err look_at_head(struct walk *w)
{
	struct account *a = w->account;
	int64_t newest = 0;
	int64_t row = 0;
	enum err err = find_head(w, a->head, &newest, &row);
	if (!err && newest > a->head) {
		if (!w->v->repair)
			finding_tell(w->v, FINDING_ACCOUNT, a->user, NULL, 0,
				"the account's head is %lld, but its journal goes to seq %lld",
				(long long)a->head, (long long)newest);
		a->head = newest;
		err = find_head(w, a->head, &newest, &row);
	}
	if (!err && a->head_row != row) {
		if (!w->v->repair)
			finding_tell(w->v, FINDING_ACCOUNT, a->user, NULL, a->head_row,
				"the account says that journal row %lld has seq %lld, its head, but row %lld "
				"has it",
				(long long)a->head_row, (long long)a->head, (long long)row);
		a->head_row = row;
	}
	return err;
}

static bool counts_differ(struct walk *w, const struct account *is)
{
	const struct account *ought = &w->counted;
	const struct column columns[] = {
		{"items of the watchlist", is->keys[COLLECTION_WATCHLIST], ought->keys[COLLECTION_WATCHLIST]},
		{"items of progress", is->keys[COLLECTION_PROGRESS], ought->keys[COLLECTION_PROGRESS]},
		{status_names[0], is->statuses[0], ought->statuses[0]},
		{status_names[1], is->statuses[1], ought->statuses[1]},
		{status_names[2], is->statuses[2], ought->statuses[2]},
		{status_names[3], is->statuses[3], ought->statuses[3]},
		{status_names[4], is->statuses[4], ought->statuses[4]},
		{"rated items", is->rated, ought->rated},
		{"the sum of ratings", is->rating_sum, ought->rating_sum},
	};
	bool differ = false;
	for (size_t i = 0; i < COUNT_OF(columns); i++) {
		if (columns[i].is == columns[i].ought)
			continue;
		differ = true;
		if (!w->v->repair)
			finding_tell(w->v, FINDING_ACCOUNT, is->user, NULL, 0,
				"the account counts %lld as %s, but there are %lld", (long long)columns[i].is,
				columns[i].name, (long long)columns[i].ought);
	}
	return differ;
}

static enum err save_account(struct walk *w, const struct account *is)
{
	struct account *a = w->account;
	memcpy(a->keys, w->counted.keys, sizeof a->keys);
	memcpy(a->statuses, w->counted.statuses, sizeof a->statuses);
	a->rated = w->counted.rated;
	a->rating_sum = w->counted.rating_sum;
	if (memcmp(is->cleared, a->cleared, sizeof a->cleared) != 0 || is->head != a->head ||
		is->head_row != a->head_row || counts_differ(w, is)) {
		w->v->healed++;
		return account_save(w->v->s, a);
	}
	return ERR_OK;
}

enum err verify_user_items(struct verifying *v, uint64_t user, bool linked)
{
	struct account a;
	enum err err = account_load(v->s, user, &a);
	if (err)
		return err;
	const struct account is = a;
	struct walk w = {.v = v, .account = &a, .linked = linked};
	if (!linked)
		err = look_at_barriers(&w);
	if (!err)
		err = look_at_head(&w);
	memcpy(w.counted.cleared, a.cleared, sizeof a.cleared);
	for (int c = 0; c < COLLECTION_COUNT && !err; c++)
		err = walk_collection(&w, (enum collection)c);
	if (err)
		return err;
	if (v->repair)
		err = save_account(&w, &is);
	else
		(void)counts_differ(&w, &is);
	return err ? err : verify_user_rest(v, &is);
}
