/*
 * Times are milliseconds since 1970 in UTC. This file only converts; nobody in sync/ reads a clock.
 */
#ifndef TSUZUKI_SYNC_BASE_TIME_H
#define TSUZUKI_SYNC_BASE_TIME_H

#include "sync/base/str.h"

/* "2026-02-13T10:00:00.000Z" and NUL. */
#define TIME_TEXT_SIZE 25

/* ISO 8601 UTC with milliseconds (design.md section 5). ms is clamped to 1970..9999. */
void time_to_text(int64_t ms, char out[TIME_TEXT_SIZE]);
/* Exactly that form back. false: it is none, or no such day or hour. */
bool time_parse(struct str text, int64_t *out);

#endif
