/* Whole reads and writes, caps, and what a process has open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

static void
what_is_written_is_read(void **state)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	char data[16];

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(file_write(fd, "hello world", 11), 0);
	assert_int_equal(file_pwrite(fd, "HELLO", 5, 0), 0);
	assert_int_equal(file_pread(fd, data, 5, 6), 5);
	assert_memory_equal(data, "world", 5);
	assert_int_equal(file_pread(fd, data, sizeof(data), 6), 5);
	assert_true(lseek(fd, 0, SEEK_SET) == 0);
	assert_int_equal(file_read(fd, data, sizeof(data)), 11);
	assert_memory_equal(data, "HELLO world", 11);
	assert_int_equal(file_read(fd, data, 1), 0);
	(void)close(fd);
	assert_int_equal(file_write(fd, "x", 1), -1);
	assert_int_equal(file_read(fd, data, 1), -1);
}

static void
a_pipe_is_read_to_the_full_count(void **state)
{
	int ends[2];
	pid_t child;
	char data[9];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		for (int i = 0; i < 3; i++)
			if (file_write(ends[1], "abc", 3) != 0 || usleep(1000) != 0)
				_exit(1);
		_exit(0);
	}
	(void)close(ends[1]);
	assert_int_equal(file_read(ends[0], data, sizeof(data)), 9);
	assert_memory_equal(data, "abcabcabc", 9);
	(void)close(ends[0]);
	assert_true(waitpid(child, NULL, 0) == child);
}

static void
slurping_stops_at_the_cap(void **state)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	size_t length = 0;
	char *text;

	(void)state;
	assert_int_equal(file_write(fd, "ab\0cd", 5), 0);
	assert_true(lseek(fd, 0, SEEK_SET) == 0);
	text = file_slurp(fd, 5, &length);
	assert_non_null(text);
	assert_int_equal(length, 5);
	assert_memory_equal(text, "ab\0cd", 6);
	free(text);
	assert_true(lseek(fd, 0, SEEK_SET) == 0);
	assert_null(file_slurp(fd, 4, NULL));
	assert_int_equal(errno, EFBIG);
	assert_true(lseek(fd, 0, SEEK_END) == 5);
	text = file_slurp(fd, 0, &length);
	assert_string_equal(text, "");
	assert_int_equal(length, 0);
	free(text);
	(void)close(fd);
	assert_null(file_slurp(fd, 9, NULL));
	assert_int_equal(errno, EBADF);
}

static void
flags_are_set_and_cleared(void **state)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(file_set_nonblocking(fd, 1), 0);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(file_set_nonblocking(fd, 0), 0);
	assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(file_set_cloexec(fd, 0), 0);
	assert_false(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(file_set_cloexec(fd, 1), 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	(void)close(fd);
	assert_int_equal(file_set_cloexec(fd, 1), -1);
	assert_int_equal(file_set_nonblocking(fd, 1), -1);
}

static void
descriptors_are_closed_and_the_standard_ones_there(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0) {
		int fd = fcntl(STDIN_FILENO, F_DUPFD, 50);
		struct stat null, have;

		file_close_from(3);
		if (fd < 50 || fcntl(fd, F_GETFD) >= 0)
			_exit(1);
		file_close_from(0);
		if (file_ensure_standard() != 0 || stat("/dev/null", &null) != 0)
			_exit(2);
		for (fd = 0; fd < 3; fd++)
			if (fstat(fd, &have) != 0 || have.st_rdev != null.st_rdev)
				_exit(3);
		_exit(fcntl(3, F_GETFD) >= 0 ? 4 : 0);
	}
	assert_true(child > 0 && waitpid(child, &status, 0) == child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* As on kernels before 5.9: the system call is not there. */
static int
forbid_close_range(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static void
an_old_kernel_closes_also_what_is_above_the_limit(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0) {
		struct rlimit low = {64, 64};
		int high = fcntl(STDIN_FILENO, F_DUPFD, 200), other = fcntl(STDIN_FILENO, F_DUPFD, 10);

		/* the hard one can't be changed under valgrind */
		if (getrlimit(RLIMIT_NOFILE, &low) != 0)
			_exit(5);
		low.rlim_cur = 64;
		if (high < 200 || other < 10 || setrlimit(RLIMIT_NOFILE, &low) != 0 || forbid_close_range() != 0)
			_exit(1);
		if (close_range(1000, 1001, 0) == 0)
			_exit(2);
		file_close_from(3);
		_exit(fcntl(high, F_GETFD) >= 0 || fcntl(other, F_GETFD) >= 0 ? 3 : fcntl(2, F_GETFD) < 0 ? 4 : 0);
	}
	assert_true(child > 0 && waitpid(child, &status, 0) == child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(a_pipe_is_read_to_the_full_count),
		cmocka_unit_test(slurping_stops_at_the_cap),
		cmocka_unit_test(flags_are_set_and_cleared),
		cmocka_unit_test(descriptors_are_closed_and_the_standard_ones_there),
		cmocka_unit_test(an_old_kernel_closes_also_what_is_above_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
