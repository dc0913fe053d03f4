/* The tables of schema/ against each other: registers, SQL columns, statements, embedded documents. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/schema.h"
#include "sync/item.h"
#include "sync/stmt.h"
#include "tests/unit/sync/support.h"

struct db {
	struct fixture *f;
	sqlite3 *handle;
	struct statements s;
};

static int setup(void **state)
{
	static struct db d;
	char path[128];
	d = (struct db){.f = fixture_open()};
	(void)snprintf(path, sizeof path, "%s/tsuzuki.db", d.f->dir);
	assert_int_equal(sqlite_open(path, 1, &d.handle), ERR_OK);
	stmt_open(&d.s, d.handle);
	assert_int_equal(stmt_prepare_all(&d.s), ERR_OK);
	*state = &d;
	return 0;
}

static int teardown(void **state)
{
	struct db *d = *state;
	stmt_close(&d->s);
	sqlite_close(d->handle);
	fixture_close(d->f);
	return 0;
}

static const char *sql_type(enum field_type type)
{
	if (type == FIELD_REAL)
		return "REAL";
	return type == FIELD_INT || type == FIELD_RATING ? "INTEGER" : "TEXT";
}

static bool ends(const char *text, const char *tail)
{
	size_t a = strlen(text);
	size_t b = strlen(tail);
	return a > b && strcmp(text + a - b, tail) == 0;
}

/* rows.c reads an item's columns by registers.def: types and order must be those of the statement. */
static void columns_follow_the_table_of_registers(void **state)
{
	static const enum stmt_id gets[COLLECTION_COUNT] = {STMT_WATCHLIST_GET, STMT_PROGRESS_GET};
	struct db *d = *state;
	for (int c = 0; c < COLLECTION_COUNT; c++) {
		sqlite3_stmt *stmt = d->s.list[gets[c]];
		int columns = sqlite3_column_count(stmt);
		int first = 0;
		while (first < columns && strcmp(sqlite3_column_name(stmt, first), "title") != 0)
			first++;
		for (int reg = 0; reg < REG_COUNT; reg++) {
			const struct register_def *def = &register_defs[reg];
			if (!register_of((enum reg)reg, (enum collection)c))
				continue;
			for (size_t i = 0; i < def->fields; i++)
				assert_string_equal(
					sqlite3_column_decltype(stmt, first++), sql_type(def->field[i].type));
			assert_true(ends(sqlite3_column_name(stmt, first), "_stamp"));
			assert_string_equal(sqlite3_column_decltype(stmt, first++), "BLOB");
			assert_true(ends(sqlite3_column_name(stmt, first), "_row"));
			assert_string_equal(sqlite3_column_decltype(stmt, first++), "INTEGER");
		}
		assert_int_equal(first, columns);
	}
}

static int columns_of(struct db *d, const char *table)
{
	char sql[64];
	sqlite3_stmt *stmt = NULL;
	(void)snprintf(sql, sizeof sql, "SELECT * FROM %s", table);
	assert_int_equal(sqlite3_prepare_v2(d->handle, sql, -1, &stmt, NULL), SQLITE_OK);
	int count = sqlite3_column_count(stmt);
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	return count;
}

/* A column that an insert forgets would get NULL, or another's value. */
static void inserts_bind_every_column(void **state)
{
	static const struct {
		enum stmt_id id;
		const char *table;
	} inserts[] = {{STMT_WATCHLIST_INSERT, "watchlist"}, {STMT_PROGRESS_INSERT, "progress"},
		{STMT_JOURNAL_INSERT, "journal"}, {STMT_ACCOUNT_INSERT, "account"},
		{STMT_PROFILE_INSERT, "profile"}, {STMT_PLAYBACK_PUT, "playback"},
		{STMT_MAIL_PUT, "owed_mail"}};
	struct db *d = *state;
	for (size_t i = 0; i < sizeof inserts / sizeof inserts[0]; i++)
		if (sqlite3_bind_parameter_count(d->s.list[inserts[i].id]) != columns_of(d, inserts[i].table))
			fail_msg("%s", inserts[i].table);
}

