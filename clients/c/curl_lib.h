/*
 * libcurl, loaded at the first call of a server: it brings two dozen libraries, which a command that only
 * reads or writes the local store does not pay for. Any thread. Internal to the library.
 */
#ifndef TSUZUKI_CLIENTS_C_CURL_LIB_H
#define TSUZUKI_CLIENTS_C_CURL_LIB_H

#include <curl/curl.h>

/* Every function that is used; X(its name behind "curl_"). */
#define CURL_LIB_FUNCTIONS(X) \
	X(global_init)        \
	X(easy_init)          \
	X(easy_setopt)        \
	X(easy_perform)       \
	X(easy_getinfo)       \
	X(easy_strerror)      \
	X(easy_cleanup)       \
	X(slist_append)       \
	X(slist_free_all)

#define CURL_LIB_MEMBER(name) __typeof__(curl_##name) *(name);
struct curl_lib {
	CURL_LIB_FUNCTIONS(CURL_LIB_MEMBER)
};
#undef CURL_LIB_MEMBER

/* NULL when it cannot be loaded. It stays until the process ends. */
const struct curl_lib *curl_lib(void);

#endif
