/*
 * The handle, and how a call says what went wrong. Internal to the library.
 */
#ifndef TSUZUKI_CLIENTS_C_TSZ_H
#define TSUZUKI_CLIENTS_C_TSZ_H

#include "clients/c/tokens.h"
#include "clients/c/tsuzuki.h"
#include "sync/base/buf.h"
#include "sync/base/env.h"
#include "sync/base/err.h"
#include "sync/ids.h"

enum { TSZ_DEVICE_NAME = 400, TSZ_ERROR_TEXT = 4096, TSZ_JSON_TEXT = 256 * 1024 * 1024 };

struct tsz {
	char *dir; /* owned */
	char device_name[TSZ_DEVICE_NAME];
	unsigned wait_ms;
	struct buf error;
	uint64_t user; /* of the store, 0: not known yet */
	char oid[OID_TEXT_SIZE];
	struct tokens tokens; /* as last read or written */
};

/* Both clocks, one look. */
struct now tsz_now(void);
/* Notes a sentence and returns the code. */
enum tsz_code tsz_fail(struct tsz *t, enum tsz_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The same for what the store says; ERR_OK is TSZ_OK. */
enum tsz_code tsz_fail_err(struct tsz *t, enum err err, const char *doing);
/* Hands a finished JSON text out; frees it. */
enum tsz_code tsz_give(struct tsz *t, struct buf *json, char **out);

#endif