static void registers_are_within_their_own_bounds(void **state)
{
	(void)state;
	for (int reg = 0; reg < REG_COUNT; reg++) {
		const struct register_def *def = &register_defs[reg];
		struct value standard = value_default((enum reg)reg);
		assert_in_range(def->fields, 1, REGISTER_FIELDS);
		assert_true(def->collections != 0 && def->collections < 1u << COLLECTION_COUNT);
		for (size_t i = 0; i < def->fields; i++) {
			const struct field_def *f = &def->field[i];
			assert_true(f->min <= f->max);
			/* A bare value is a register's only field. */
			assert_true(def->fields == 1 ? f->name[0] == '\0' : f->name[0] != '\0');
			for (size_t k = 0; k < i; k++)
				assert_string_not_equal(f->name, def->field[k].name);
		}
		/* Two registers have no default of their own: there is no episode 0. */
		if (reg != REG_POSITION && reg != REG_OPENED)
			assert_true(value_valid((enum reg)reg, &standard));
		for (int other = 0; other < reg; other++)
			assert_string_not_equal(def->name, register_defs[other].name);
	}
	/* A bit per register, in an unsigned with room. */
	assert_true(REG_COUNT <= 31);
}

static void names_stand_where_numbers_are_stored(void **state)
{
	(void)state;
	assert_string_equal(collection_names[COLLECTION_WATCHLIST], "watchlist");
	assert_string_equal(collection_names[COLLECTION_PROGRESS], "progress");
	assert_int_equal(COLLECTION_PROGRESS, 1);
	static const char *const statuses[] = {
		"plan_to_watch", "watching", "on_hold", "completed", "dropped"};
	assert_int_equal(STATUS_COUNT, sizeof statuses / sizeof statuses[0]);
	for (int i = 0; i < STATUS_COUNT; i++) {
		assert_string_equal(status_names[i], statuses[i]);
		assert_int_equal(status_index(str_from(statuses[i])), i);
	}
	assert_int_equal(status_index(STR("Watching")), -1);
}

static char *read_file(const char *name, size_t *len)
{
	char path[512];
	const char *source = getenv("TSUZUKI_SOURCE");
	assert_non_null(source);
	(void)snprintf(path, sizeof path, "%s/%s", source, name);
	FILE *file = fopen(path, "rb");
	assert_non_null(file);
	char *bytes = malloc((size_t)1 << 20);
	assert_non_null(bytes);
	*len = fread(bytes, 1, (size_t)1 << 20, file);
	assert_int_equal(fclose(file), 0);
	return bytes;
}

static void documents_are_embedded_whole(void **state)
{
	const struct {
		const char *name;
		const unsigned char *bytes;
		size_t len;
	} documents[] = {{"schema/openapi.json", schema_openapi, schema_openapi_len},
		{"clients/web/index.html", web_index_html, web_index_html_len},
		{"clients/web/page.css", web_page_css, web_page_css_len}};
	size_t len = 0;
	(void)state;
	for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
		char *bytes = read_file(documents[i].name, &len);
		assert_int_equal(len, documents[i].len);
		assert_memory_equal(bytes, documents[i].bytes, len);
		free(bytes);
	}
	char *first = read_file("schema/001_initial.sql", &len);
	assert_int_equal(strlen((const char *)migrations[0].sql), len);
	assert_memory_equal(first, migrations[0].sql, len);
	free(first);
}

static void migrations_have_names_of_their_own(void **state)
{
	(void)state;
	assert_true(migration_count >= 1);
	for (size_t i = 0; i < migration_count; i++) {
		assert_true(migrations[i].name[0] != '\0');
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(migrations[i].name, migrations[k].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(columns_follow_the_table_of_registers, setup, teardown),
		cmocka_unit_test_setup_teardown(inserts_bind_every_column, setup, teardown),
		cmocka_unit_test(registers_are_within_their_own_bounds),
		cmocka_unit_test(names_stand_where_numbers_are_stored),
		cmocka_unit_test(documents_are_embedded_whole),
		cmocka_unit_test(migrations_have_names_of_their_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
