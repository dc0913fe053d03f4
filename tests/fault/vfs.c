#include "tests/fault/vfs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "tests/fault/disk.h"

const char *const fault_names[FAULT_COUNT] = {"none", "kill", "cut", "io", "io-forever", "full",
	"full-forever", "read", "read-forever", "lost-sync"};

enum { CUT_WITHIN = 200 };
enum operation { OP_CREATE, OP_READ, OP_WRITE, OP_SYNC, OP_TRUNCATE, OP_DELETE, OP_SHM, OP_KINDS };

static const char *const operation_names[OP_KINDS] = {
	"create", "read", "write", "sync", "truncate", "delete", "shm"};

enum { CHANGES = 1 << OP_CREATE | 1 << OP_WRITE | 1 << OP_SYNC | 1 << OP_TRUNCATE | 1 << OP_DELETE };

/* Which operations a fault can meet. */
static const unsigned meets[FAULT_COUNT] = {
	[FAULT_NONE] = CHANGES,
	[FAULT_KILL] = CHANGES,
	[FAULT_CUT] = CHANGES,
	[FAULT_IO] = CHANGES,
	[FAULT_IO_FOREVER] = CHANGES,
	[FAULT_FULL] = 1 << OP_CREATE | 1 << OP_WRITE | 1 << OP_SHM,
	[FAULT_FULL_FOREVER] = 1 << OP_CREATE | 1 << OP_WRITE | 1 << OP_SHM,
	[FAULT_READ] = 1 << OP_READ,
	[FAULT_READ_FOREVER] = 1 << OP_READ,
	[FAULT_LOST_SYNC] = 1 << OP_SYNC,
};

struct file {
	sqlite3_file base;
	struct inode *inode; /* NULL: a temporary file without a name */
	const char *name;
	bool database;
	bool new_name;	    /* its folder is synced with its first sync, as the default VFS does it */
	sqlite3_file *real; /* behind this struct */
};

static sqlite3_vfs *real_vfs;
static sqlite3_vfs own_vfs;
static struct vfs_plan plan;
static struct vfs_seen *seen;
static uint64_t chance;
static long before_cut; /* FAULT_LOST_SYNC: changes until the power goes */

static bool is_full(void)
{
	return plan.fault == FAULT_FULL || plan.fault == FAULT_FULL_FOREVER;
}

static bool for_ever(void)
{
	return plan.fault == FAULT_IO_FOREVER || plan.fault == FAULT_FULL_FOREVER ||
	       plan.fault == FAULT_READ_FOREVER;
}

static const char *base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	return slash ? slash + 1 : path ? path : "temporary";
}

/* Counts the operation; true when it must fail. Does not come back when the fault ends the process. */
static bool meet(enum operation operation, const char *file)
{
	if (plan.fault == FAULT_LOST_SYNC && seen->hit && CHANGES & 1u << operation && before_cut-- == 0) {
		disk_cut(plan.seed);
		_exit(VFS_EXIT_CUT);
	}
	if (!(meets[plan.fault] & 1u << operation))
		return false;
	long number = seen->operations++;
	if (plan.fault == FAULT_NONE || number < plan.at || (number > plan.at && !for_ever()))
		return false;
	if (!seen->hit) {
		(void)snprintf(seen->what, sizeof seen->what, "%s", operation_names[operation]);
		(void)snprintf(seen->file, sizeof seen->file, "%s", base_name(file));
		seen->hit = true;
	}
	if (plan.fault == FAULT_CUT) {
		disk_cut(plan.seed);
		_exit(VFS_EXIT_CUT);
	}
	return true;
}

/* The same for what has no half: a kill comes before it. */
static bool fails(enum operation operation, const char *file)
{
	bool failed = meet(operation, file);
	if (failed && plan.fault == FAULT_KILL)
		_exit(VFS_EXIT_KILL);
	return failed;
}

static struct file *as_file(sqlite3_file *base)
{
	return (struct file *)(void *)base;
}

static sqlite3_file *real_of(sqlite3_file *base)
{
	return as_file(base)->real;
}

static int file_close(sqlite3_file *base)
{
	return real_of(base)->pMethods->xClose(real_of(base));
}

