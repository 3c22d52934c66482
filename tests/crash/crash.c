/*
 * crash: each program is killed at each of its system calls, has each of them fail, and is watched for what it syncs before it promises.
 * README.md says what is checked.
 *
 *	crash kill|fail|order|damage DIRECTORY [--all] [--share I/N] [--only SCENARIO]
 *
 * DIRECTORY has a running relay in `relay/`. The last line is "NAME: N passed, N failed" and counts of its own before it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "checks.h"

static void
crash_option(struct checks *checks, int argc, char **argv, int i)
{
	if (strcmp(argv[i], "--all") == 0)
		checks->all = true;
	if (strcmp(argv[i], "--share") == 0 && i + 1 < argc &&
	    (sscanf(argv[i + 1], "%u/%u", &checks->share, &checks->shares) != 2 || checks->shares == 0))
		exit(2);
	if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
		checks->only = argv[i + 1];
	if (strcmp(argv[i], "--every") == 0 && i + 1 < argc)
		checks->every = (unsigned)strtoul(argv[i + 1], NULL, 10);
}

int
main(int argc, char **argv)
{
	struct checks checks = {.shares = 1, .every = 1};
	const char *build = getenv("BUILD");

	if (argc < 3 || build == NULL)
		return 2;
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	(void)signal(SIGPIPE, SIG_IGN);
	for (int i = 3; i < argc; i++)
		crash_option(&checks, argc, argv, i);
	place_open(&checks.place, argv[2], build);
	checks.what = argv[1];
	if (strcmp(argv[1], "kill") == 0)
		check_kill(&checks);
	else if (strcmp(argv[1], "fail") == 0)
		check_fail(&checks);
	else if (strcmp(argv[1], "order") == 0)
		check_order(&checks);
	else if (strcmp(argv[1], "damage") == 0)
		check_damage(&checks);
	else
		return 2;
	place_close(&checks.place);
	printf("%s: %lu passed, %lu failed\n", checks.what, checks.passed, checks.failed);
	return checks.failed == 0 ? 0 : 1;
}
