/*
 * check_kill: killed at the Nth call, for each N, before it and, where the call changes something, behind it. What is alone and what was
 * killed with all the others (a reboot) are two things.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "checks.h"

static const struct kill_mode {
	const char       *name;
	enum stepper_mode mode;
	bool              everything, every_call;	/* every_call: with --all */
} kill_modes[] = {
	{"before", STEPPER_KILL_BEFORE, false, true},
	{"after", STEPPER_KILL_AFTER, false, false},
	{"everything before", STEPPER_KILL_BEFORE, true, false},
};

struct kill_count {
	unsigned long points, sent, marked;
};

bool
check_is_asked(const struct checks *checks, const struct scenario *scenario)
{
	if (checks->only != NULL)
		return strcmp(checks->only, scenario->name) == 0;
	return checks->all || scenario_has(scenario, SCENARIO_QUICK);
}

bool
check_is_verbose(void)
{
	return getenv("CRASH_VERBOSE") != NULL;
}

void
check_failed(struct checks *checks, const char *format, ...)
{
	va_list arguments;

	checks->failed++;
	if (checks->failed > 40)
		return;
	printf("FAIL %s: ", checks->what);
	va_start(arguments, format);
	(void)vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
}

const bool *
check_effects(bool all)
{
	static const char *const names[] = {"write", "pwrite64", "writev", "fsync", "fdatasync", "ftruncate", "unlinkat", "unlink", "mkdirat",
	    "mkdir", "mknodat", "renameat2", "renameat", "rename", "linkat", "fchmod", "flock", "clone", "clone3", "fork", "vfork", "execve",
	    "exit_group", "kill", "connect", "sendto", "sendmsg", "shutdown", "recvfrom", "recvmsg"};
	static bool effects[STEPPER_CALLS];
	const size_t count = sizeof(names) / sizeof(names[0]);

	for (size_t i = 0; i < count; i++) {
		long number = stepper_number(names[i]);

		/* what comes from the relay changes what we know: many calls, in which not much happens */
		if (!all && i >= count - 2)
			break;
		if (number >= 0 && number < STEPPER_CALLS)
			effects[number] = true;
	}
	return effects;
}

static int64_t
kill_clock(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* true when the call was reached. */
static bool
kill_at(struct checks *checks, const struct scenario *scenario, const struct kill_mode *mode, const struct stepper_plan *plan,
    struct kill_count *count)
{
	struct scenario_run run;
	int64_t began = kill_clock(), middle;
	const char *wrong;

	if (scenario_run(scenario, &checks->place, plan, &run) != 0) {
		check_failed(checks, "%s: can't be run", scenario->name);
		return false;
	}
	if (!run.stepped.reached && !run.stepped.hung)
		return false;
	middle = kill_clock();
	wrong = scenario_settle(scenario, &checks->place, &run);
	count->points++;
	count->marked += run.was_marked ? 1 : 0;
	count->sent += run.copies > 1 ? 1 : 0;
	if (check_is_verbose())
		printf("  %s, %s killed %s call %lu (%s %s): %u copies, %s; %lld + %lld ms\n", scenario->name,
		    stepper_role(run.stepped.role), mode->name, plan->nth, stepper_name(run.stepped.number), run.stepped.path, run.copies, run.was_marked ? "marked" : "not marked",
		    (long long)(middle - began), (long long)(kill_clock() - middle));
	if (wrong == NULL)
		checks->passed++;
	else
		check_failed(checks, "%s, %s killed %s call %lu (%s %s): %s (exit %d, %u copies, %s)", scenario->name,
		    stepper_role(run.stepped.role), mode->name, plan->nth, stepper_name(run.stepped.number), run.stepped.path, wrong,
		    run.code, run.copies, run.was_marked ? "marked" : "not marked");
	return true;
}

static void
kill_role(struct checks *checks, const struct scenario *scenario, unsigned role, const struct kill_mode *mode, struct kill_count *count)
{
	bool every_call = checks->all && mode->every_call && scenario_has(scenario, SCENARIO_EACH);
	struct stepper_plan plan = {.mode = mode->mode, .roles = role, .everything = mode->everything,
	    .late = !(checks->all && scenario_has(scenario, SCENARIO_LOADER)), .wanted = every_call ? NULL : check_effects(checks->all)};
	unsigned missed = 0;

	/* how often something is polled for differs a little from run to run */
	for (plan.nth = 1; missed < 2; plan.nth++) {
		if (plan.nth / checks->every % checks->shares != checks->share || plan.nth % checks->every != 0)
			continue;
		missed = kill_at(checks, scenario, mode, &plan, count) ? 0 : missed + 1;
	}
}

void
check_kill(struct checks *checks)
{
	for (const struct scenario *scenario = scenarios; scenario->name != NULL; scenario++) {
		struct kill_count count = {0, 0, 0};
		time_t began = time(NULL);

		if (!check_is_asked(checks, scenario))
			continue;
		scenario_prepare(scenario, &checks->place);
		for (size_t i = 0; i < sizeof(kill_modes) / sizeof(kill_modes[0]); i++)
			for (unsigned role = 1; role <= ROLE_DIALOGUE; role <<= 1)
				if ((i == 0 || (checks->all && scenario_has(scenario, SCENARIO_EACH))) && (scenario->roles & role) != 0)
					kill_role(checks, scenario, role, &kill_modes[i], &count);
		printf("kill %-20s %5lu points in %ld s; %lu times it was perhaps at the relay and marked so, %lu of them sent twice\n",
		    scenario->name, count.points, (long)(time(NULL) - began), count.marked, count.sent);
	}
}