static int file_read(sqlite3_file *base, void *bytes, int len, sqlite3_int64 at)
{
	if (fails(OP_READ, as_file(base)->name))
		return SQLITE_IOERR_READ;
	return real_of(base)->pMethods->xRead(real_of(base), bytes, len, at);
}

static int real_write(struct file *f, const void *bytes, int len, sqlite3_int64 at)
{
	int code = f->real->pMethods->xWrite(f->real, bytes, len, at);
	if (code == SQLITE_OK && f->inode)
		disk_write(f->inode, at, bytes, (size_t)len);
	return code;
}

static int file_write(sqlite3_file *base, const void *bytes, int len, sqlite3_int64 at)
{
	struct file *f = as_file(base);
	if (!meet(OP_WRITE, f->name))
		return real_write(f, bytes, len, at);
	/* Some bytes get there, none, or all of them; of a disk that is full never all. */
	static const int parts[] = {0, 2, 1};
	int part = parts[disk_random(&chance) % (is_full() ? 2 : 3)];
	if (part)
		(void)real_write(f, bytes, len / part, at);
	if (plan.fault == FAULT_KILL)
		_exit(VFS_EXIT_KILL);
	return is_full() ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 len)
{
	struct file *f = as_file(base);
	if (fails(OP_TRUNCATE, f->name))
		return SQLITE_IOERR_TRUNCATE;
	int code = f->real->pMethods->xTruncate(f->real, len);
	if (code == SQLITE_OK && f->inode)
		disk_truncate(f->inode, len);
	return code;
}

/* Nothing is really synced: what the disk holds is the model's, and the page cache outlasts a kill. */
static int file_sync(sqlite3_file *base, int flags)
{
	struct file *f = as_file(base);
	(void)flags;
	if (plan.deaf == DEAF_DATABASE && f->database)
		return SQLITE_OK;
	if (fails(OP_SYNC, f->name)) {
		if (f->inode)
			disk_forget(f->inode);
		return SQLITE_IOERR_FSYNC;
	}
	if (f->inode)
		disk_sync(f->inode);
	if (f->new_name)
		disk_sync_names();
	f->new_name = false;
	return SQLITE_OK;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *out)
{
	return real_of(base)->pMethods->xFileSize(real_of(base), out);
}

static int file_lock(sqlite3_file *base, int level)
{
	return real_of(base)->pMethods->xLock(real_of(base), level);
}

static int file_unlock(sqlite3_file *base, int level)
{
	return real_of(base)->pMethods->xUnlock(real_of(base), level);
}

static int file_reserved(sqlite3_file *base, int *out)
{
	return real_of(base)->pMethods->xCheckReservedLock(real_of(base), out);
}

static int file_control(sqlite3_file *base, int op, void *argument)
{
	return real_of(base)->pMethods->xFileControl(real_of(base), op, argument);
}

static int file_sector(sqlite3_file *base)
{
	return real_of(base)->pMethods->xSectorSize(real_of(base));
}

static int file_characteristics(sqlite3_file *base)
{
	return real_of(base)->pMethods->xDeviceCharacteristics(real_of(base));
}

/* The default VFS writes to the file of the shared memory when it makes it longer. */
static int file_shm_map(sqlite3_file *base, int region, int size, int extend, void volatile **out)
{
	if (extend && fails(OP_SHM, "shm"))
		return SQLITE_IOERR_SHMSIZE;
	return real_of(base)->pMethods->xShmMap(real_of(base), region, size, extend, out);
}

static int file_shm_lock(sqlite3_file *base, int offset, int n, int flags)
{
	return real_of(base)->pMethods->xShmLock(real_of(base), offset, n, flags);
}

static void file_shm_barrier(sqlite3_file *base)
{
	real_of(base)->pMethods->xShmBarrier(real_of(base));
}

static int file_shm_unmap(sqlite3_file *base, int delete)
{
	return real_of(base)->pMethods->xShmUnmap(real_of(base), delete);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_unlock,
	.xCheckReservedLock = file_reserved,
	.xFileControl = file_control,
	.xSectorSize = file_sector,
	.xDeviceCharacteristics = file_characteristics,
	.xShmMap = file_shm_map,
	.xShmLock = file_shm_lock,
	.xShmBarrier = file_shm_barrier,
	.xShmUnmap = file_shm_unmap,
};

