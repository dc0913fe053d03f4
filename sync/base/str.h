/*
 * Slices: a pointer and a length into memory that somebody else owns. Bytes, compared as bytes; never assumed
 * to end in NUL. Strict parsing: a number is a number from the first byte to the last, or it is refused.
 */
#ifndef TSUZUKI_SYNC_BASE_STR_H
#define TSUZUKI_SYNC_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
	const char *ptr; /* may be NULL when len is 0 */
	size_t len;
};

/* A slice of a string literal. */
#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
/* printf arguments for "%.*s". */
#define STR_ARG(s) (int)(s).len, (s).len ? (s).ptr : ""

/* A slice of a NUL-terminated string; NULL gives the empty slice. */
struct str str_from(const char *text);
bool str_eq(struct str a, struct str b);
/* Equal without regard to ASCII case. */
bool str_eq_fold(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
/* Byte order; a prefix sorts first. <0, 0 or >0. */
int str_cmp(struct str a, struct str b);
/* Without leading and trailing space, tab, CR and LF. */
struct str str_trim(struct str s);
/* The index of byte c, or s.len. */
size_t str_find(struct str s, char c);
/* Cuts *rest at the first c: returns what was before it and leaves what is after; the whole when there is
 * none. */
struct str str_cut(struct str *rest, char c);
/* A decimal integer with an optional '-', nothing around it, within [min, max]. */
bool str_int(struct str s, int64_t min, int64_t max, int64_t *out);
/* Exactly 2 * size hexadecimal digits (either case) into size bytes. */
bool str_hex(struct str s, unsigned char *out, size_t size);
/* Lower-case hexadecimal digits and a NUL: out has 2 * size + 1 bytes. */
void str_to_hex(const unsigned char *bytes, size_t size, char *out);
/* Well-formed UTF-8 (no surrogates, no overlong forms) without NUL. */
bool str_utf8(struct str s);
/* Code points of well-formed UTF-8. */
size_t str_chars(struct str s);
/* Any byte below 0x20 or 0x7f. */
bool str_has_control(struct str s);

#endif
