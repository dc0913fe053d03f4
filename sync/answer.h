/*
 * What an upstream answers (sync-protocol.md section 6), read as strictly as what a device sends: results,
 * items, barriers, cursor. No I/O. Strings are copies in the arena.
 */
#ifndef TSUZUKI_SYNC_ANSWER_H
#define TSUZUKI_SYNC_ANSWER_H

#include <jansson.h>

#include "sync/cursor.h"
#include "sync/op.h"

enum { SERVER_TEXT_SIZE = 25, CURSOR_TEXT_SIZE = 32 };

/* A cursor as text, "" for none. */
struct cursor_text {
	char text[CURSOR_TEXT_SIZE];
};

struct answer_result {
	int64_t n;
	enum outcome outcome;
	struct stamp stamp;
	unsigned told; /* registers that the upstream holds otherwise than the op says */
	struct cell cells[REG_COUNT];
	bool has_deleted;
	struct stamp deleted;
	struct str code; /* of a rejected op */
	struct str message;
};

struct answer_item {
	enum collection collection;
	struct str key;
	int64_t created;
	unsigned told;
	struct cell cells[REG_COUNT];
	struct stamp deleted; /* not set: never deleted */
};

struct answer {
	int64_t now_ms;
	int64_t ack;
	char server[SERVER_TEXT_SIZE];
	size_t result_count;
	struct answer_result *results;
	size_t item_count;
	struct answer_item *items;
	struct stamp cleared[COLLECTION_COUNT];
	struct cursor_text cursor;
	struct cursor_text head;
	bool more;
	bool offer;
};

/* Reads the `data` of an answer. ERR_INVALID: it is none; ERR_NOMEM. */
enum err answer_read(const json_t *data, struct arena *a, struct answer **out);

#endif
