/*
 * inherit: what a caller left to us. Each in a child, since it changes the process.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "compat/inherit.h"

static int
status_of(int (*look)(void))
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		(void)alarm(20);
		_exit(look());
	}
	assert_true(child > 0 && waitpid(child, &status, 0) == child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* A child of ours may outlive the call by long when the disk hangs: it must not keep a server's socket. */
static int
look_at_descriptors(void)
{
	int fd = fcntl(STDIN_FILENO, F_DUPFD, 50);

	(void)close(STDOUT_FILENO);
	if (fd < 50)
		return 1;
	(void)inherit_take_over();
	if (fcntl(fd, F_GETFD) >= 0)
		return 2;
	return fcntl(STDOUT_FILENO, F_GETFD) < 0 ? 3 : 0;
}

static int
look_at_signals(void)
{
	struct sigaction action;
	sigset_t all, mask;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, NULL);
	(void)signal(SIGCHLD, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)inherit_take_over();
	(void)sigprocmask(SIG_BLOCK, NULL, &mask);
	for (int number = 1; number < SIGRTMIN; number++)
		if (sigismember(&mask, number) == 1)
			return 1;
	if (sigaction(SIGCHLD, NULL, &action) != 0 || action.sa_handler != SIG_DFL)
		return 2;
	if (sigaction(SIGTERM, NULL, &action) != 0 || action.sa_handler != SIG_DFL)
		return 3;
	/* nohup */
	if (sigaction(SIGHUP, NULL, &action) != 0 || action.sa_handler != SIG_IGN)
		return 4;
	return sigaction(SIGPIPE, NULL, &action) != 0 || action.sa_handler != SIG_IGN ? 5 : 0;
}

/* They go on over an exec, and the signals of all three end a process. */
static int
look_at_timers(void)
{
	static const int which[] = {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF};
	const struct itimerval hour = {.it_value = {.tv_sec = 3600}};
	struct itimerval left;

	for (size_t i = 0; i < 3; i++)
		if (setitimer(which[i], &hour, NULL) != 0)
			return 1;
	(void)inherit_take_over();
	for (size_t i = 0; i < 3; i++)
		if (getitimer(which[i], &left) != 0 || left.it_value.tv_sec != 0)
			return 2 + (int)i;
	return 0;
}

static int
look_at_dumps_and_limits(void)
{
	struct rlimit limit = {4096, RLIM_INFINITY};

	(void)getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = 4096;
	if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
		return 1;
	(void)inherit_take_over();
	if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur != limit.rlim_max)
		return 2;
	if (getrlimit(RLIMIT_CORE, &limit) != 0 || limit.rlim_max != 0)
		return 3;
#ifndef __SANITIZE_ADDRESS__
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return 4;
#endif
	return 0;
}

static void
no_descriptor_is_kept_but_the_standard_ones(void **state)
{
	(void)state;
	assert_int_equal(status_of(look_at_descriptors), 0);
}

static void
signals_are_as_at_login_but_for_nohup(void **state)
{
	(void)state;
	assert_int_equal(status_of(look_at_signals), 0);
}

static void
no_timer_runs_on(void **state)
{
	(void)state;
	assert_int_equal(status_of(look_at_timers), 0);
}

static void
no_core_and_no_soft_limit(void **state)
{
	(void)state;
	assert_int_equal(status_of(look_at_dumps_and_limits), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_descriptor_is_kept_but_the_standard_ones),
		cmocka_unit_test(signals_are_as_at_login_but_for_nohup),
		cmocka_unit_test(no_timer_runs_on),
		cmocka_unit_test(no_core_and_no_soft_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
