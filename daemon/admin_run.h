/*
 * Running an administration command from its own process: by the daemon when one runs, else here, with the
 * store's lock (design.md section 2). Blocks.
 */
#ifndef TSUZUKI_DAEMON_ADMIN_RUN_H
#define TSUZUKI_DAEMON_ADMIN_RUN_H

#include "daemon/admin.h"
#include "daemon/config.h"
#include "sync/store.h"

/* What runs a request when no daemon does: the store is open and this process's alone. */
typedef void admin_local_fn(
	const struct config *config, struct store *store, const json_t *request, struct buf *answer);
/* That of the "user" commands. */
admin_local_fn admin_local_change;

/*
 * Runs a request and prints the answer's message: on standard output when it went well, else on standard
 * error. *answer: its JSON object, owned by the caller, or NULL when there was none; may be NULL itself.
 * Returns what to exit with.
 */
int admin_run(const struct config *config, const json_t *request, int64_t wait_ms, admin_local_fn *local,
	json_t **answer);

/*
 * Root acts as the owner of the data folder, so that no file there becomes root's; anybody else as they are.
 * false: that cannot be done, or the folder is not there; standard error says so.
 */
bool admin_as_owner(const struct config *config);
/* Back to who started the command. */
void admin_as_self(void);

/* Opens the store for a command, with the settings' bounds. */
enum err admin_open_store(const struct config *config, const char *dir, struct store **out, struct buf *why);
/* A message and a newline on standard error; returns the code. */
int admin_complain(enum admin_exit code, const char *message);

#endif
