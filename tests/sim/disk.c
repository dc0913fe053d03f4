#include "disk.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/base/check.h"

enum { SECTOR = 512, SHM_REGIONS = 64, SHM_REGION_SIZE = 32768 };

/* A write or truncation that was not synced yet. */
struct pending_write {
	struct pending_write *next;
	int64_t offset; /* of a truncation: the new length */
	int64_t len;	/* -1: a truncation */
	unsigned char bytes[];
};

struct content {
	unsigned char *bytes;
	int64_t len;
	int64_t room;
};

struct file {
	char name[64]; /* "" when unused */
	bool exists;
	struct content now;    /* what a read gives */
	struct content synced; /* what is on the platter */
	struct pending_write *first;
	struct pending_write *last;
	/* Locks of the connections to this file. */
	int open;
	int shared;
	int reserved;
	int pending;
	int exclusive;
	/* The WAL's index. */
	int shm_users;
	void *shm[SHM_REGIONS];
	int shm_shared[SQLITE_SHM_NLOCK];
	bool shm_exclusive[SQLITE_SHM_NLOCK];
};

struct disk {
	struct disk *next;
	char dir[DISK_PATH];
	struct file files[DISK_FILES];
	uint64_t operations;
	uint64_t die_at;
	bool dead;
	bool lies;
};

struct image {
	struct {
		char name[64];
		struct content content;
	} files[DISK_FILES];
};

/* An open file. Temporary ones belong to no disk. */
struct handle {
	sqlite3_file base;
	struct disk *disk;
	struct file *file;
	bool temporary;
	int level;
	bool shm;
	unsigned shm_shared;
	unsigned shm_exclusive;
};

static struct disk *disks;
static struct rng *chance;

/* --- contents --- */

static bool content_size(struct content *c, int64_t len)
{
	if (len > c->room) {
		int64_t room = c->room ? c->room : 65536;
		while (room < len)
			room *= 2;
		unsigned char *bytes = realloc(c->bytes, (size_t)room);
		if (!bytes)
			return false;
		c->bytes = bytes;
		c->room = room;
	}
	if (len > c->len)
		memset(c->bytes + c->len, 0, (size_t)(len - c->len));
	c->len = len;
	return true;
}

static bool content_write(struct content *c, const void *bytes, int64_t len, int64_t offset)
{
	if (offset + len > c->len && !content_size(c, offset + len))
		return false;
	if (len)
		memcpy(c->bytes + offset, bytes, (size_t)len);
	return true;
}

static bool content_copy(struct content *to, const struct content *from)
{
	if (!content_size(to, from->len))
		return false;
	if (from->len)
		memcpy(to->bytes, from->bytes, (size_t)from->len);
	return true;
}

static void apply_pending(struct content *c, const struct pending_write *w, int64_t len)
{
	if (w->len < 0)
		CHECK(content_size(c, w->offset));
	else
		CHECK(content_write(c, w->bytes, len, w->offset));
}

static void drop_pending(struct file *f)
{
	while (f->first) {
		struct pending_write *next = f->first->next;
		free(f->first);
		f->first = next;
	}
	f->last = NULL;
}

static void file_clear(struct file *f)
{
	drop_pending(f);
	free(f->now.bytes);
	free(f->synced.bytes);
	memset(f, 0, sizeof *f);
}

/* One more operation on the platter; false when the machine is dead or dies with it. */
static bool operate(struct disk *d)
{
	if (!d)
		return true;
	if (d->dead)
		return false;
	d->operations++;
	if (d->die_at && d->operations >= d->die_at)
		d->dead = true;
	return !d->dead;
}

static bool note_pending(struct file *f, const void *bytes, int64_t len, int64_t offset)
{
	struct pending_write *w = malloc(sizeof *w + (len > 0 ? (size_t)len : 0));
	if (!w)
		return false;
	*w = (struct pending_write){.offset = offset, .len = len};
	if (len > 0)
		memcpy(w->bytes, bytes, (size_t)len);
	if (f->last)
		f->last->next = w;
	else
		f->first = w;
	f->last = w;
	return true;
}

