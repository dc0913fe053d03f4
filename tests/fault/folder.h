/* Folders that hold one run's files. Every call ends the process when the file system refuses. */
#ifndef TSUZUKI_TESTS_FAULT_FOLDER_H
#define TSUZUKI_TESTS_FAULT_FOLDER_H

#include "tests/fault/script.h"

/* A folder of this process's own, in memory where there is such a file system. */
void folder_base(char out[DIR_MAX]);
/* Makes it, or empties it of files and of backups/. */
void folder_empty(const char *dir);
void folder_copy(const char *from, const char *to);
void folder_remove(const char *dir);

#endif
