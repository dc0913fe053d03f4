#include "tests/fault/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 2 * DIR_MAX };

static void must(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	abort();
}

void folder_base(char out[DIR_MAX])
{
	const char *wanted = getenv("TSUZUKI_FAULT_DIR");
	const char *fallback = getenv("TMPDIR");
	if (!wanted)
		wanted = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : fallback ? fallback : "/tmp";
	int len = snprintf(out, DIR_MAX, "%s/tsuzuki-fault-XXXXXX", wanted);
	must(len > 0 && len < DIR_MAX - 32 && mkdtemp(out), "mkdtemp");
}

static void join(char out[PATH_BYTES], const char *dir, const char *name)
{
	must(snprintf(out, PATH_BYTES, "%s/%s", dir, name) < PATH_BYTES, "path");
}

static void remove_files(const char *dir)
{
	char path[PATH_BYTES];
	DIR *d = opendir(dir);
	must(d != NULL, dir);
	for (const struct dirent *entry = readdir(d); entry; entry = readdir(d)) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		join(path, dir, entry->d_name);
		if (strcmp(entry->d_name, "backups") == 0) {
			remove_files(path);
			must(rmdir(path) == 0, path);
		} else {
			must(unlink(path) == 0, path);
		}
	}
	(void)closedir(d);
}

void folder_empty(const char *dir)
{
	if (mkdir(dir, 0700) != 0)
		remove_files(dir);
}

static void copy_file(const char *from, const char *to)
{
	char bytes[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	must(in >= 0 && out >= 0, to);
	for (ssize_t n = read(in, bytes, sizeof bytes); n > 0; n = read(in, bytes, sizeof bytes))
		must(write(out, bytes, (size_t)n) == n, to);
	(void)close(in);
	(void)close(out);
}

void folder_copy(const char *from, const char *to)
{
	char source[PATH_BYTES];
	char target[PATH_BYTES];
	folder_empty(to);
	DIR *d = opendir(from);
	must(d != NULL, from);
	for (const struct dirent *entry = readdir(d); entry; entry = readdir(d)) {
		struct stat st;
		join(source, from, entry->d_name);
		join(target, to, entry->d_name);
		if (stat(source, &st) == 0 && S_ISREG(st.st_mode))
			copy_file(source, target);
	}
	(void)closedir(d);
}

void folder_remove(const char *dir)
{
	remove_files(dir);
	must(rmdir(dir) == 0, dir);
}
