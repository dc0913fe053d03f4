#include "tests/fault/disk.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAMES_MAX = 32, PATH_MAX_BYTES = 512, SECTOR = 512 };

/* A write (bytes set) or a truncate (bytes NULL: len is the new length) that is not durable yet. */
struct held {
	struct held *next;
	unsigned char *bytes;
	size_t at;
	size_t len;
};

struct inode {
	unsigned char *bytes; /* durable */
	size_t len;
	struct held *first;
	struct held **end;
	struct inode *older; /* all there ever were: a cut may bring back one whose name is gone */
};

/* A creation, or a deletion (inode NULL), that is not durable yet. */
struct naming {
	struct naming *next;
	struct inode *inode;
};

struct name {
	char path[PATH_MAX_BYTES];
	struct inode *live;
	struct inode *durable;
	struct naming *first;
	struct naming **end;
};

static struct name names[NAMES_MAX];
static size_t name_count;
static struct inode *inodes;

static void *must(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

uint64_t disk_random(uint64_t *seed)
{
	*seed += 0x9e3779b97f4a7c15u;
	uint64_t z = *seed;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static struct name *name_of(const char *path)
{
	for (size_t i = 0; i < name_count; i++)
		if (strcmp(names[i].path, path) == 0)
			return &names[i];
	if (name_count == NAMES_MAX || strlen(path) >= PATH_MAX_BYTES)
		abort();
	struct name *name = &names[name_count++];
	(void)snprintf(name->path, sizeof name->path, "%s", path);
	name->end = &name->first;
	return name;
}

static struct inode *inode_make(void)
{
	struct inode *inode = must(calloc(1, sizeof *inode));
	inode->end = &inode->first;
	inode->older = inodes;
	inodes = inode;
	return inode;
}

static void rename_to(struct name *name, struct inode *inode)
{
	struct naming *n = must(calloc(1, sizeof *n));
	n->inode = inode;
	*name->end = n;
	name->end = &n->next;
	name->live = inode;
}

/* What is there before the disk is watched is durable. */
static void load(struct inode *inode, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t len = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	if (len > 0) {
		inode->bytes = must(malloc((size_t)len));
		inode->len = (size_t)len;
		if (pread(fd, inode->bytes, inode->len, 0) != len)
			abort();
	}
	if (fd >= 0)
		(void)close(fd);
}

struct inode *disk_open(const char *path, bool created)
{
	struct name *name = name_of(path);
	if (created) {
		rename_to(name, inode_make());
	} else if (!name->live) {
		name->live = inode_make();
		name->durable = name->live;
		load(name->live, path);
	}
	return name->live;
}

static void hold(struct inode *inode, unsigned char *bytes, size_t at, size_t len)
{
	struct held *h = must(calloc(1, sizeof *h));
	*h = (struct held){.bytes = bytes, .at = at, .len = len};
	*inode->end = h;
	inode->end = &h->next;
}

void disk_write(struct inode *inode, int64_t at, const void *bytes, size_t len)
{
	unsigned char *copy = must(malloc(len ? len : 1));
	memcpy(copy, bytes, len);
	hold(inode, copy, (size_t)at, len);
}

void disk_truncate(struct inode *inode, int64_t len)
{
	hold(inode, NULL, 0, (size_t)len);
}

static void resize(struct inode *inode, size_t len)
{
	if (len > inode->len) {
		inode->bytes = must(realloc(inode->bytes, len));
		memset(inode->bytes + inode->len, 0, len - inode->len);
	}
	inode->len = len;
}

static void land(struct inode *inode, const struct held *h)
{
	if (!h->bytes) {
		resize(inode, h->len);
		return;
	}
	if (h->at + h->len > inode->len)
		resize(inode, h->at + h->len);
	memcpy(inode->bytes + h->at, h->bytes, h->len);
}

void disk_forget(struct inode *inode)
{
	while (inode->first) {
		struct held *next = inode->first->next;
		free(inode->first->bytes);
		free(inode->first);
		inode->first = next;
	}
	inode->end = &inode->first;
}

void disk_sync(struct inode *inode)
{
	for (const struct held *h = inode->first; h; h = h->next)
		land(inode, h);
	disk_forget(inode);
}

void disk_delete(const char *path)
{
	rename_to(name_of(path), NULL);
}

void disk_replace(const char *path, bool synced)
{
	struct inode *inode = inode_make();
	load(inode, path);
	if (!synced) {
		hold(inode, inode->bytes, 0, inode->len);
		inode->bytes = NULL;
		inode->len = 0;
	}
	if (!name_of(path)->live)
		abort();
	rename_to(name_of(path), inode);
}

void disk_sync_names(void)
{
	for (size_t i = 0; i < name_count; i++) {
		struct name *name = &names[i];
		while (name->first) {
			struct naming *next = name->first->next;
			name->durable = name->first->inode;
			free(name->first);
			name->first = next;
		}
		name->end = &name->first;
	}
}

/* --- the cut --- */

enum mood { MOOD_DROP, MOOD_KEEP, MOOD_SOME, MOOD_TORN, MOOD_COUNT };

/* Each sector is new, still old, or neither. */
static void land_torn(struct inode *inode, const struct held *h, uint64_t *seed)
{
	if (h->at + h->len > inode->len)
		resize(inode, h->at + h->len);
	for (size_t done = 0; done < h->len;) {
		size_t at = h->at + done;
		size_t part = SECTOR - at % SECTOR;
		if (part > h->len - done)
			part = h->len - done;
		uint64_t fate = disk_random(seed) % 8;
		if (fate < 4)
			memcpy(inode->bytes + at, h->bytes + done, part);
		for (size_t i = 0; fate == 4 && i < part; i++)
			inode->bytes[at + i] = (unsigned char)disk_random(seed);
		done += part;
	}
}

static void decide(struct inode *inode, uint64_t *seed)
{
	enum mood mood = (enum mood)(disk_random(seed) % MOOD_COUNT);
	for (const struct held *h = inode->first; h; h = h->next) {
		uint64_t fate = disk_random(seed) % 4;
		if (mood == MOOD_KEEP || (mood == MOOD_SOME && fate < 2) || (mood == MOOD_TORN && fate == 0))
			land(inode, h);
		else if (mood == MOOD_TORN && fate < 3 && h->bytes)
			land_torn(inode, h, seed);
	}
	disk_forget(inode);
}

static void put(const char *path, const struct inode *inode)
{
	if (unlink(path) != 0 && access(path, F_OK) == 0)
		abort();
	if (!inode)
		return;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || (inode->len && write(fd, inode->bytes, inode->len) != (ssize_t)inode->len))
		abort();
	(void)close(fd);
}

void disk_cut(uint64_t seed)
{
	for (size_t i = 0; i < name_count; i++) {
		struct name *name = &names[i];
		/* Of one name's changes a first part is kept: a journalling file system keeps their order. */
		for (const struct naming *n = name->first; n && disk_random(&seed) % 2; n = n->next)
			name->durable = n->inode;
		if (name->durable)
			decide(name->durable, &seed);
		put(name->path, name->durable);
	}
}
