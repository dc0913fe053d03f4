/*
 * What people see: tables and progress bars on a terminal, plain lines with tabs elsewhere. Text of others is
 * never let through to the terminal as control characters.
 */
#ifndef TSUZUKI_CLIENTS_CLI_OUT_H
#define TSUZUKI_CLIENTS_CLI_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "sync/base/buf.h"

enum { OUT_COLUMNS = 8 };

struct out {
	bool json;
	bool table;  /* a terminal that can place things: tables and bars */
	bool colour; /* and colours */
	int width;
};

/* Looks at standard output and the environment. */
void out_look(struct out *o, bool json, bool no_colour);

/* A table: cells are copied; the first row is the heading, shown on terminals only. */
struct table {
	struct buf cells; /* NUL after each */
	size_t columns;
	size_t count;
	size_t stretch; /* the column that is cut when the terminal is too narrow */
};
struct table table_make(size_t columns, size_t stretch);
void table_cell(struct table *t, struct str text);
void table_text(struct table *t, const char *text);
/* Prints and frees it. false: memory was short, or nobody reads. */
bool table_print(const struct out *o, struct table *t);

/* "######----" in blocks, for tables; nothing elsewhere or when there is no end to measure by. */
void out_bar(const struct out *o, double done, double of, struct buf *b);
/* 12:00, 1:02:03. */
void out_time(double seconds, struct buf *b);
/* Text of others in one line: control characters become spaces, what is not UTF-8 question marks. */
void out_clean(struct str text, struct buf *b);
/* Standard output has taken everything. */
bool out_flush(void);

#endif
