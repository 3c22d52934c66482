/*
 * check_fail: each call fails in turn, with each error that it could have; once, and from then on for good. Nothing that was
 * answered with 0 may be lost, nothing may hang or die, and who is not answered with 0 is told why in one line, and not wrongly.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "checks.h"

#define FAIL_ERRORS 5

/* brk is not among them: it has no errors, and who can't have it takes mmap. The first one is that of the quick check. */
static const struct fail_call {
	const char *name;
	int         errors[FAIL_ERRORS];
} fail_calls[] = {
	{"openat", {EMFILE, ENOSPC, EIO, EACCES, EINTR}},
	{"open", {EMFILE, EIO}},
	{"read", {EIO, EINTR}},
	{"pread64", {EIO, EINTR}},
	{"write", {ENOSPC, EIO, EINTR, STEPPER_SHORT}},
	{"pwrite64", {ENOSPC, EIO, EINTR, STEPPER_SHORT}},
	{"fsync", {EIO, ENOSPC, EINTR}},
	{"fdatasync", {EIO, ENOSPC, EINTR}},
	{"ftruncate", {EIO}},
	{"renameat2", {ENOSPC, EIO, EINVAL}},
	{"renameat", {ENOSPC, EIO}},
	{"unlinkat", {EIO, EROFS}},
	{"mkdirat", {ENOSPC, EIO}},
	{"mknodat", {ENOSPC, EIO}},
	{"fchmod", {EPERM, EIO}},
	{"utimensat", {EIO}},
	{"faccessat", {EIO, EACCES}},
	{"faccessat2", {EIO, EACCES}},
	{"newfstatat", {EIO, ENOMEM}},
	{"fstat", {EIO}},
	{"statx", {EIO}},
	{"lseek", {EIO}},
	{"getdents64", {EIO}},
	{"flock", {ENOLCK, EINTR, EWOULDBLOCK}},
	{"fcntl", {EMFILE, EINTR, ENOLCK}},
	{"clone", {EAGAIN, ENOMEM}},
	{"clone3", {EAGAIN, ENOMEM}},
	{"vfork", {EAGAIN, ENOMEM}},
	{"execve", {ENOMEM, EIO}},
	{"pipe2", {EMFILE}},
	{"socket", {EMFILE, ENOMEM}},
	{"socketpair", {EMFILE, ENOMEM}},
	{"memfd_create", {EMFILE, ENOMEM}},
	{"signalfd4", {EMFILE}},
	{"connect", {ECONNREFUSED, EINTR, ENOMEM}},
	{"sendto", {EPIPE, EINTR, ENOBUFS}},
	{"sendmsg", {EPIPE, EINTR, ENOBUFS}},
	{"recvfrom", {ECONNRESET, EINTR, ENOMEM}},
	{"recvmsg", {ECONNRESET, EINTR, ENOMEM}},
	{"poll", {ENOMEM, EINTR}},
	{"ppoll", {ENOMEM, EINTR}},
	{"wait4", {EINTR, ECHILD}},
	{"mmap", {ENOMEM}},
	{"getrandom", {EINTR, EAGAIN}},
	{"dup2", {EBUSY}},
	{"dup3", {EBUSY}},
};

/* The i-th error of each call, 0 where it has none. */
static const int *
fail_errors(size_t i, bool for_good)
{
	static int errors[STEPPER_CALLS];

	memset(errors, 0, sizeof(errors));
	for (size_t k = 0; k < sizeof(fail_calls) / sizeof(fail_calls[0]); k++) {
		long number = stepper_number(fail_calls[k].name);
		int error = fail_calls[k].errors[i];

		/* the sanitizers themselves do not survive it */
		if (getenv("CRASH_SANITIZED") != NULL && strcmp(fail_calls[k].name, "mmap") == 0)
			continue;
		if (number < 0 || number >= STEPPER_CALLS)
			continue;
		/* one octet a write is no error, and where a call is interrupted for ever, or poll never works, nothing does */
		if (for_good && (error == EINTR || error == STEPPER_SHORT || error == EWOULDBLOCK || strstr(fail_calls[k].name, "poll") != NULL))
			continue;
		errors[number] = error;
	}
	return errors;
}

static const char *
fail_name(int error)
{
	return error == STEPPER_SHORT ? "a short write" : strerrorname_np(error);
}

/* Where it would say it is what failed. */
static bool
fail_is_mute(const struct scenario_run *run)
{
	return strstr(run->stepped.path, "/err") != NULL || strstr(run->stepped.path, "/out") != NULL;
}

