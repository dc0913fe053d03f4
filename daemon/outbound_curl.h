/*
 * libcurl, loaded when the first mail is sent: it brings two dozen libraries of protocols that no mail needs,
 * a third of an idle daemon's memory, and most daemons send no mail at all. Its header still says what its
 * functions take. Any thread.
 */
#ifndef TSUZUKI_DAEMON_OUTBOUND_CURL_H
#define TSUZUKI_DAEMON_OUTBOUND_CURL_H

#include <curl/curl.h>

/* Every function that is used; X(its name behind "curl_"). */
#define OUTBOUND_CURL_FUNCTIONS(X) \
	X(global_init)             \
	X(easy_init)               \
	X(easy_setopt)             \
	X(easy_perform)            \
	X(easy_getinfo)            \
	X(easy_strerror)           \
	X(easy_cleanup)            \
	X(slist_append)            \
	X(slist_free_all)          \
	X(url)                     \
	X(url_set)                 \
	X(url_cleanup)

#define OUTBOUND_CURL_MEMBER(name) __typeof__(curl_##name) *(name);
struct outbound_curl {
	OUTBOUND_CURL_FUNCTIONS(OUTBOUND_CURL_MEMBER)
};
#undef OUTBOUND_CURL_MEMBER

/* The library, set up for the process, or NULL when it cannot be loaded. It stays until the process ends. */
const struct outbound_curl *outbound_curl(void);

#endif