/* --- sqlite3_io_methods --- */

static struct handle *handle_of(sqlite3_file *file)
{
	return (struct handle *)file;
}

static int file_close(sqlite3_file *file)
{
	struct handle *h = handle_of(file);
	h->file->open--;
	if (h->temporary) {
		file_clear(h->file);
		free(h->file);
	}
	h->file = NULL;
	return SQLITE_OK;
}

static int file_read(sqlite3_file *file, void *out, int len, sqlite3_int64 offset)
{
	const struct handle *h = handle_of(file);
	const struct content *c = &h->file->now;
	if (h->disk && h->disk->dead)
		return SQLITE_IOERR_READ;
	int64_t there = offset < c->len ? c->len - offset : 0;
	if (there > len)
		there = len;
	if (there)
		memcpy(out, c->bytes + offset, (size_t)there);
	if (there == len)
		return SQLITE_OK;
	memset((char *)out + there, 0, (size_t)(len - there));
	return SQLITE_IOERR_SHORT_READ;
}

static int file_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 offset)
{
	const struct handle *h = handle_of(file);
	bool lives = operate(h->disk);
	/* The write that the machine dies in may be on its way. */
	if (h->disk && (lives || h->disk->operations == h->disk->die_at) &&
		!note_pending(h->file, bytes, len, offset))
		return SQLITE_IOERR_NOMEM;
	if (!lives)
		return SQLITE_IOERR_WRITE;
	return content_write(&h->file->now, bytes, len, offset) ? SQLITE_OK : SQLITE_IOERR_NOMEM;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	const struct handle *h = handle_of(file);
	if (!operate(h->disk))
		return SQLITE_IOERR_TRUNCATE;
	if (h->disk && !note_pending(h->file, NULL, -1, size))
		return SQLITE_IOERR_NOMEM;
	return content_size(&h->file->now, size) ? SQLITE_OK : SQLITE_IOERR_NOMEM;
}

static int file_sync(sqlite3_file *file, int flags)
{
	const struct handle *h = handle_of(file);
	(void)flags;
	if (!operate(h->disk))
		return SQLITE_IOERR_FSYNC;
	if (h->disk && h->disk->lies)
		return SQLITE_OK;
	for (const struct pending_write *w = h->file->first; w; w = w->next)
		apply_pending(&h->file->synced, w, w->len);
	drop_pending(h->file);
	return SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *out)
{
	*out = handle_of(file)->file->now.len;
	return SQLITE_OK;
}

static int file_lock(sqlite3_file *file, int level)
{
	struct handle *h = handle_of(file);
	struct file *f = h->file;
	if (level <= h->level)
		return SQLITE_OK;
	if (level == SQLITE_LOCK_SHARED) {
		if (f->exclusive || f->pending)
			return SQLITE_BUSY;
		f->shared++;
	} else if (level == SQLITE_LOCK_RESERVED) {
		if (f->reserved)
			return SQLITE_BUSY;
		f->reserved++;
	} else {
		if (h->level < SQLITE_LOCK_RESERVED) {
			if (f->reserved)
				return SQLITE_BUSY;
			f->reserved++;
			h->level = SQLITE_LOCK_RESERVED;
		}
		if (f->shared > 1)
			return SQLITE_BUSY;
		f->exclusive++;
		level = SQLITE_LOCK_EXCLUSIVE;
	}
	h->level = level;
	return SQLITE_OK;
}

static int file_unlock(sqlite3_file *file, int level)
{
	struct handle *h = handle_of(file);
	struct file *f = h->file;
	if (level >= h->level)
		return SQLITE_OK;
	if (h->level == SQLITE_LOCK_EXCLUSIVE)
		f->exclusive--;
	if (h->level >= SQLITE_LOCK_RESERVED)
		f->reserved--;
	if (level == SQLITE_LOCK_NONE)
		f->shared--;
	h->level = level;
	return SQLITE_OK;
}