/* What sendmail may say. */
static const char *
fail_told(const struct place *place, const struct scenario_run *run, bool is_dialogue)
{
	long lines = place_lines(place, "err");

	switch (run->code) {
	case 0: case 64: case 65: case 69: case 78:
		break;
	default:
		return "an exit code that is none of ours";
	}
	if (run->code == 0 && lines > 0)
		return "a line on stderr, with exit code 0";
	if (run->code != 0 && lines != 1 && !fail_is_mute(run) && !is_dialogue)
		return "not one line on stderr";
	return NULL;
}

/* Who is told that it was not sent must not have it sent: it would try again. */
static bool
fail_is_surprise(const struct place *place, const struct scenario_run *run)
{
	const char *line = place_line(place, "err");

	return !run->is_answered && run->code > 0 && run->copies > 0 && strstr(line, "may still be sent") == NULL &&
	    strstr(line, "perhaps sent") == NULL && !place_has(place, "out", "may still be sent");
}

/* Nobody but the disk has it, and the disk said that it has not. */
static bool
fail_is_rash(const struct scenario *scenario, const struct scenario_run *run)
{
	const char *name = stepper_name(run->stepped.number);
	bool is_sync = strcmp(name, "fsync") == 0 || strcmp(name, "fdatasync") == 0;
	bool by_relay = strcmp(scenario->delivery, "wait") == 0 && strcmp(scenario->runner, "auto") == 0;

	return is_sync && !by_relay && run->is_answered && (run->stepped.role & (ROLE_SENDMAIL | ROLE_SENDMAILS)) != 0 &&
	    strstr(run->stepped.path, "/spool/queue") != NULL;
}

static const char *
fail_judge(const struct scenario *scenario, struct place *place, struct scenario_run *run)
{
	bool is_dialogue = strcmp(scenario->program, "dialogue") == 0;
	bool is_caller = is_dialogue || strcmp(scenario->program, "sendmail") == 0;
	const char *wrong = NULL;

	/* libESMTP has its accidents, which is why it has a process of its own */
	if (run->stepped.crashed != 0 && run->stepped.crashed_role != ROLE_DIALOGUE)
		return "one of them died of a signal";
	if (is_caller && !run->stepped.hung)
		wrong = fail_told(place, run, is_dialogue);
	else if (run->code != 0 && place_lines(place, "out") < 1 && place_lines(place, "err") < 1 && place_lines(place, "log") < 1 &&
	    !fail_is_mute(run))
		wrong = "it failed without a word";
	if (wrong == NULL)
		wrong = scenario_settle(scenario, place, run);
	if (wrong == NULL && is_caller && fail_is_rash(scenario, run))
		wrong = "answered as safe though the sync failed";
	if (wrong == NULL && is_caller && fail_is_surprise(place, run))
		wrong = "the caller was told that it was not sent, and it was";
	return wrong;
}

static const char *
fail_extent(const struct stepper_plan *plan)
{
	if (plan->under != NULL)
		return ", like the whole disk from then on";
	return plan->for_good ? " for good" : "";
}

/* true when the call was reached. */
static bool
fail_at(struct checks *checks, const struct scenario *scenario, const struct stepper_plan *plan, unsigned long *points)
{
	struct scenario_run run;
	const char *wrong;

	if (scenario_run(scenario, &checks->place, plan, &run) != 0) {
		check_failed(checks, "%s: can't be run", scenario->name);
		return false;
	}
	if (!run.stepped.reached && !run.stepped.hung)
		return false;
	wrong = fail_judge(scenario, &checks->place, &run);
	(*points)++;
	if (check_is_verbose())
		printf("  %s, %s call %lu (%s %s) %s%s: exit %d, %u copies\n", scenario->name, stepper_role(run.stepped.role), plan->nth,
		    stepper_name(run.stepped.number), run.stepped.path, fail_name(run.stepped.error), fail_extent(plan), run.code,
		    run.copies);
	if (wrong == NULL)
		checks->passed++;
	else
		check_failed(checks, "%s, %s's call %lu (%s %s) gives %s%s: %s (exit %d, signal %d, %u copies) %s", scenario->name,
		    stepper_role(run.stepped.role), plan->nth, stepper_name(run.stepped.number), run.stepped.path, fail_name(run.stepped.error),
		    fail_extent(plan), wrong, run.code, run.stepped.crashed, run.copies,
		    place_line(&checks->place, "err"));
	return true;
}

