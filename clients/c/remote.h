/*
 * One REST call to the server, bounded in time and size. Certificates are verified, redirects are not
 * followed, proxies are taken from the environment as curl does. Internal to the library.
 */
#ifndef TSUZUKI_CLIENTS_C_REMOTE_H
#define TSUZUKI_CLIENTS_C_REMOTE_H

#include <jansson.h>

#include "clients/c/tsz.h"

struct remote_call {
	const char *method;
	const char *path;  /* "/api/..." */
	const char *token; /* NULL: none */
	struct str body;   /* JSON; empty: none */
	int64_t deadline;  /* by the monotonic clock, in ms */
};

struct remote_reply {
	long status;
	json_t *json; /* owned: the whole reply, an object */
};

/*
 * TSZ_OK: the server answered, whatever the status is, but for those that say "later" (429, 5xx), which are
 * TSZ_AWAY as is a server that cannot be reached or proves no identity. *out needs remote_free() in any case.
 */
enum tsz_code remote_call(struct tsz *t, const struct remote_call *call, struct remote_reply *out);
void remote_free(struct remote_reply *reply);
/* The reply's `data`, and its `message` ("" when there is none). */
const json_t *remote_data(const struct remote_reply *reply);
const char *remote_message(const struct remote_reply *reply);
/* Brings an address into its form, without a slash at the end; false when it is no http(s) URL. */
bool remote_url(const char *text, char *out, size_t size);

#endif
