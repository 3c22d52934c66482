/*
 * measure COUNT [--settle MS] INPUT COMMAND [ARGUMENT...]
 *
 * Runs COMMAND with INPUT on its standard input COUNT times, one after another, and prints one line:
 *
 *	wall-ms-median wall-ms-min cpu-ms rss-kb failures
 *
 * wall: until COMMAND itself ends. cpu: user and system time of COMMAND and of everything that it left behind (a runner, its
 * couriers), a run. rss: the largest of these processes. --settle: how long to wait for what was left behind after the last run.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct sums {
	double cpu_ms;
	long   rss_kb;
	int    failures;
};

static double
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void
account(struct sums *sums, const struct rusage *usage)
{
	sums->cpu_ms += (double)usage->ru_utime.tv_sec * 1e3 + (double)usage->ru_utime.tv_usec / 1e3 +
	    (double)usage->ru_stime.tv_sec * 1e3 + (double)usage->ru_stime.tv_usec / 1e3;
	if (usage->ru_maxrss > sums->rss_kb)
		sums->rss_kb = usage->ru_maxrss;
}

static double
run_once(struct sums *sums, const char *input, char **command)
{
	double begin = now_ms();
	struct rusage usage;
	int status;
	pid_t pid = fork(), gone;

	if (pid == 0) {
		int fd = open(input, O_RDONLY);

		if (fd < 0 || dup2(fd, 0) < 0)
			_exit(126);
		close(fd);
		execvp(command[0], command);
		_exit(127);
	}
	/* an orphan of an earlier run may end meanwhile */
	while ((gone = wait4(-1, &status, 0, &usage)) != pid) {
		if (gone < 0 && errno != EINTR) {
			perror("wait4");
			exit(1);
		}
		if (gone > 0)
			account(sums, &usage);
	}
	account(sums, &usage);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		sums->failures++;
	return now_ms() - begin;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int
main(int argc, char **argv)
{
	struct sums sums = {0, 0, 0};
	struct rusage usage;
	double *walls, end;
	int count, settle = 0, at = 2;

	if (argc > 4 && strcmp(argv[2], "--settle") == 0) {
		settle = (int)strtol(argv[3], NULL, 10);
		at = 4;
	}
	if (argc < at + 2 || (count = (int)strtol(argv[1], NULL, 10)) < 1) {
		fprintf(stderr, "usage: measure COUNT [--settle MS] INPUT COMMAND...\n");
		return 64;
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	walls = calloc((size_t)count, sizeof(*walls));
	if (walls == NULL)
		return 1;
	for (int i = 0; i < count; i++)
		walls[i] = run_once(&sums, argv[at], argv + at + 1);
	for (end = now_ms() + settle; now_ms() < end;) {
		pid_t gone = wait4(-1, NULL, WNOHANG, &usage);

		if (gone > 0)
			account(&sums, &usage);
		else if (gone < 0 && errno == ECHILD)
			break;
		else
			poll(NULL, 0, 5);
	}
	qsort(walls, (size_t)count, sizeof(*walls), compare);
	printf("%.2f %.2f %.2f %ld %d\n", walls[count / 2], walls[0], sums.cpu_ms / count, sums.rss_kb, sums.failures);
	free(walls);
	return 0;
}
