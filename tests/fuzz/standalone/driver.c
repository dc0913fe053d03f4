/*
 * Runs a fuzz target over every file of the folders (or the files) that the command line names, without a
 * fuzzing engine. Prints TAP; a corpus that is missing or empty is a failure, so that no target goes
 * unexercised.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LARGEST_INPUT = 16 * 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

static unsigned replayed;

/* The bytes lie in a block of exactly their size, so that the address sanitizer sees a read past them. */
static int replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	if (file == NULL) {
		printf("Bail out! %s: %s\n", path, strerror(errno));
		return -1;
	}
	struct stat about;
	uint8_t *data = NULL;
	int result = -1;
	if (fstat(fileno(file), &about) != 0 || about.st_size > LARGEST_INPUT)
		goto out;
	size_t size = (size_t)about.st_size;
	data = malloc(size > 0 ? size : 1);
	if (data == NULL || fread(data, 1, size, file) != size)
		goto out;
	if (size == 0) {
		free(data);
		data = NULL;
	}
	(void)LLVMFuzzerTestOneInput(data, size);
	printf("ok %u - %s\n", ++replayed, path);
	(void)fflush(stdout);
	result = 0;
out:
	if (result != 0)
		printf("Bail out! %s cannot be read\n", path);
	free(data);
	(void)fclose(file);
	return result;
}

static int replay_folder(const char *path)
{
	struct dirent **entries;
	int count = scandir(path, &entries, NULL, alphasort);
	if (count < 0) {
		printf("Bail out! %s: %s\n", path, strerror(errno));
		return -1;
	}
	int result = 0;
	for (int i = 0; i < count; i++) {
		char name[4096];
		int len = snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.' &&
			(len < 0 || (size_t)len >= sizeof name || replay_file(name) != 0))
			result = -1;
		free(entries[i]);
	}
	free(entries);
	return result;
}

int main(int argc, char **argv)
{
	if (LLVMFuzzerInitialize != NULL && LLVMFuzzerInitialize(&argc, &argv) != 0)
		return 1;
	int result = 0;
	for (int i = 1; i < argc; i++) {
		struct stat about;
		int folder = stat(argv[i], &about) == 0 && S_ISDIR(about.st_mode);
		if ((folder ? replay_folder(argv[i]) : replay_file(argv[i])) != 0)
			result = 1;
	}
	printf("1..%u\n", replayed);
	return result != 0 || replayed == 0;
}
