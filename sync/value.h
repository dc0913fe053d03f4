/*
 * Register values: typed, validated against schema/registers.def, totally ordered by their canonical JSON
 * bytes. Pure; strings are slices of memory that somebody else owns.
 */
#ifndef TSUZUKI_SYNC_VALUE_H
#define TSUZUKI_SYNC_VALUE_H

#include "schema/schema.h"
#include "sync/base/arena.h"
#include "sync/base/buf.h"
#include "sync/base/err.h"

struct field {
	bool null; /* only of FIELD_RATING */
	int64_t i;
	double r;
	struct str s;
};

struct value {
	struct field f[REGISTER_FIELDS];
};

/* Names of the fields of POSITION and OPENED, for those that speak of one. */
enum { POSITION_EPISODE, POSITION_TIME, POSITION_DURATION };
enum { OPENED_EPISODE, OPENED_TITLE, OPENED_ID, OPENED_DUB, OPENED_SERVER };

bool field_is_text(enum field_type type);
/* Within the bounds of its definition; text well-formed UTF-8 without NUL. */
bool field_valid(const struct field_def *def, const struct field *f);
bool value_valid(enum reg reg, const struct value *v);
/* What a void or missing register reads as. */
struct value value_default(enum reg reg);
bool value_eq(enum reg reg, const struct value *a, const struct value *b);
/* Canonical JSON: fields in the order of registers.def, shortest numbers. */
void value_json(enum reg reg, const struct value *v, struct buf *out);
/* The order of the canonical JSON bytes: the tie-break of equal stamps (sync-protocol.md section 4, rule 1).
 */
int value_cmp(enum reg reg, const struct value *a, const struct value *b);
/* Copies the text into the arena; false when memory is short. */
bool value_copy(enum reg reg, struct arena *a, const struct value *v, struct value *out);

/* The index of a status in status_names, or -1. */
int status_index(struct str status);

#endif