static void
fail_role(struct checks *checks, const struct scenario *scenario, unsigned role, unsigned long *points)
{
	/* when time is short: all that happens to a caller once, and of the rest a part */
	unsigned part = checks->all || scenario == scenarios ? 1U : role <= ROLE_SENDMAILS ? 3U : 5U;
	unsigned every = checks->every * part;

	/* a retry differs from a first delivery in little */
	bool is_whole = checks->all && scenario->start != START_DEFERRED;

	for (size_t i = 0; i < (is_whole ? FAIL_ERRORS : 1U); i++)
		for (unsigned for_good = 0; for_good < (is_whole && i == 0 && role <= ROLE_COURIER ? 2U : 1U); for_good++) {
			struct stepper_plan plan = {.mode = STEPPER_FAIL, .roles = role, .late = true, .for_good = for_good == 1,
			    .errors = fail_errors(i, for_good == 1)};
			unsigned missed = 0;

			for (plan.nth = 1; missed < 2; plan.nth++)
				if (plan.nth % every == 0 && plan.nth / every % checks->shares == checks->share)
					missed = fail_at(checks, scenario, &plan, points) ? 0 : missed + 1;
		}
}

/* What becomes of the file system under way, for all processes from some call on. */
static const struct fail_weather {
	const char *name;
	int         error;
	const char *calls[16];
} fail_weathers[] = {
	{"read-only", EROFS, {"openat", "write", "pwrite64", "ftruncate", "renameat2", "renameat", "unlinkat", "mkdirat", "mknodat", "fchmod",
	    "utimensat"}},
	{"full", ENOSPC, {"openat", "write", "renameat2", "renameat", "mkdirat", "mknodat"}},
	{"dead", EIO, {"openat", "read", "pread64", "write", "pwrite64", "fsync", "fdatasync", "ftruncate", "renameat2", "renameat", "unlinkat",
	    "mkdirat", "mknodat", "fchmod", "utimensat", "getdents64"}},
};

static void
fail_weather(struct checks *checks, const struct scenario *scenario, const struct fail_weather *weather, unsigned long *points)
{
	static int errors[STEPPER_CALLS];
	char spool[600];
	struct stepper_plan plan = {.mode = STEPPER_FAIL, .roles = ROLE_ANY, .late = true, .errors = errors, .under = spool};
	unsigned missed = 0;

	memset(errors, 0, sizeof(errors));
	for (size_t i = 0; i < sizeof(weather->calls) / sizeof(weather->calls[0]) && weather->calls[i] != NULL; i++)
		if (stepper_number(weather->calls[i]) >= 0)
			errors[stepper_number(weather->calls[i])] = weather->error;
	(void)snprintf(spool, sizeof(spool), "%s/spool/", checks->place.directory);
	for (plan.nth = 1; missed < 2; plan.nth++)
		if (plan.nth % checks->every == 0 && plan.nth / checks->every % checks->shares == checks->share)
			missed = fail_at(checks, scenario, &plan, points) ? 0 : missed + 1;
}

void
check_fail(struct checks *checks)
{
	if (!stepper_can_fail()) {
		printf("fail: not on this machine\n");
		return;
	}
	for (const struct scenario *scenario = scenarios; scenario->name != NULL; scenario++) {
		bool has_weather = scenario == scenarios ||
		    (checks->all && (strcmp(scenario->name, "wait") == 0 || strcmp(scenario->name, "deliver") == 0));
		unsigned long points = 0;
		time_t began = time(NULL);

		/* each call of each program is in one of them */
		if (!check_is_asked(checks, scenario) || (checks->only == NULL && !scenario_has(scenario, SCENARIO_QUICK)))
			continue;
		scenario_prepare(scenario, &checks->place);
		for (unsigned role = 1; role <= ROLE_DIALOGUE; role <<= 1)
			if ((scenario->roles & role) != 0)
				fail_role(checks, scenario, role, &points);
		printf("fail %-20s %5lu failures in %ld s\n", scenario->name, points, (long)(time(NULL) - began));
		for (size_t i = 0; has_weather && i < sizeof(fail_weathers) / sizeof(fail_weathers[0]); i++) {
			points = 0;
			fail_weather(checks, scenario, &fail_weathers[i], &points);
			printf("fail %-20s %5lu moments in which the disk was suddenly %s\n", scenario->name, points, fail_weathers[i].name);
		}
	}
}
