/*
 * Stamps: when an op happened, the total order that decides who wins, and the stamp clock that makes them
 * (sync-protocol.md section 3). Pure.
 */
#ifndef TSUZUKI_SYNC_STAMP_H
#define TSUZUKI_SYNC_STAMP_H

#include <stdbool.h>
#include <stdint.h>

#include "sync/base/env.h"
#include "sync/base/str.h"

enum { DEVICE_SIZE = 8, STAMP_SIZE = 16, STAMP_TEXT_SIZE = 34 };

struct device_id {
	unsigned char bytes[DEVICE_SIZE];
};

/* 6 bytes of ms, 2 of counter, 8 of device, big-endian: byte order is stamp order. All zero: no stamp. */
struct stamp {
	unsigned char bytes[STAMP_SIZE];
};

struct stamp stamp_make(int64_t ms, unsigned counter, struct device_id device);
int64_t stamp_ms(struct stamp s);
unsigned stamp_counter(struct stamp s);
struct device_id stamp_device(struct stamp s);
/* <0, 0, >0. */
int stamp_cmp(struct stamp a, struct stamp b);
bool stamp_set(struct stamp s);
struct stamp stamp_max(struct stamp a, struct stamp b);
/* The same ms and the next counter; the next ms when that overflows. */
struct stamp stamp_next(struct stamp s);
/* 12 hex digits of ms, 4 of counter, '-', 16 of device, and NUL. */
void stamp_text(struct stamp s, char out[STAMP_TEXT_SIZE]);
bool stamp_parse(struct str text, struct stamp *out);
bool device_eq(struct device_id a, struct device_id b);

/*
 * The process's view of its two clocks. When the wall clock is found behind what was shown plus the time run
 * since by the monotonic clock, `run` grows by the difference, so wall + run never goes back while the
 * process lives.
 */
struct wall {
	struct now shown; /* at the last look; the errors of looks do not add up in it */
	int64_t run;	  /* ms to add to the wall clock */
	int64_t first_ms; /* the wall clock at the first look, 0: there was none yet */
};

/* Takes one look at the clocks; returns the corrected wall clock in ms. */
int64_t wall_look(struct wall *w, struct now now);

/* A user's stamp clock, kept with the account. */
struct stamp_clock {
	int64_t ms;	  /* the newest time it gave out or showed */
	unsigned counter; /* and its counter */
	int64_t offset;	  /* what it adds to the plain wall clock */
	int64_t run;	  /* wall.run when offset was stored */
};

/*
 * The user's time now. same_start: the account was last written by this start of the program, so wall.run may
 * be compared. The clock's offset is brought up to date; ms is not (only stamping and showing move it).
 */
int64_t stamp_clock_now(struct stamp_clock *c, const struct wall *w, struct now now, bool same_start);

/* Something was written at `received`: after a start the clock is never found before it. */
void stamp_clock_show(struct stamp_clock *c, int64_t received);

/*
 * A stamp for an op made here at `received` (from stamp_clock_now): greater than every stamp that this clock
 * gave out. At least `floor` ms.
 */
struct stamp stamp_clock_make(
	struct stamp_clock *c, int64_t received, int64_t floor, struct device_id device);

#endif
