/*
 * A runner never waits for a courier without end, and a courier keeps no idle connection without end. The couriers here are other
 * ones: they hang, or have one end of a socketpair for a connection.
 */
#include "../spool/support.h"

#include <sys/syscall.h>

#define CREW_IDLE_MS 50
#include "delivery/crew.c"

static int connection = -1;	/* the courier's; -1: one that hangs */

/* Comes before the C library's: SIGKILL does not reach a process that hangs with the disk. */
int
kill(pid_t pid, int number)
{
	(void)pid;
	(void)number;
	return 0;
}

struct courier *
courier_new(const char *config_file, bool secure, struct spool *spool, int report)
{
	(void)report;
	(void)config_file;
	(void)secure;
	(void)spool;
	while (connection < 0)
		(void)pause();
	return NULL;
}

void
courier_serve(struct courier *courier, const struct courier_job *job, struct courier_answer *answer)
{
	(void)courier;
	(void)job;
	(void)answer;
}

size_t
courier_idle_fds(const struct courier *courier, int fds[CONFIG_RELAYS_MAX])
{
	(void)courier;
	fds[0] = connection;
	return connection >= 0 ? 1 : 0;
}

void
courier_idle_check(struct courier *courier)
{
	(void)courier;
}

void
courier_idle_end(struct courier *courier)
{
	(void)courier;
	(void)close(connection);
	connection = -1;
}

void
courier_free(struct courier *courier)
{
	(void)courier;
}

static void
courier_that_can_not_be_killed_is_left_behind(void **state)
{
	const struct support *support = *state;
	struct crew *crew = crew_new("", false, support->spool, NULL);
	int64_t began = deadline_clock();
	pid_t pid;

	assert_non_null(crew);
	pid = crew->pid;
	crew_free(crew);
	assert_true(deadline_clock() - began < 10000);
	/* and taken off the list of processes when it has ended at last */
	assert_int_equal(syscall(SYS_kill, pid, SIGKILL), 0);
	for (int i = 0; i < 1000; i++) {
		siginfo_t info = {.si_pid = 0};

		if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid)
			break;
		assert_true(i < 999);
		(void)usleep(10000);
	}
	crew = crew_new("", false, support->spool, NULL);
	assert_non_null(crew);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
	pid = crew->pid;
	assert_int_equal(syscall(SYS_kill, pid, SIGKILL), 0);
	crew_free(crew);
}

static void
courier_that_takes_no_job_is_an_error(void **state)
{
	const struct support *support = *state;
	struct crew *crew = crew_new("", false, support->spool, NULL);
	struct courier_job job = {.pass = 1};
	int given = 0;

	assert_non_null(crew);
	while (given < 1000000 && crew_give(crew, &job) == 0)
		given++;
	assert_in_range(given, 1, 999999);
	assert_int_equal(syscall(SYS_kill, crew->pid, SIGKILL), 0);
	crew_free(crew);
}

static void
idle_connection_is_closed_after_a_while(void **state)
{
	const struct support *support = *state;
	struct pollfd relay = {.events = POLLIN};
	struct crew *crew;
	char octet;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	connection = pair[1];
	crew = crew_new("", false, support->spool, NULL);
	assert_non_null(crew);
	(void)close(pair[1]);
	connection = -1;
	relay.fd = pair[0];
	assert_int_equal(poll(&relay, 1, 10000), 1);
	assert_int_equal(read(pair[0], &octet, 1), 0);
	/* the courier itself is still there */
	assert_int_equal(waitpid(crew->pid, NULL, WNOHANG), 0);
	(void)close(pair[0]);
	crew_free(crew);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SUPPORT_TEST(courier_that_can_not_be_killed_is_left_behind),
		SUPPORT_TEST(courier_that_takes_no_job_is_an_error),
		SUPPORT_TEST(idle_connection_is_closed_after_a_while),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
