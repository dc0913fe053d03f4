#include "sync/settle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sync/base/buf.h"

enum { PIECE = 65536, ONE_PAGE = 4096, PATH_CAP = 4096 };

static enum err failure(void)
{
	return errno == ENOSPC || errno == EDQUOT ? ERR_DISK_FULL : ERR_IO;
}

/* `in` into `out`, byte by byte at the same places, and onto the disk. They may be the same file. */
static enum err copy_synced(int in, int out, int64_t len)
{
	unsigned char *piece = malloc(PIECE);
	enum err err = piece ? ERR_OK : ERR_NOMEM;
	for (int64_t at = 0; at < len && !err;) {
		ssize_t n = pread(in, piece, PIECE, at);
		for (ssize_t done = 0; done < n && !err;) {
			ssize_t written = pwrite(out, piece + done, (size_t)(n - done), at + done);
			if (written <= 0)
				err = failure();
			else
				done += written;
		}
		if (n <= 0)
			err = ERR_IO;
		at += n;
	}
	if (!err && fsync(out) != 0)
		err = failure();
	free(piece);
	return err;
}

static enum err sync_folder(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum err err = fd < 0 || fsync(fd) != 0 ? ERR_IO : ERR_OK;
	if (fd >= 0)
		(void)close(fd);
	return err;
}

/* As it was. Only what differs is asked for: a sandbox may forbid chown altogether, also one that changes
 * nothing. */
static enum err keep_owner(int fd, const struct stat *was)
{
	struct stat is;
	if (fstat(fd, &is) != 0)
		return ERR_IO;
	bool same = is.st_uid == was->st_uid && is.st_gid == was->st_gid;
	if (!same && fchown(fd, was->st_uid, was->st_gid) != 0)
		return ERR_IO;
	return fchmod(fd, was->st_mode & 0777) == 0 ? ERR_OK : ERR_IO;
}

/* Under a name of its own first: what is durable already is never touched. */
static enum err replace(int in, const struct stat *st, const char *dir, const char *path)
{
	struct buf copy = buf_make(PATH_CAP);
	buf_fmt(&copy, "%s.settled", path);
	int out = buf_ok(&copy) ? open(copy.ptr, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)
				: -1;
	enum err err = out < 0 ? failure() : ERR_OK;
	if (!err)
		err = keep_owner(out, st);
	if (!err)
		err = copy_synced(in, out, st->st_size);
	if (out >= 0 && close(out) != 0 && !err)
		err = failure();
	if (!err && rename(copy.ptr, path) != 0)
		err = failure();
	if (!err)
		err = sync_folder(dir);
	else if (out >= 0)
		(void)unlink(copy.ptr);
	buf_free(&copy);
	return err;
}

/* When it is there, not empty and has at most `most` bytes. */
static enum err settle_file(const char *dir, const char *name, int64_t most)
{
	struct stat st;
	struct buf path = buf_make(PATH_CAP);
	buf_fmt(&path, "%s/%s", dir, name);
	int fd = buf_ok(&path) ? open(path.ptr, O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
	enum err err = ERR_OK;
	if (fd < 0)
		err = !buf_ok(&path) ? ERR_NOMEM : errno == ENOENT || errno == ELOOP ? ERR_OK : ERR_IO;
	else if (fstat(fd, &st) != 0)
		err = ERR_IO;
	else if (S_ISREG(st.st_mode) && st.st_size > 0 && st.st_size <= most) {
		err = replace(fd, &st, dir, path.ptr);
		if (err == ERR_DISK_FULL)
			err = copy_synced(fd, fd, st.st_size);
	}
	if (fd >= 0)
		(void)close(fd);
	buf_free(&path);
	return err;
}

enum err settle_database(const char *dir)
{
	enum err err = settle_file(dir, "tsuzuki.db-wal", INT64_MAX);
	return err ? err : settle_file(dir, "tsuzuki.db", ONE_PAGE);
}
