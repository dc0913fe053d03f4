/*
 * The live channel as libwebsockets sees it: a protocol of the vhost that http.c makes.
 */
#ifndef TSUZUKI_DAEMON_LIVE_LWS_H
#define TSUZUKI_DAEMON_LIVE_LWS_H

#include <libwebsockets.h>

#define LIVE_PROTOCOL "tsuzuki.v1"

/* The library's callback; its session data is one `struct live *`. */
int live_on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len);

#endif
