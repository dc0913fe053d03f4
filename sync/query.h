/*
 * Reads: jobs without a scatter (design.md section 2). Each runs in one read snapshot of its reader's
 * connection and writes JSON, or fills a struct whose strings go to the arena. The reader's thread only.
 */
#ifndef TSUZUKI_SYNC_QUERY_H
#define TSUZUKI_SYNC_QUERY_H

#include "sync/account.h"
#include "sync/base/buf.h"
#include "sync/item.h"
#include "sync/store.h"

/* The user of a folded e-mail address; ERR_NOT_FOUND. */
enum err query_email(struct reader *reader, struct str email, uint64_t *user);
/* ERR_NOT_FOUND when there is no such user. */
enum err query_profile(struct reader *reader, uint64_t user, struct arena *a, struct profile *out);
/*
 * What a token is checked against: the user's _id and role (ERR_NOT_FOUND: no such user), and whether its
 * session is known and not ended.
 */
struct query_identity {
	char oid[OID_TEXT_SIZE];
	bool admin;
	bool session_known;
	struct session_row session;
};
enum err query_identity(
	struct reader *reader, uint64_t user, struct session_id session, struct query_identity *out);
/* The key of item ids, 16 bytes: `idKey` of log-in replies. */
enum err query_id_key(struct reader *reader, uint64_t user, unsigned char out[ID_KEY_SIZE]);
/* Devices as a JSON array of {id, name, lastSeen, current}, the last seen first. */
enum err query_devices(struct reader *reader, uint64_t user, struct device_id current, struct buf *out);
/* The earliest owed mail; *found false when none is owed. due may lie in the future. */
enum err query_owed_mail(
	struct reader *reader, uint64_t *user, unsigned *attempts, int64_t *due, bool *found);
/* Any row can be read: what /health/ready asks. */
enum err query_alive(struct reader *reader);

struct watchlist_page {
	int status;    /* index in status_names, -1: all */
	int64_t page;  /* from 1 */
	int64_t limit; /* 0: all */
	int64_t total; /* out, after the filter */
};
/* A JSON array of whole documents, newest updatedAt first, ties by _id. */
enum err query_watchlist(struct reader *reader, uint64_t user, const char *user_oid,
	struct watchlist_page *page, struct buf *out);
/* Counts kept by decide: shown items in all; nothing is counted at reading. */
struct watchlist_stats {
	int64_t statuses[STATUS_COUNT];
	int64_t total;
	int64_t rated;
	int64_t rating_sum;
};
enum err query_watchlist_stats(struct reader *reader, uint64_t user, struct watchlist_stats *out);
/* One item as REST shows it, appended; ERR_NOT_FOUND when it is not shown. */
enum err query_item(struct reader *reader, uint64_t user, const char *user_oid, enum collection collection,
	struct str key, struct buf *out);
/* A JSON array of whole documents, newest lastWatched first; *count of them. */
enum err query_progress(struct reader *reader, uint64_t user, const char *user_oid, int64_t limit,
	struct buf *out, int64_t *count);
/* sync-protocol.md section 5: the item's journal rows as a JSON array, newest first. */
enum err query_history(
	struct reader *reader, uint64_t user, enum collection collection, struct str key, struct buf *out);

#endif
