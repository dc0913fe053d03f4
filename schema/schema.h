/*
 * What the data is, as constant tables: collections, registers and their fields, migrations, embedded
 * documents.
 */
#ifndef TSUZUKI_SCHEMA_SCHEMA_H
#define TSUZUKI_SCHEMA_SCHEMA_H

#include <stddef.h>
#include <stdint.h>

enum collection { COLLECTION_WATCHLIST, COLLECTION_PROGRESS, COLLECTION_COUNT };

enum { IN_WATCHLIST = 1 << COLLECTION_WATCHLIST, IN_PROGRESS = 1 << COLLECTION_PROGRESS };
enum { DESCRIPTIVE = 1 }; /* register flag: describes the title, survives a delete */

enum reg {
#define REGISTER(id, ...) REG_##id,
#include "schema/registers.def"
	REG_COUNT
};

/* FIELD_RATING is an integer or null; FIELD_STATUS and FIELD_DUB are one of a few words. */
enum field_type { FIELD_INT, FIELD_REAL, FIELD_TEXT, FIELD_STATUS, FIELD_DUB, FIELD_RATING };
enum { REGISTER_FIELDS = 5 }; /* most fields a register has */

struct field_def {
	const char *name; /* on the wire; "" when the register is a bare value */
	enum field_type type;
	int64_t min;
	int64_t max;
	const char *text; /* default of text fields */
};

struct register_def {
	const char *name;
	unsigned collections;
	unsigned flags;
	size_t fields;
	struct field_def field[REGISTER_FIELDS];
};

extern const struct register_def register_defs[REG_COUNT];
extern const char *const collection_names[COLLECTION_COUNT];

/* The five statuses, in the order of account's counts and of notificationIgnore's bits. */
enum { STATUS_COUNT = 5 };
extern const char *const status_names[STATUS_COUNT];

/* One migration: what it does, and its statements (NUL-terminated). Position in the table + 1 is its number.
 */
struct migration {
	const char *name;
	const unsigned char *sql;
};
extern const struct migration migrations[];
extern const size_t migration_count;

extern const unsigned char schema_openapi[];
extern const size_t schema_openapi_len;
extern const unsigned char web_index_html[];
extern const size_t web_index_html_len;
extern const unsigned char web_page_css[];
extern const size_t web_page_css_len;

#endif
