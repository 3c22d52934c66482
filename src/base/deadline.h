/*
 * deadline: an absolute moment on the monotonic clock. Each wait computes what is left of the nearest one.
 * Milliseconds throughout. Cannot fail.
 */
#ifndef MAILCRANE_DEADLINE_H
#define MAILCRANE_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

struct deadline {
	int64_t at;		/* CLOCK_MONOTONIC in ms; INT64_MAX is never */
};

/* Now, in ms on CLOCK_MONOTONIC. */
int64_t deadline_clock(void);

/* The moment `ms` from now (negative counts as 0; saturates). */
struct deadline deadline_in(int64_t ms);

/* A moment that never comes. */
struct deadline deadline_never(void);

/* The earlier of two. */
struct deadline deadline_earlier(struct deadline a, struct deadline b);

/* What is left, as poll() wants it: 0 when passed, -1 for never, at most INT_MAX. Rounded up, so that a
 * poll() that times out has really reached it. */
int deadline_poll(struct deadline deadline);

bool deadline_passed(struct deadline deadline);

#endif