static int open_file(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags, int *out_flags)
{
	struct file *f = as_file(base);
	bool created = path && flags & SQLITE_OPEN_CREATE && access(path, F_OK) != 0;
	(void)vfs;
	memset(f, 0, sizeof *f);
	if (created && fails(OP_CREATE, path))
		return is_full() ? SQLITE_FULL : SQLITE_CANTOPEN;
	f->real = (sqlite3_file *)(void *)(f + 1);
	int code = real_vfs->xOpen(real_vfs, path, f->real, flags, out_flags);
	if (code != SQLITE_OK)
		return code;
	f->base.pMethods = &methods;
	f->name = path;
	f->database = (flags & SQLITE_OPEN_MAIN_DB) != 0;
	if (path)
		f->inode = disk_open(path, created);
	f->new_name = created && !f->database;
	return SQLITE_OK;
}

static int delete_file(sqlite3_vfs *vfs, const char *path, int sync_folder)
{
	(void)vfs;
	if (fails(OP_DELETE, path))
		return SQLITE_IOERR_DELETE;
	if (access(path, F_OK) == 0)
		(void)disk_open(path, false);
	int code = real_vfs->xDelete(real_vfs, path, sync_folder);
	if (code == SQLITE_OK) {
		disk_delete(path);
		if (sync_folder)
			disk_sync_names();
	}
	return code;
}

/* --- what sync/settle.c does without SQLite; linked with --wrap --- */

int __real_fsync(int fd);
int __real_rename(const char *from, const char *to);
ssize_t __real_pwrite(int fd, const void *bytes, size_t len, off_t at);
int __wrap_fsync(int fd);
int __wrap_rename(const char *from, const char *to);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t len, off_t at);

static bool settled_synced;

int __wrap_fsync(int fd)
{
	struct stat st;
	if (!seen)
		return __real_fsync(fd);
	bool folder = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
	if (fails(OP_SYNC, folder ? "folder" : "settled")) {
		errno = EIO;
		return -1;
	}
	if (folder)
		disk_sync_names();
	settled_synced = true;
	return 0;
}

int __wrap_rename(const char *from, const char *to)
{
	if (!seen)
		return __real_rename(from, to);
	(void)disk_open(to, false);
	if (fails(OP_DELETE, to)) {
		errno = EIO;
		return -1;
	}
	int result = __real_rename(from, to);
	if (result == 0)
		disk_replace(to, settled_synced);
	settled_synced = false;
	return result;
}

ssize_t __wrap_pwrite(int fd, const void *bytes, size_t len, off_t at)
{
	if (seen && fails(OP_WRITE, "settled")) {
		errno = is_full() ? ENOSPC : EIO;
		return -1;
	}
	return __real_pwrite(fd, bytes, len, at);
}

bool vfs_install(const struct vfs_plan *wanted, struct vfs_seen *out)
{
	real_vfs = sqlite3_vfs_find(NULL);
	/* The store's own VFS stands on the default one of when it was made: it is made anew, on this one. */
	sqlite3_vfs *of_store = sqlite3_vfs_find("tsuzuki");
	if (!real_vfs || (of_store && sqlite3_vfs_unregister(of_store) != SQLITE_OK))
		return false;
	plan = *wanted;
	seen = out;
	chance = plan.seed + (uint64_t)plan.at;
	before_cut = (long)(disk_random(&chance) % CUT_WITHIN);
	own_vfs = *real_vfs;
	own_vfs.pNext = NULL;
	own_vfs.zName = "fault";
	own_vfs.szOsFile = (int)sizeof(struct file) + real_vfs->szOsFile;
	own_vfs.xOpen = open_file;
	own_vfs.xDelete = delete_file;
	return sqlite3_vfs_register(&own_vfs, 1) == SQLITE_OK;
}

void vfs_finish(void)
{
	if (plan.fault != FAULT_LOST_SYNC || !seen->hit)
		return;
	disk_cut(plan.seed);
	_exit(VFS_EXIT_CUT);
}
