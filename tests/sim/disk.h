/*
 * A disk in memory, as an SQLite VFS: what was written and not synced may be lost, in part or whole, when the
 * machine stops. One disk a replica; its files are found by the folder's path. Single-threaded.
 */
#ifndef TSUZUKI_TESTS_SIM_DISK_H
#define TSUZUKI_TESTS_SIM_DISK_H

#include "rng.h"

enum { DISK_FILES = 4, DISK_PATH = 128 };

struct disk;
struct image; /* a copy of a disk's files: a backup, or what a clone is made of */

/* Makes the VFS the default one of this process, and prints what SQLite complains of while *aloud; false when
 * SQLite refuses. */
bool disk_install(bool *aloud);
/* Forgets what SQLite drew before, so that a seed is replayed to the letter. */
void disk_reseed(struct rng *rng);

/* An empty disk whose files are those in `dir`. NULL when memory is short. */
struct disk *disk_make(const char *dir);
/* No connection may be open. NULL does nothing. */
void disk_free(struct disk *d);

/* The machine dies at the so-many-th write, truncation or sync from now: that one and all after it fail.
 * 0: it lives. */
void disk_die_after(struct disk *d, uint64_t operations);
bool disk_dead(const struct disk *d);
/* Dies now: what an open connection does from here on fails. */
void disk_die(struct disk *d);
/* How it went down: a killed process loses nothing that was written; a power cut loses what was not synced,
 * or keeps any part of it. */
enum disk_loss { DISK_KILLED, DISK_POWER_ALL, DISK_POWER_SOME };
/* After every connection is closed: the machine comes up again. */
void disk_revive(struct disk *d, enum disk_loss loss, struct rng *rng);
/* Runs statements on the database behind its store's back, between two transactions. */
void disk_sql(struct disk *d, const char *sql);
/* A control: from here on nothing that is synced reaches the platter. */
void disk_lie(struct disk *d);

/* A copy of its files as they are, which is what cp makes between two transactions. NULL when memory is
 * short. */
struct image *disk_copy(const struct disk *d);
void image_free(struct image *image);
/* Puts the files of an image in the place of the disk's own. No connection may be open. */
bool disk_put(struct disk *d, const struct image *image);

#endif
