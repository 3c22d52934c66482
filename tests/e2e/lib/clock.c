/*
 * clock: for LD_PRELOAD: the wall clock goes wrong by as many seconds as the file $CLOCK_FILE says at that moment. What measures how long something
 * takes is left alone, as it is when somebody sets the clock.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static time_t
clock_wrong(void)
{
	const char *file = getenv("CLOCK_FILE");
	int fd = file != NULL ? open(file, O_RDONLY | O_CLOEXEC) : -1;
	char text[32];
	ssize_t n;

	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	return (time_t)strtoll(text, NULL, 10);
}

int
clock_gettime(clockid_t id, struct timespec *now)
{
	int result = (int)syscall(SYS_clock_gettime, id, now);

	if (result == 0 && id == CLOCK_REALTIME)
		now->tv_sec += clock_wrong();
	return result;
}

time_t
time(time_t *where)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (where != NULL)
		*where = now.tv_sec;
	return now.tv_sec;
}

int
gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec precise;

	(void)zone;
	(void)clock_gettime(CLOCK_REALTIME, &precise);
	now->tv_sec = precise.tv_sec;
	now->tv_usec = precise.tv_nsec / 1000;
	return 0;
}
