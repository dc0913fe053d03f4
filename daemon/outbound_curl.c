#include "daemon/outbound_curl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

/* The name that programs are linked with; Debian's package is libcurl4. */
static const char soname[] = "libcurl.so.4";

static struct outbound_curl functions;
static bool loaded;

/* A pointer to data does not become one to a function in standard C; POSIX promises that the bytes are the
 * same. */
static bool find(void *library, const char *name, void *function, size_t size)
{
	void *symbol = dlsym(library, name);
	if (symbol)
		memcpy(function, &symbol, size);
	return symbol != NULL;
}

static void load(void)
{
	void *library = dlopen(soname, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return;
	bool all = true;
#define FIND(name) all = all && find(library, "curl_" #name, &functions.name, sizeof functions.name);
	OUTBOUND_CURL_FUNCTIONS(FIND)
#undef FIND
	loaded = all && functions.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

const struct outbound_curl *outbound_curl(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	return pthread_once(&once, load) == 0 && loaded ? &functions : NULL;
}
