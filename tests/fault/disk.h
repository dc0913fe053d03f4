/*
 * What a disk holds after a power cut, as a model: bytes become durable when their file is synced, names when
 * their folder is. Until then each write, truncate, creation and deletion is held, and at the cut each is
 * kept, dropped or torn at sectors of 512 bytes, by a seeded generator. One thread; a process has one disk.
 */
#ifndef TSUZUKI_TESTS_FAULT_DISK_H
#define TSUZUKI_TESTS_FAULT_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inode;

/* The file of that name. created: it was not there before; its name is held back. Never NULL: the process
 * ends when memory is short. */
struct inode *disk_open(const char *path, bool created);
void disk_write(struct inode *inode, int64_t at, const void *bytes, size_t len);
void disk_truncate(struct inode *inode, int64_t len);
/* What is held of the file becomes durable. */
void disk_sync(struct inode *inode);
/* A failed sync: the kernel forgets what it could not write, and the next sync succeeds without it. */
void disk_forget(struct inode *inode);
void disk_delete(const char *path);
/* A file that the disk did not watch took that name; its bytes are durable when it was synced. */
void disk_replace(const char *path, bool synced);
/* What is held of the folder's names becomes durable. */
void disk_sync_names(void);
/* The cut: puts into the file system what the disk holds. The process must end right after. */
void disk_cut(uint64_t seed);

/* SplitMix64. */
uint64_t disk_random(uint64_t *seed);

#endif
