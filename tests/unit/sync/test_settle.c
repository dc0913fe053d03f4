/* What settle_database() leaves: the same bytes in files of their own, also where chown is forbidden. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "sync/settle.h"

static unsigned chowns;

int __wrap_fchown(int fd, uid_t uid, gid_t gid);

/* As under the filter of the packaged unit. */
int __wrap_fchown(int fd, uid_t uid, gid_t gid)
{
	(void)fd;
	(void)uid;
	(void)gid;
	chowns++;
	errno = EPERM;
	return -1;
}

static ino_t make(const char *path, const char *text, mode_t mode)
{
	struct stat st;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(close(fd), 0);
	return st.st_ino;
}

static void test_replaced_by_the_same(void **state)
{
	(void)state;
	char bytes[16] = {0};
	struct stat st;
	ino_t was = make("tsuzuki.db-wal", "frames", 0640);
	assert_int_equal(settle_database("."), ERR_OK);
	int fd = open("tsuzuki.db-wal", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, bytes, sizeof bytes), 6);
	assert_string_equal(bytes, "frames");
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(close(fd), 0);
	assert_true(st.st_ino != was);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(chowns, 0);
	assert_int_equal(unlink("tsuzuki.db-wal"), 0);
}

static void test_an_owner_that_cannot_be_kept(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	make("tsuzuki.db-wal", "frames", 0600);
	assert_int_equal(lchown("tsuzuki.db-wal", 12345, 12345), 0);
	assert_int_equal(settle_database("."), ERR_IO);
	assert_int_equal(chowns, 1);
	assert_int_equal(access("tsuzuki.db-wal.settled", F_OK), -1);
	assert_int_equal(unlink("tsuzuki.db-wal"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replaced_by_the_same),
		cmocka_unit_test(test_an_owner_that_cannot_be_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
