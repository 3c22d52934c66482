/*
 * checks: what the four kinds of check have in common.
 */
#ifndef TEST_CHECKS_H
#define TEST_CHECKS_H

#include "scenario.h"

struct checks {
	struct place  place;
	const char   *what, *only;	/* only: name of a scenario, or NULL */
	bool          all;		/* not the quick ones alone */
	unsigned      share, shares, every;	/* of the points, those with number % shares == share; each `every`th of them */
	unsigned long passed, failed;
};

void check_kill(struct checks *checks);
void check_fail(struct checks *checks);
void check_order(struct checks *checks);
void check_damage(struct checks *checks);

bool check_is_asked(const struct checks *checks, const struct scenario *scenario);
/* Counts a failure and says it. */
void check_failed(struct checks *checks, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The calls that change something which another process, the disk or the relay could see; `all`: and those that hear of it. */
const bool *check_effects(bool all);
bool check_is_verbose(void);

#endif
