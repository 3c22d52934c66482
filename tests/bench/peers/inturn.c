/*
 * inturn COUNT PAUSE-MS PLAN
 *
 * Runs each line of PLAN, "NAME INPUT COMMAND ARGUMENT...", once with the file INPUT on its standard input, then PAUSE-MS later the next one,
 * and all of it COUNT times, so that whatever the machine does meanwhile meets all alike. Prints, for each line,
 *
 *	NAME wall-ms-median wall-ms-least wall-ms-90% cpu-ms failures
 *
 * wall: from the fork until COMMAND itself ends. cpu: user and system time of COMMAND alone, a run.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINES 32
#define WORDS 32

struct line {
	char   text[1024];
	char  *words[WORDS + 1];	/* name, input, command... */
	double *walls, cpu;
	int     failures;
};

static double
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static double
run(struct line *line)
{
	double begin = now_ms();
	struct rusage usage;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int fd = open(line->words[1], O_RDONLY);

		if (fd < 0 || dup2(fd, 0) < 0)
			_exit(126);
		close(fd);
		execv(line->words[2], line->words + 2);
		_exit(127);
	}
	while (wait4(pid, &status, 0, &usage) < 0)
		if (errno != EINTR) {
			perror("wait4");
			exit(1);
		}
	begin = now_ms() - begin;
	line->cpu += (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
	    (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
	line->failures += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	return begin;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int
read_plan(const char *path, struct line *lines, int count)
{
	FILE *file = fopen(path, "r");
	int n = 0;

	while (file != NULL && n < LINES && fgets(lines[n].text, sizeof(lines[n].text), file) != NULL) {
		struct line *line = &lines[n];
		int words = 0;

		for (char *word = strtok(line->text, " \n"); word != NULL && words < WORDS; word = strtok(NULL, " \n"))
			line->words[words++] = word;
		line->walls = calloc((size_t)count, sizeof(double));
		if (words < 3 || line->walls == NULL)
			return 0;
		n++;
	}
	if (file != NULL)
		fclose(file);
	return n;
}

int
main(int argc, char **argv)
{
	static struct line lines[LINES];
	int count, pause, n;

	if (argc != 4 || (count = (int)strtol(argv[1], NULL, 10)) < 1 || (n = read_plan(argv[3], lines, count)) == 0) {
		fprintf(stderr, "usage: inturn COUNT PAUSE-MS PLAN\n");
		return 64;
	}
	pause = (int)strtol(argv[2], NULL, 10);
	for (int i = 0; i < count; i++)
		for (int j = 0; j < n; j++) {
			lines[j].walls[i] = run(&lines[j]);
			if (pause > 0)
				poll(NULL, 0, pause);
		}
	for (int j = 0; j < n; j++) {
		qsort(lines[j].walls, (size_t)count, sizeof(double), compare);
		printf("%s %.2f %.2f %.2f %.2f %d\n", lines[j].words[0], lines[j].walls[count / 2], lines[j].walls[0],
		    lines[j].walls[count * 9 / 10], lines[j].cpu / count, lines[j].failures);
	}
	return 0;
}
