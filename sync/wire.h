/*
 * The exchange as JSON (sync-protocol.md section 6): a push read strictly, op by op; items, registers and
 * results written. No I/O. Strings that were read are copies in the arena.
 */
#ifndef TSUZUKI_SYNC_WIRE_H
#define TSUZUKI_SYNC_WIRE_H

#include <jansson.h>

#include "sync/cursor.h"
#include "sync/op.h"

enum { DIGEST_SIZE = 16 };

/* Why an op can never be accepted. Numbers are stored in receipts: new ones go to the end. */
enum reject {
	REJECT_NOT,
	REJECT_N,
	REJECT_OP,
	REJECT_KEY,
	REJECT_VALUE,
	REJECT_EVENT,
	REJECT_SESSION,
	REJECT_TIME,
	REJECT_STAMP,
	REJECT_ORIGIN,
	REJECT_COLLECTION,
	REJECT_REGISTER,
	REJECT_TOO_MANY,
	REJECT_COUNT
};
/* "invalid_op", and a sentence for people. */
const char *reject_code(enum reject reject);
const char *reject_message(enum reject reject);

struct push_op {
	int64_t n; /* 0: it cannot be read (REJECT_N) */
	enum reject reject;
	unsigned char digest[DIGEST_SIZE]; /* of all fields but n, at and age */
	bool sent_at;			   /* sender_at_ms is by the sender's clock */
	int64_t sender_at_ms;
	struct op op; /* device is the origin, or zero for the sender */
};

enum cursor_kind { CURSOR_ABSENT, CURSOR_NULL, CURSOR_GIVEN };

struct exchange_in {
	bool has_now;
	int64_t now_ms; /* the sender's clock */
	enum cursor_kind kind;
	struct cursor cursor;
	bool has_head;
	struct cursor head;
	unsigned limit;
	size_t count;
	struct push_op *ops; /* in the arena */
};

enum {
	PULL_LIMIT = 500,
	PULL_LIMIT_MAX = 1000,
	PULL_BYTES = 1024 * 1024,
	LIVE_PULL_LIMIT = 100,
	LIVE_PULL_BYTES = 192 * 1024
};

/* What is wrong with a push as a whole: a 422. Static texts; code NULL: none. */
struct wire_fault {
	const char *path;
	const char *message;
	const char *code;
};

/*
 * Reads an exchange of at most most_ops ops. ERR_INVALID with *fault when it is malformed as a whole; an op
 * that is wrong by itself is only marked. ERR_NOMEM.
 */
enum err wire_exchange(const json_t *body, unsigned most_ops, struct arena *a, struct exchange_in *out,
	struct wire_fault *fault);

/* Pieces that answers are read with too. An integer, also when it is written 7.0. */
bool wire_integer(const json_t *json, int64_t *out);
/* -1: there is none of that name. */
int wire_collection_named(const json_t *name);
int wire_register_named(const char *name, enum collection collection);
/* A register's value; a bit in *given per field that is there. ERR_INVALID, ERR_NOMEM. */
enum err wire_value(const json_t *json, enum reg reg, struct arena *a, struct value *out, unsigned *given);

/* {"value":...,"stamp":"..."} of each register in the mask, as an object; of those in stamps_only with a
 * value of null, and without a stamp when there is none. */
void wire_registers(struct buf *out, unsigned mask, unsigned stamps_only, const struct item *it);
/* The registers that a reader of changes is told: those that count, and descriptive ones. */
unsigned wire_told(const struct item *it, struct stamp cleared);
/*
 * A whole item of an answer's `items`. below: this store has an upstream, whose word may move stamps back, so
 * that of void registers the stamps are told too, with a value of null.
 */
void wire_item(struct buf *out, const struct item *it, struct stamp cleared, bool below);
void wire_stamp(struct buf *out, struct stamp stamp);
/* {"progress":"...",...}: the barriers that are set. */
void wire_cleared(struct buf *out, const struct stamp cleared[COLLECTION_COUNT]);

#endif
