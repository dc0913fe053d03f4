/*
 * Makes the page cache's word true before a start believes it. After a sync that failed, the kernel goes on
 * showing what it could not write and calls it clean: a WAL read from there would carry commits that the disk
 * does not have, and what is acknowledged after them would hang on them. Internal to sync/.
 */
#ifndef TSUZUKI_SYNC_SETTLE_H
#define TSUZUKI_SYNC_SETTLE_H

#include "sync/base/err.h"

/*
 * Replaces the WAL that an unclean end left by a synced copy of what is read from it, and a database of one
 * page likewise (on a disk that lacks that page, SQLite would throw the WAL away). Before any connection is
 * open, with the folder's lock held. Where there is no space for a copy, the same bytes are written in place.
 * ERR_IO, ERR_DISK_FULL, ERR_NOMEM; errno says more.
 */
enum err settle_database(const char *dir);

#endif