static int file_check_reserved(sqlite3_file *file, int *out)
{
	*out = handle_of(file)->file->reserved > 0;
	return SQLITE_OK;
}

static int file_control(sqlite3_file *file, int op, void *argument)
{
	(void)file;
	(void)op;
	(void)argument;
	return SQLITE_NOTFOUND;
}

static int file_sector(sqlite3_file *file)
{
	(void)file;
	return 4096;
}

static int file_traits(sqlite3_file *file)
{
	(void)file;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

/* --- the WAL's index: plain memory, shared by the connections of a file --- */

static int shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **out)
{
	struct handle *h = handle_of(file);
	struct file *f = h->file;
	if (!h->shm) {
		h->shm = true;
		f->shm_users++;
	}
	*out = NULL;
	if (region >= SHM_REGIONS || size != SHM_REGION_SIZE)
		return SQLITE_IOERR_SHMSIZE;
	if (!f->shm[region] && extend) {
		f->shm[region] = calloc(1, SHM_REGION_SIZE);
		if (!f->shm[region])
			return SQLITE_IOERR_NOMEM;
	}
	*out = f->shm[region];
	return SQLITE_OK;
}

static bool shm_free_for(const struct handle *h, unsigned bit, int at, bool exclusive)
{
	const struct file *f = h->file;
	if (f->shm_exclusive[at] && !(h->shm_exclusive & bit))
		return false;
	int others = f->shm_shared[at] - ((h->shm_shared & bit) != 0);
	return !exclusive || others == 0;
}

static void shm_set(struct handle *h, unsigned bit, int at, bool exclusive, bool on)
{
	struct file *f = h->file;
	if (exclusive) {
		f->shm_exclusive[at] = on;
		h->shm_exclusive = on ? h->shm_exclusive | bit : h->shm_exclusive & ~bit;
	} else if (on != ((h->shm_shared & bit) != 0)) {
		f->shm_shared[at] += on ? 1 : -1;
		h->shm_shared ^= bit;
	}
}

static int shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
	struct handle *h = handle_of(file);
	bool on = flags & SQLITE_SHM_LOCK;
	bool exclusive = flags & SQLITE_SHM_EXCLUSIVE;
	for (int at = offset; on && at < offset + count; at++)
		if (!shm_free_for(h, 1u << at, at, exclusive))
			return SQLITE_BUSY;
	for (int at = offset; at < offset + count; at++) {
		if (!on && exclusive && !(h->shm_exclusive & 1u << at))
			continue;
		shm_set(h, 1u << at, at, exclusive, on);
	}
	return SQLITE_OK;
}

static void shm_barrier(sqlite3_file *file)
{
	(void)file;
}

static int shm_unmap(sqlite3_file *file, int delete)
{
	struct handle *h = handle_of(file);
	struct file *f = h->file;
	(void)delete;
	if (!h->shm)
		return SQLITE_OK;
	for (int at = 0; at < SQLITE_SHM_NLOCK; at++) {
		if (h->shm_exclusive & 1u << at)
			shm_set(h, 1u << at, at, true, false);
		if (h->shm_shared & 1u << at)
			shm_set(h, 1u << at, at, false, false);
	}
	h->shm = false;
	if (--f->shm_users > 0)
		return SQLITE_OK;
	for (int i = 0; i < SHM_REGIONS; i++) {
		free(f->shm[i]);
		f->shm[i] = NULL;
	}
	return SQLITE_OK;
}

static const sqlite3_io_methods methods = {.iVersion = 2,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_unlock,
	.xCheckReservedLock = file_check_reserved,
	.xFileControl = file_control,
	.xSectorSize = file_sector,
	.xDeviceCharacteristics = file_traits,
	.xShmMap = shm_map,
	.xShmLock = shm_lock,
	.xShmBarrier = shm_barrier,
	.xShmUnmap = shm_unmap};

/* --- sqlite3_vfs --- */

