/*
 * A growable byte buffer that is born with a ceiling. The first failure sticks: later additions do nothing,
 * and the writer asks once, at the end, with buf_ok(). The owner frees it.
 */
#ifndef TSUZUKI_SYNC_BASE_BUF_H
#define TSUZUKI_SYNC_BASE_BUF_H

#include "sync/base/str.h"

struct buf {
	char *ptr; /* owned; NUL-terminated whenever not NULL */
	size_t len;
	size_t room;
	size_t cap; /* most bytes it may ever hold */
	bool failed;
};

/* An empty buffer that will hold at most cap bytes. Nothing is allocated yet. */
struct buf buf_make(size_t cap);
/* Frees the memory and leaves an empty buffer of the same ceiling. */
void buf_free(struct buf *b);
/* Empties it and forgets a failure; keeps the memory. */
void buf_clear(struct buf *b);
bool buf_ok(const struct buf *b);
struct str buf_str(const struct buf *b);
/* Makes room for more bytes now, so that later additions cannot fail. */
void buf_reserve(struct buf *b, size_t more);

void buf_add(struct buf *b, const void *bytes, size_t len);
void buf_char(struct buf *b, char c);
void buf_text(struct buf *b, const char *text);
void buf_add_str(struct buf *b, struct str s);
void buf_int(struct buf *b, int64_t value);
void buf_fmt(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* JSON. The text must be well-formed UTF-8; quotes are added. */
void buf_json(struct buf *b, struct str text);
/* The shortest decimal that reads back as the same double; integers without a point. value is finite. */
void buf_json_real(struct buf *b, double value);
/* ISO 8601 UTC with milliseconds, in quotes. ms since 1970, 0 to the end of year 9999. */
void buf_json_time(struct buf *b, int64_t ms);

#endif
