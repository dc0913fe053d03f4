/*
 * Calls that need a token, and what keeps it good: refreshing, a new device. Under the server lock
 * (talk_begin). Internal to the library.
 */
#ifndef TSUZUKI_CLIENTS_C_ACCESS_H
#define TSUZUKI_CLIENTS_C_ACCESS_H

#include "clients/c/remote.h"

/*
 * As remote_call() with the token; one that is no longer good is renewed once. TSZ_DENIED: logged out, or the
 * session is over; nothing held here is dropped.
 */
enum tsz_code access_call(struct tsz *t, struct remote_call *call, struct remote_reply *out);
/*
 * The store was copied or put back: it becomes a device of its own. What it then owes the store is noted as
 * `step` in the same write.
 */
enum tsz_code access_new_device(struct tsz *t, enum tokens_step step, int64_t deadline);
/* Takes token, refreshToken, deviceId and idKey of a reply; false: it is none, nothing was taken. */
bool access_take(struct tokens *tokens, const json_t *data);
/* Writes t->tokens. */
enum tsz_code access_save(struct tsz *t);
/* Tells the store the key of item ids, when it has another one. */
enum tsz_code access_rekey(struct tsz *t, const char *id_key);

#endif
