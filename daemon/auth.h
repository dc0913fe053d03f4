/*
 * Who a request comes from: tokens, sessions and the cache of verified tokens (design.md section 5, Tokens).
 */
#ifndef TSUZUKI_DAEMON_AUTH_H
#define TSUZUKI_DAEMON_AUTH_H

#include "daemon/request.h"
#include "sync/base/err.h"

/*
 * The principal of an Authorization header. Loop thread; point reads only.
 * ERR_DENIED: "Not authorized to access this route"; ERR_EXPIRED: "Token expired, please login again";
 * ERR_NOT_FOUND: "User not found"; anything else: the store failed.
 */
enum err auth_check(struct app *app, struct str authorization, struct principal *out);
/*
 * Whether the session of a principal still goes on. ERR_DENIED: it was ended; ERR_NOT_FOUND: the user is
 * gone; anything else: the store failed.
 */
enum err auth_still(struct app *app, const struct principal *who);
/*
 * Sessions of a user may have ended: forgets what was verified for it, so that the next request looks at the
 * store again, and closes the live connections whose session has.
 */
void auth_forget(struct app *app, uint64_t user);

#endif
