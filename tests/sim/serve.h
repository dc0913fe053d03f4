/*
 * The upper side of an exchange as a daemon puts it together (daemon/syncing.c): a body comes in as text, the
 * answer goes out as text.
 */
#ifndef TSUZUKI_TESTS_SIM_SERVE_H
#define TSUZUKI_TESTS_SIM_SERVE_H

#include <jansson.h>

#include "node.h"

enum served {
	SERVED_OK,     /* *out is the `data` of the answer */
	SERVED_FORKED, /* 409 */
	SERVED_FAULT,  /* 422; *out says why */
	SERVED_FAILED, /* 503: nothing was written */
	SERVED_DEAD    /* it died: nobody hears of it */
};

enum served serve(struct node *n, int user, struct device_id device, struct str body, struct buf *out);
/* Everything the user has at this replica, stubs too, as one JSON object with `items` (ordered by collection
 * and key), `cleared` and `head`. A new reference, NULL when it could not be read. */
json_t *serve_view(struct node *n, int user);

#endif
