/*
 * An SQLite VFS over the default one that counts what is done to the files of a database and goes wrong at
 * the Nth: see enum fault. It is made the default of the calling process, once; the process is a forked child
 * that ends with the run. One thread.
 */
#ifndef TSUZUKI_TESTS_FAULT_VFS_H
#define TSUZUKI_TESTS_FAULT_VFS_H

#include <stdbool.h>
#include <stdint.h>

enum fault {
	FAULT_NONE,
	FAULT_KILL,	    /* the process ends, before the operation or half-way through a write */
	FAULT_CUT,	    /* the power goes: disk.h says what is left */
	FAULT_IO,	    /* an I/O error, this once */
	FAULT_IO_FOREVER,   /* and for all that follows */
	FAULT_FULL,	    /* the disk is full, this once: half of a write may fit */
	FAULT_FULL_FOREVER, /* and for all that follows */
	FAULT_READ,	    /* a read fails, this once */
	FAULT_READ_FOREVER, /* and for all that follows */
	FAULT_LOST_SYNC, /* a sync fails once, what it held is gone; the power goes at the end of the run */
	FAULT_COUNT
};
extern const char *const fault_names[FAULT_COUNT];

/* How the process ends when the fault ends it. */
enum { VFS_EXIT_KILL = 40, VFS_EXIT_CUT = 41 };

/* For negative controls: syncs that do nothing. */
enum deaf { DEAF_NOT, DEAF_DATABASE };

struct vfs_plan {
	enum fault fault;
	long at; /* 0: the first operation that this fault can meet */
	uint64_t seed;
	enum deaf deaf;
};

/* Lives in memory shared with the parent, so that it outlasts the process. */
struct vfs_seen {
	long operations; /* that the fault could have met */
	bool hit;
	char what[32]; /* the operation it met */
	char file[32];
};

/* Registers the VFS as the default. false: it cannot be. */
bool vfs_install(const struct vfs_plan *plan, struct vfs_seen *seen);
/* The end of a run that the fault has not ended: for FAULT_LOST_SYNC the power goes now at the latest. */
void vfs_finish(void);

#endif
