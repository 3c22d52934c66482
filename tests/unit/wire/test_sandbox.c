/*
 * sandbox: what is left to a process that has entered it, and what is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wire/sandbox.h"

#define NO_SANDBOX 77

static bool
refused(long result)
{
	return result == -1 && errno == ENOSYS;
}

static bool
allowed_works(const int *pipes)
{
	struct pollfd event = {pipes[0], POLLIN, 0};
	char  octet = 'x', *memory = malloc(64UL << 20);
	bool  works = memory != NULL && write(pipes[1], &octet, 1) == 1 && poll(&event, 1, 1000) == 1 &&
	    read(pipes[0], &octet, 1) == 1 && fcntl(pipes[0], F_SETFL, O_NONBLOCK) == 0;

	if (memory != NULL)
		memset(memory, 1, 64UL << 20);
	free(memory);
	return works;
}

static int
other_is_refused(const int *pipes)
{
	char *const arguments[] = {(char[]){"/bin/true"}, NULL};
	struct sockaddr address = {.sa_family = AF_INET};
	struct msghdr message = {.msg_iov = NULL};

	if (!refused(socket(AF_INET, SOCK_STREAM, 0)) || !refused(connect(pipes[0], &address, sizeof(address))))
		return 2;
	if (!refused(open("/dev/null", O_RDONLY)) || !refused(unlink("/nowhere")))
		return 3;
	if (!refused(kill(getppid(), 0)) || !refused(fork()) || !refused(execv(arguments[0], arguments)))
		return 4;
	if (!refused(dup(pipes[0])) || !refused(fcntl(pipes[0], F_DUPFD, 0)) || !refused(fcntl(pipes[0], F_SETOWN, getpid())))
		return 5;
	if (!refused(sendmsg(pipes[0], &message, 0)))
		return 6;
	if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
		return 7;
	return 0;
}

static void
only_what_is_there_can_be_used(void **state)
{
	int pipes[2], status = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (pid == 0) {
		(void)alarm(60);
		if (sandbox_enter() != 0)
			_exit(NO_SANDBOX);
		_exit(allowed_works(pipes) ? other_is_refused(pipes) : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	(void)close(pipes[0]);
	(void)close(pipes[1]);
	assert_true(WIFEXITED(status));
	/* sanitizers and valgrind */
	if (WEXITSTATUS(status) == NO_SANDBOX)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_is_there_can_be_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
