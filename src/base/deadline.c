/*
 * deadline: moments on the monotonic clock, so that a step of the wall clock neither ends nor prolongs a wait.
 */
#include "base/deadline.h"

#include <limits.h>
#include <time.h>

int64_t
deadline_clock(void)
{
	struct timespec now;

	/* CLOCK_MONOTONIC can't fail with a valid pointer */
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct deadline
deadline_in(int64_t ms)
{
	int64_t now = deadline_clock();
	struct deadline deadline;

	if (ms < 0)
		ms = 0;
	deadline.at = ms > INT64_MAX - now ? INT64_MAX : now + ms;
	return deadline;
}

struct deadline
deadline_never(void)
{
	return (struct deadline){INT64_MAX};
}

struct deadline
deadline_earlier(struct deadline a, struct deadline b)
{
	return a.at < b.at ? a : b;
}

int
deadline_poll(struct deadline deadline)
{
	int64_t now, left;

	if (deadline.at == INT64_MAX)
		return -1;
	now = deadline_clock();
	if (now >= deadline.at)
		return 0;
	left = deadline.at - now;
	return left > INT_MAX ? INT_MAX : (int)left;
}

bool
deadline_passed(struct deadline deadline)
{
	return deadline.at != INT64_MAX && deadline_clock() >= deadline.at;
}
