/*
 * scenario: what is run under the stepper, and what must have become of the message when all is over. The table stands in scenario.c; a further
 * one is a further row.
 */
#ifndef TEST_SCENARIO_H
#define TEST_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "place.h"
#include "stepper.h"

enum scenario_start { START_NOTHING, START_QUEUED, START_DEFERRED };

enum scenario_end {
	END_DELIVERED,	/* by the relay's 250 */
	END_REFUSED,	/* in failed/; the relay has nothing */
	END_BOTH,	/* delivered to one, in failed/ for the other */
	END_DEFERRED	/* in the queue as before, for another day */
};

#define SCENARIO_QUICK    1U	/* without --all as well */
#define SCENARIO_EACH     2U	/* with --all: killed at each call, not at those alone that change or learn something; behind it and together, too */
#define SCENARIO_LOADER   4U	/* and at what the loader does */
#define SCENARIO_NO_SPOOL 8U	/* the directories in the spool are missing */

struct scenario {
	const char          *name;
	const char          *delivery, *runner;	/* settings */
	const char          *wait;		/* the caller's patience, which it spends where the runner is killed */
	enum scenario_start  start;		/* what is in the queue before */
	const char          *recipients;	/* blanks between; the relay refuses bad@... and puts off later@... */
	const char          *program;		/* what is run: "sendmail", "dialogue" (sendmail -bs), "flush", "run" */
	unsigned             size;		/* octets of body; 0: a line */
	enum scenario_end    end;
	unsigned             roles;		/* who is killed or sees calls fail */
	unsigned             flags;
};

extern const struct scenario scenarios[];	/* the last one has no name */

struct scenario_run {
	unsigned              number;		/* of the message */
	long                  violations;	/* that the relay had seen before */
	struct stepper_result stepped;
	bool                  is_answered;	/* exit code 0, or 250: it is promised */
	int                   code;		/* exit code; -1: killed */
	struct place_sight    sight;		/* when nothing of it runs any more */
	bool                  was_marked;
	unsigned              copies, failed;	/* in the end */
};

bool scenario_has(const struct scenario *scenario, unsigned flag);
/* Settings for it. */
void scenario_prepare(const struct scenario *scenario, struct place *place);
/* A fresh spool, the message if there is one, and the program under the plan. What it wrote is in `out` and `err`. -1: it could not be run. */
int scenario_run(const struct scenario *scenario, struct place *place, const struct stepper_plan *plan, struct scenario_run *run);
/* Then: restart and flush, and look what became of the message. NULL: what is promised was kept; else what is wrong. */
const char *scenario_settle(const struct scenario *scenario, struct place *place, struct scenario_run *run);
/* How many copies there may be. */
unsigned scenario_most(const struct scenario *scenario, const struct scenario_run *run);

#endif
