/*
 * Whether the store agrees with itself: the file, the journal's rows, what REST reads against the journal,
 * and accounts, sessions, receipts against each other (sync-protocol.md section 5). Reads only; bounded
 * memory; what a clear or a deleted account made void, and slices have yet to erase, is not looked at.
 */
#ifndef TSUZUKI_SYNC_VERIFY_H
#define TSUZUKI_SYNC_VERIFY_H

#include "schema/schema.h"
#include "sync/base/buf.h"
#include "sync/base/err.h"

struct reader;

enum finding_kind {
	FINDING_FILE,	  /* the database file or its version */
	FINDING_JOURNAL,  /* a journal row is damaged: repair does not use it, and cannot heal it */
	FINDING_SEQ,	  /* a journal row is good by itself, but not beside the others */
	FINDING_BARRIER,  /* a collection's barrier */
	FINDING_REGISTER, /* a register or the delete of an item */
	FINDING_DERIVED,  /* another column of an item that follows from the rest */
	FINDING_ACCOUNT,  /* an account's counts or head */
	FINDING_LOGIN,	  /* log-in names and profiles */
	FINDING_DEVICE,	  /* devices and sessions */
	FINDING_RECEIPT,  /* receipts and who pushes */
	FINDING_EPOCH,
	FINDING_PLAYBACK,
	FINDING_STRAY, /* something belongs to a user that is not there */
	FINDING_KINDS
};
/* "file", "journal" and so on. */
extern const char *const finding_names[FINDING_KINDS];

struct finding {
	enum finding_kind kind;
	uint64_t user;	  /* 0: nobody's */
	int collection;	  /* -1: none */
	struct str key;	  /* of the item, may be empty */
	int64_t row;	  /* the journal row, 0: none */
	const char *text; /* a sentence that names all of these; lives for the call */
};

/* Called once per finding, on the caller's thread. */
typedef void verify_found_fn(void *context, const struct finding *finding);

struct verify_counts {
	int64_t users;
	int64_t items;
	int64_t rows; /* of the journal */
	int64_t findings;
};

/*
 * Looks at everything in one snapshot of the reader. ERR_OK also when there are findings; ERR_NOMEM, ERR_IO,
 * ERR_BUSY: it could not be looked at.
 */
enum err verify_run(
	struct reader *reader, verify_found_fn *found, void *context, struct verify_counts *counts);

#endif
