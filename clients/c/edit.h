/*
 * One change as an op, made, checked and run. Internal to the library.
 */
#ifndef TSUZUKI_CLIENTS_C_EDIT_H
#define TSUZUKI_CLIENTS_C_EDIT_H

#include <jansson.h>

#include "clients/c/turn.h"
#include "sync/apply.h"

/* An op on one title by this device, in a job of its own. NULL: the error is noted. */
struct apply *edit_make(
	struct tsz *t, enum op_kind kind, enum collection collection, const char *key, struct op **op);
/* Whether every value keeps the rules of its register. */
enum tsz_code edit_check(struct tsz *t, const struct op *op);
/* Runs and frees it. */
enum tsz_code edit_run(struct tsz *t, struct apply *a);

#endif
