#include "schema/schema.h"

const struct register_def register_defs[REG_COUNT] = {
#define REGISTER(id, name, collections, flags, count, ...) \
	[REG_##id] = {name, collections, flags, count, {__VA_ARGS__}},
#include "schema/registers.def"
};

const char *const collection_names[COLLECTION_COUNT] = {"watchlist", "progress"};

const char *const status_names[STATUS_COUNT] = {
	"plan_to_watch", "watching", "on_hold", "completed", "dropped"};

extern const unsigned char schema_sql_001[];
extern const unsigned char schema_sql_002[];
extern const unsigned char schema_sql_003[];

const struct migration migrations[] = {
	{"initial", schema_sql_001},
	{"exchange", schema_sql_002},
	{"recent", schema_sql_003},
};
const size_t migration_count = sizeof migrations / sizeof migrations[0];
