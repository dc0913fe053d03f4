#include "clients/c/curl_lib.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

static struct curl_lib functions;
static bool usable;

/* A pointer to data becomes one to a function by its bytes, as POSIX promises. */
static bool look_up(void *library, const char *name, void *function, size_t size)
{
	void *symbol = dlsym(library, name);
	if (symbol)
		memcpy(function, &symbol, size);
	return symbol != NULL;
}

static void load(void)
{
	void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
	bool all = library != NULL;
#define LOOK_UP(name) all = all && look_up(library, "curl_" #name, &functions.name, sizeof functions.name);
	CURL_LIB_FUNCTIONS(LOOK_UP)
#undef LOOK_UP
	usable = all && functions.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

const struct curl_lib *curl_lib(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	return pthread_once(&once, load) == 0 && usable ? &functions : NULL;
}
