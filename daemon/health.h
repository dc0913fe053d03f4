/*
 * How the server is: what /health, /health/ready and `tsuzukid doctor` say, and what only shows when somebody
 * looks (free space, clocks), looked at now and then. Loop thread only.
 */
#ifndef TSUZUKI_DAEMON_HEALTH_H
#define TSUZUKI_DAEMON_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "sync/base/err.h"

struct app;
struct health;

/* What is wrong, a bit each; the first ones stop writes. */
enum health_trouble {
	HEALTH_DISK_FAILED,
	HEALTH_DISK_FULL,
	HEALTH_BUSY,
	HEALTH_UNREADABLE,
	HEALTH_SPACE_LOW, /* from here on writes are taken */
	HEALTH_BACKUP_FAILED,
	HEALTH_BACKUP_OLD,
	HEALTH_CLOCK,
	HEALTH_TROUBLES
};

struct health_numbers {
	uint64_t free_bytes;	 /* of the data folder's file system */
	uint64_t database_bytes; /* with its log */
	int64_t clock_offset_ms; /* the greatest of any account */
};

enum err health_open(struct app *app, struct health **out);
/* After workers_close() and writer_close(). NULL is fine. */
void health_close(struct health *h);

/* Bits of what is wrong now, 1 << HEALTH_...; 0: nothing. */
unsigned health_look(struct app *app);
bool health_takes_writes(unsigned troubles);
/* A word for programs, and for people what is wrong and what to do. Static texts. */
const char *health_word(enum health_trouble trouble);
const char *health_text(enum health_trouble trouble);
/* All zero for NULL. */
struct health_numbers health_numbers(const struct health *h);

#endif
