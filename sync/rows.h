/*
 * Rows of the store as structs, and back: account, items, journal, playback. The only place that knows their
 * columns.
 */
#ifndef TSUZUKI_SYNC_ROWS_H
#define TSUZUKI_SYNC_ROWS_H

#include "sync/cursor.h"
#include "sync/op.h"
#include "sync/stmt.h"

enum { BOOT_SIZE = 8 };
enum { PURGE_WATCHLIST_BIT = 1, PURGE_PROGRESS_BIT = 2, PURGE_ACCOUNT_BIT = 4 };

struct account {
	uint64_t user;
	int64_t head;
	int64_t head_row;
	char epoch[EPOCH_TEXT_SIZE];
	int64_t epoch_began;
	unsigned char boot[BOOT_SIZE];
	struct stamp_clock clock;
	unsigned char id_key[ID_KEY_SIZE];
	struct stamp cleared[COLLECTION_COUNT];
	int64_t keys[COLLECTION_COUNT];
	int64_t statuses[STATUS_COUNT]; /* shown watchlist items, order of status_names */
	int64_t rated;
	int64_t rating_sum;
	unsigned purge;
};

struct journal_row {
	int64_t row;
	enum collection collection;
	int64_t item; /* 0: the whole collection */
	int64_t seq;
	int64_t first_seq;
	struct stamp stamp;
	int64_t received;
	enum op_kind kind;
	enum event event;
	struct str session;
	enum outcome outcome;
	enum rule rule;
	struct str registers; /* canonical JSON, "" when void or none */
	int64_t fixed_sum;    /* as stored; 0: written before there were checksums */
	int64_t sum;
};

/* A playback session that does not hold its item's place. */
struct playback {
	bool known;
	int64_t began;
	int64_t last;
	bool ticked; /* it has an anchor */
	int64_t anchor_episode;
	double anchor_time;
	int64_t candidate_row;
};

/* ERR_NOT_FOUND when there is none, or when only its deletion is left to do. */
enum err account_load(struct statements *s, uint64_t user, struct account *out);
enum err account_insert(struct statements *s, const struct account *account);
enum err account_save(struct statements *s, const struct account *account);

/* Binds user and key; the caller steps q and reads each row with item_read(). */
struct query item_query(struct statements *s, uint64_t user, enum collection collection, struct str key);
/* The item of the row that q stands on; strings go to the arena. A shortage or damage sticks to q. */
void item_read(struct query *q, enum collection collection, struct arena *a, struct item *out);
/* ERR_NOT_FOUND when there is no row. */
enum err item_load(struct statements *s, uint64_t user, enum collection collection, struct str key,
	struct arena *a, struct item *out);
enum err item_load_oid(struct statements *s, uint64_t user, const unsigned char oid[OID_SIZE],
	struct arena *a, struct item *out);
/* Inserts a fresh item, else rewrites it. Derived columns (newest, shown...) follow from `cleared`. */
enum err item_save(struct statements *s, uint64_t user, const struct item *it, struct stamp cleared);
/* Rewrites what a running tick changes, and nothing that an index holds. */
enum err item_save_tick(struct statements *s, const struct item *it, struct stamp cleared);

void journal_read(struct query *q, struct arena *a, struct journal_row *out);
enum err journal_load(
	struct statements *s, uint64_t user, int64_t row, struct arena *a, struct journal_row *out);
/* The checksums that the row should have: of what never changes, and of what a coalescing tick rewrites.
 * Never 0. */
int64_t journal_fixed_sum(const struct journal_row *row, uint64_t user);
int64_t journal_sum(const struct journal_row *row, uint64_t user);
enum err journal_insert(struct statements *s, uint64_t user, const struct journal_row *row);
/* A row that coalesces on: new seq, stamp, time, rule and registers. */
enum err journal_rewrite(struct statements *s, uint64_t user, const struct journal_row *row);

/* *out is not known when there is no row. */
enum err playback_load(struct statements *s, uint64_t user, int64_t item, struct device_id device,
	struct str session, struct playback *out);
enum err playback_save(struct statements *s, uint64_t user, int64_t item, struct device_id device,
	struct str session, const struct playback *p, int most);

#endif
