#include "sync/wal_file.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <string.h>

/* 31 frames: SQLite's own VFS for Unix takes no write of 128 KiB or more, and a group that has more is handed
 * over in pieces of that size. */
enum { GATHERED_BYTES = 31 * (4096 + 24) };

_Static_assert((int)GATHERED_BYTES < 0x20000, "one write below");

/* The log's file, followed in memory by that of the VFS below. */
struct wal_file {
	sqlite3_file base;
	unsigned char *bytes; /* owned: GATHERED_BYTES; NULL until first needed */
	sqlite3_int64 at;     /* where in the file they belong */
	int len;
};

static struct wal_file *self_of(sqlite3_file *file)
{
	return (struct wal_file *)file;
}

static sqlite3_file *below(sqlite3_file *file)
{
	return (sqlite3_file *)(self_of(file) + 1);
}

static sqlite3_vfs *vfs_below(const sqlite3_vfs *vfs)
{
	return vfs->pAppData;
}

/* Hands over what was gathered. A failure is told to the caller, and what it concerns is forgotten: SQLite
 * takes back the transaction then. */
static int hand_over(sqlite3_file *file)
{
	struct wal_file *self = self_of(file);
	int len = self->len;
	self->len = 0;
	return len ? below(file)->pMethods->xWrite(below(file), self->bytes, len, self->at) : SQLITE_OK;
}

static int wal_close(sqlite3_file *file)
{
	struct wal_file *self = self_of(file);
	int handed = hand_over(file);
	int closed = below(file)->pMethods->xClose(below(file));
	sqlite3_free(self->bytes);
	self->bytes = NULL;
	return handed ? handed : closed;
}

static int wal_read(sqlite3_file *file, void *out, int len, sqlite3_int64 at)
{
	const struct wal_file *self = self_of(file);
	bool is_here = self->len && at + len > self->at && at < self->at + self->len;
	int code = is_here ? hand_over(file) : SQLITE_OK;
	return code ? code : below(file)->pMethods->xRead(below(file), out, len, at);
}

static int wal_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at)
{
	struct wal_file *self = self_of(file);
	if (self->len && (at != self->at + self->len || len > GATHERED_BYTES - self->len)) {
		int code = hand_over(file);
		if (code)
			return code;
	}
	if (!self->bytes)
		self->bytes = sqlite3_malloc(GATHERED_BYTES);
	if (!self->bytes || len > GATHERED_BYTES)
		return below(file)->pMethods->xWrite(below(file), bytes, len, at);
	if (!self->len)
		self->at = at;
	memcpy(self->bytes + self->len, bytes, (size_t)len);
	self->len += len;
	return SQLITE_OK;
}

static int wal_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	int code = hand_over(file);
	return code ? code : below(file)->pMethods->xTruncate(below(file), size);
}

static int wal_sync(sqlite3_file *file, int flags)
{
	int code = hand_over(file);
	return code ? code : below(file)->pMethods->xSync(below(file), flags);
}

static int wal_size(sqlite3_file *file, sqlite3_int64 *out)
{
	int code = hand_over(file);
	return code ? code : below(file)->pMethods->xFileSize(below(file), out);
}

static int wal_lock(sqlite3_file *file, int level)
{
	return below(file)->pMethods->xLock(below(file), level);
}

static int wal_unlock(sqlite3_file *file, int level)
{
	return below(file)->pMethods->xUnlock(below(file), level);
}

static int wal_reserved(sqlite3_file *file, int *out)
{
	return below(file)->pMethods->xCheckReservedLock(below(file), out);
}

static int wal_control(sqlite3_file *file, int op, void *argument)
{
	return below(file)->pMethods->xFileControl(below(file), op, argument);
}

static int wal_sector_size(sqlite3_file *file)
{
	return below(file)->pMethods->xSectorSize(below(file));
}

static int wal_characteristics(sqlite3_file *file)
{
	return below(file)->pMethods->xDeviceCharacteristics(below(file));
}

static const sqlite3_io_methods wal_methods = {
	.iVersion = 1, /* shared memory and mappings are the database's, not the log's */
	.xClose = wal_close,
	.xRead = wal_read,
	.xWrite = wal_write,
	.xTruncate = wal_truncate,
	.xSync = wal_sync,
	.xFileSize = wal_size,
	.xLock = wal_lock,
	.xUnlock = wal_unlock,
	.xCheckReservedLock = wal_reserved,
	.xFileControl = wal_control,
	.xSectorSize = wal_sector_size,
	.xDeviceCharacteristics = wal_characteristics,
};

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
	sqlite3_vfs *real = vfs_below(vfs);
	if (!(flags & SQLITE_OPEN_WAL))
		return real->xOpen(real, name, file, flags, out_flags);
	*self_of(file) = (struct wal_file){{NULL}, NULL, 0, 0};
	int code = real->xOpen(real, name, below(file), flags, out_flags);
	/* Without methods SQLite closes nothing, as it must not when the file below was not opened. */
	if (below(file)->pMethods)
		file->pMethods = &wal_methods;
	return code;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
	return vfs_below(vfs)->xDelete(vfs_below(vfs), name, sync_folder);
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
	return vfs_below(vfs)->xAccess(vfs_below(vfs), name, flags, out);
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
	return vfs_below(vfs)->xFullPathname(vfs_below(vfs), name, size, out);
}

static int vfs_randomness(sqlite3_vfs *vfs, int size, char *out)
{
	return vfs_below(vfs)->xRandomness(vfs_below(vfs), size, out);
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds)
{
	return vfs_below(vfs)->xSleep(vfs_below(vfs), microseconds);
}

static int vfs_time(sqlite3_vfs *vfs, double *out)
{
	return vfs_below(vfs)->xCurrentTime(vfs_below(vfs), out);
}

static int vfs_last_error(sqlite3_vfs *vfs, int size, char *out)
{
	return vfs_below(vfs)->xGetLastError(vfs_below(vfs), size, out);
}

const char *wal_file_vfs(void)
{
	static const char name[] = "tsuzuki";
	static sqlite3_vfs vfs; /* SQLite keeps it for as long as the process runs */
	if (sqlite3_vfs_find(name))
		return name;
	sqlite3_vfs *real = sqlite3_vfs_find(NULL);
	if (!real)
		return NULL;
	vfs = (sqlite3_vfs){
		.iVersion = 1, /* no loading of extensions: those methods stay NULL */
		.szOsFile = (int)sizeof(struct wal_file) + real->szOsFile,
		.mxPathname = real->mxPathname,
		.zName = name,
		.pAppData = real,
		.xOpen = vfs_open,
		.xDelete = vfs_delete,
		.xAccess = vfs_access,
		.xFullPathname = vfs_full_path,
		.xRandomness = vfs_randomness,
		.xSleep = vfs_sleep,
		.xCurrentTime = vfs_time,
		.xGetLastError = vfs_last_error,
	};
	return sqlite3_vfs_register(&vfs, 0) == SQLITE_OK ? name : NULL;
}
