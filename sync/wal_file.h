/*
 * A VFS for the connection that writes: what SQLite appends to its write-ahead log piece by piece (a page is
 * two writes) is gathered and handed to the system in one go. The system's own VFS does everything else.
 *
 * Nothing is later than it was. A frame counts once the log has been synced (synchronous=FULL: before COMMIT
 * returns, and before other connections are told of it), and a sync first hands over what was gathered; so
 * does whatever looks at the log's end or at bytes that are still here. What a crash takes from here was not
 * synced anyway.
 */
#ifndef TSUZUKI_SYNC_WAL_FILE_H
#define TSUZUKI_SYNC_WAL_FILE_H

/* For sqlite3_open_v2(). NULL when SQLite has no VFS to stand on: then its default is as good. */
const char *wal_file_vfs(void);

#endif
