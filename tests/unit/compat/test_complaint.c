/*
 * complaint: a stderr that nobody reads, and a standard input that somebody made non-blocking. Each in a child, whose
 * descriptors 0 and 2 may be spoilt.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "compat/complaint.h"

#define GUARD_S 20

static void
fill(int fd)
{
	char block[4096];
	ssize_t n;

	memset(block, 'x', sizeof(block));
	assert_int_equal(file_set_nonblocking(fd, 1), 0);
	while ((n = write(fd, block, sizeof(block))) > 0)
		;
	assert_true(n < 0 && errno == EAGAIN);
	assert_int_equal(file_set_nonblocking(fd, 0), 0);
}

static void
a_full_stderr_that_nobody_reads_holds_nobody_up(void **state)
{
	int ends[2], status;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	fill(ends[1]);
	child = fork();
	if (child == 0) {
		(void)alarm(GUARD_S);
		(void)dup2(ends[1], STDERR_FILENO);
		complaint_line("not read");
		_exit(0);
	}
	assert_true(child > 0 && waitpid(child, &status, 0) == child);
	assert_true(WIFEXITED(status));
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void
a_reader_gets_the_line_made_printable(void **state)
{
	static const char want[] = "sendmail: a b?c\n";
	char got[64] = "";
	int ends[2], status;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		(void)dup2(ends[1], STDERR_FILENO);
		complaint_line("a\nb%cc", 0x1b);
		_exit(0);
	}
	(void)close(ends[1]);
	assert_int_equal(file_read(ends[0], got, sizeof(got) - 1), sizeof(want) - 1);
	assert_string_equal(got, want);
	assert_int_equal(waitpid(child, &status, 0), child);
	(void)close(ends[0]);
}

/* The writer pauses: only who waits for more has read it all. */
static void
input_is_read_to_its_end_also_when_it_does_not_block(void **state)
{
	int ends[2], status;
	pid_t child;

	(void)state;
	assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(file_set_nonblocking(ends[0], 1), 0);
	child = fork();
	if (child == 0) {
		(void)alarm(GUARD_S);
		(void)close(ends[1]);
		(void)dup2(ends[0], STDIN_FILENO);
		(void)close(ends[0]);
		complaint_drain();
		_exit(0);
	}
	(void)close(ends[0]);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(write(ends[1], "text", 4), 4);
		(void)usleep(100000);
	}
	(void)close(ends[1]);
	assert_true(child > 0 && waitpid(child, &status, 0) == child);
	assert_true(WIFEXITED(status));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_stderr_that_nobody_reads_holds_nobody_up),
		cmocka_unit_test(a_reader_gets_the_line_made_printable),
		cmocka_unit_test(input_is_read_to_its_end_also_when_it_does_not_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
