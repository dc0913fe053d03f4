/*
 * Assertions for programmer errors only; they stay on in production. Operating errors are returned, never
 * asserted.
 */
#ifndef TSUZUKI_SYNC_BASE_CHECK_H
#define TSUZUKI_SYNC_BASE_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                                             \
	do {                                                                                         \
		if (!(condition)) {                                                                  \
			(void)fprintf(stderr, "<2>tsuzuki: check failed: %s at %s:%d\n", #condition, \
				__FILE__, __LINE__);                                                 \
			abort();                                                                     \
		}                                                                                    \
	} while (0)

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