static struct disk *disk_of(const char *path, const char **name)
{
	for (struct disk *d = disks; d; d = d->next) {
		size_t len = strlen(d->dir);
		if (strncmp(path, d->dir, len) == 0 && path[len] == '/') {
			*name = path + len + 1;
			return d;
		}
	}
	return NULL;
}

static struct file *find(struct disk *d, const char *name, bool make)
{
	struct file *free_one = NULL;
	for (int i = 0; i < DISK_FILES; i++) {
		if (strcmp(d->files[i].name, name) == 0)
			return &d->files[i];
		if (!d->files[i].name[0] && !free_one)
			free_one = &d->files[i];
	}
	if (!make || !free_one || strlen(name) >= sizeof free_one->name)
		return NULL;
	memcpy(free_one->name, name, strlen(name) + 1);
	return free_one;
}

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *out_flags)
{
	struct handle *h = handle_of(file);
	const char *name = NULL;
	(void)vfs;
	memset(h, 0, sizeof *h);
	if (path) {
		h->disk = disk_of(path, &name);
		if (!h->disk || h->disk->dead)
			return SQLITE_CANTOPEN;
		h->file = find(h->disk, name, flags & SQLITE_OPEN_CREATE);
		if (!h->file || (!h->file->exists && !(flags & SQLITE_OPEN_CREATE)))
			return SQLITE_CANTOPEN;
		h->file->exists = true;
	} else {
		h->temporary = true;
		h->file = calloc(1, sizeof *h->file);
		if (!h->file)
			return SQLITE_NOMEM;
	}
	h->file->open++;
	h->base.pMethods = &methods;
	if (out_flags)
		*out_flags = flags;
	return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync)
{
	const char *name = NULL;
	struct disk *d = disk_of(path, &name);
	struct file *f = d ? find(d, name, false) : NULL;
	(void)vfs;
	(void)sync;
	if (!f || !f->exists)
		return SQLITE_IOERR_DELETE_NOENT;
	if (!operate(d))
		return SQLITE_IOERR_DELETE;
	CHECK(f->open == 0);
	file_clear(f);
	return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *out)
{
	const char *name = NULL;
	struct disk *d = disk_of(path, &name);
	const struct file *f = d ? find(d, name, false) : NULL;
	(void)vfs;
	*out = f && f->exists && (flags != SQLITE_ACCESS_EXISTS || f->now.len > 0);
	return SQLITE_OK;
}

static int vfs_path(sqlite3_vfs *vfs, const char *path, int size, char *out)
{
	(void)vfs;
	size_t len = strlen(path);
	if ((int)len >= size)
		return SQLITE_CANTOPEN;
	memcpy(out, path, len + 1);
	return SQLITE_OK;
}

static int vfs_random(sqlite3_vfs *vfs, int len, char *out)
{
	(void)vfs;
	CHECK(chance);
	rng_bytes(chance, (unsigned char *)out, (size_t)len);
	return len;
}

/* Time passes only between events: whoever waits for a lock waits for ever, and is told so at once. */
static int vfs_sleep(sqlite3_vfs *vfs, int micros)
{
	(void)vfs;
	return micros;
}

static int vfs_time(sqlite3_vfs *vfs, double *out)
{
	(void)vfs;
	*out = 2461000.5;
	return SQLITE_OK;
}

static void on_log(void *context, int code, const char *text)
{
	const bool *aloud = context;
	if (*aloud)
		(void)printf("SQLite %d: %s\n", code, text);
}

bool disk_install(bool *aloud)
{
	static sqlite3_vfs vfs = {.iVersion = 1,
		.szOsFile = sizeof(struct handle),
		.mxPathname = DISK_PATH + 64,
		.zName = "tsuzuki-sim",
		.xOpen = vfs_open,
		.xDelete = vfs_delete,
		.xAccess = vfs_access,
		.xFullPathname = vfs_path,
		.xRandomness = vfs_random,
		.xSleep = vfs_sleep,
		.xCurrentTime = vfs_time};
	return sqlite3_config(SQLITE_CONFIG_LOG, on_log, aloud) == SQLITE_OK &&
	       sqlite3_vfs_register(&vfs, 1) == SQLITE_OK;
}

void disk_reseed(struct rng *rng)
{
	chance = rng;
	sqlite3_randomness(0, NULL);
}

/* --- disks --- */

struct disk *disk_make(const char *dir)
{
	struct disk *d = calloc(1, sizeof *d);
	if (!d || strlen(dir) >= sizeof d->dir) {
		free(d);
		return NULL;
	}
	memcpy(d->dir, dir, strlen(dir) + 1);
	d->next = disks;
	disks = d;
	return d;
}

void disk_free(struct disk *d)
{
	if (!d)
		return;
	struct disk **at = &disks;
	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	for (int i = 0; i < DISK_FILES; i++)
		file_clear(&d->files[i]);
	free(d);
}

void disk_die_after(struct disk *d, uint64_t operations)
{
	d->die_at = operations ? d->operations + operations : 0;
}

bool disk_dead(const struct disk *d)
{
	return d->dead;
}

void disk_die(struct disk *d)
{
	d->dead = true;
}

void disk_sql(struct disk *d, const char *sql)
{
	char path[DISK_PATH + 16];
	sqlite3 *db = NULL;
	(void)snprintf(path, sizeof path, "%s/tsuzuki.db", d->dir);
	CHECK(sqlite3_open(path, &db) == SQLITE_OK);
	CHECK(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
	(void)sqlite3_close(db);
}

void disk_lie(struct disk *d)
{
	d->lies = true;
}

/* Whole, not at all, or torn between two sectors. */
static int64_t kept(const struct pending_write *w, struct rng *rng)
{
	uint64_t fate = rng_below(rng, 4);
	if (fate == 0)
		return 0;
	if (fate == 1 && w->len > SECTOR)
		return (int64_t)rng_below(rng, (uint64_t)w->len / SECTOR) * SECTOR;
	return w->len;
}

void disk_revive(struct disk *d, enum disk_loss loss, struct rng *rng)
{
	for (int i = 0; i < DISK_FILES; i++) {
		struct file *f = &d->files[i];
		CHECK(f->open == 0);
		for (const struct pending_write *w = f->first; w; w = w->next) {
			int64_t len = loss == DISK_KILLED      ? w->len
				      : loss == DISK_POWER_ALL ? 0
							       : kept(w, rng);
			if (w->len < 0 ? loss == DISK_KILLED ||
						 (loss == DISK_POWER_SOME && rng_chance(rng, 500))
				       : len > 0)
				apply_pending(&f->synced, w, len);
		}
		drop_pending(f);
		f->now.len = 0;
		CHECK(content_copy(&f->now, &f->synced));
		f->shared = f->reserved = f->pending = f->exclusive = 0;
	}
	d->dead = false;
	d->die_at = 0;
}

struct image *disk_copy(const struct disk *d)
{
	struct image *image = calloc(1, sizeof *image);
	if (!image)
		return NULL;
	for (int i = 0; i < DISK_FILES; i++) {
		if (!d->files[i].exists)
			continue;
		memcpy(image->files[i].name, d->files[i].name, sizeof image->files[i].name);
		if (!content_copy(&image->files[i].content, &d->files[i].now)) {
			image_free(image);
			return NULL;
		}
	}
	return image;
}

void image_free(struct image *image)
{
	for (int i = 0; image && i < DISK_FILES; i++)
		free(image->files[i].content.bytes);
	free(image);
}

bool disk_put(struct disk *d, const struct image *image)
{
	bool ok = true;
	for (int i = 0; i < DISK_FILES; i++) {
		struct file *f = &d->files[i];
		CHECK(f->open == 0);
		file_clear(f);
		memcpy(f->name, image->files[i].name, sizeof f->name);
		f->exists = f->name[0] != '\0';
		ok &= content_copy(&f->now, &image->files[i].content) &&
		      content_copy(&f->synced, &image->files[i].content);
	}
	return ok;
}
