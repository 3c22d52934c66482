/*
 * stepper: runs a program with all its descendants under ptrace(2), one system call after another: records them, kills at one of them, or
 * has one of them fail.
 *
 * Calls are counted over all processes whose role the plan names, in the order in which they happen. A role says which process of ours it is: by
 * the program that it runs, and by how many forks after its start it was made. One run at a time; while it lasts waitpid() is the stepper's.
 * Failures are made in registers, which is written for x86-64 only: stepper_can_fail() says.
 */
#ifndef TEST_STEPPER_H
#define TEST_STEPPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define ROLE_SENDMAIL  1U	/* the process that was called */
#define ROLE_SENDMAILS 2U	/* its children: who syncs, who starts the runner */
#define ROLE_RUNNER    4U	/* mailcrane itself */
#define ROLE_COURIER   8U	/* its children, that who looks at the settings for a flush as well */
#define ROLE_NURSERY  16U	/* the courier's: nursery and look-ups */
#define ROLE_DIALOGUE 32U	/* the nursery's */
#define ROLE_ANY      63U

#define STEPPER_SHORT (-1)	/* instead of an errno: a write that takes one octet */

enum stepper_mode { STEPPER_COUNT, STEPPER_KILL_BEFORE, STEPPER_KILL_AFTER, STEPPER_FAIL };

struct stepper_plan {
	enum stepper_mode mode;
	unsigned          roles;
	unsigned long     nth;		/* from 1 */
	bool              everything;	/* all processes are killed at that moment, not that one alone */
	bool              late;		/* what the loader does before the program's own beginning (PR_SET_DUMPABLE) is not counted */
	const bool       *wanted;	/* [STEPPER_CALLS]; NULL: each call counts */
	const int        *errors;	/* [STEPPER_CALLS], of STEPPER_FAIL, instead of `wanted`: an errno or STEPPER_SHORT; 0: it does not count */
	bool              for_good;	/* each one of that number and of that process fails from then on, but on stdout and stderr */
	const char       *under;	/* only calls about what is below this path count, and from the nth on each of them fails, whosever it is: of
					 * openat those that do not only read. NULL: any */
	bool              record;
	int               guard;	/* seconds; then everything is killed and the run is called hung */
	const char       *in, *out, *err;	/* files; NULL: /dev/null */
};

#define STEPPER_CALLS 512

struct stepper_call {
	pid_t    pid;
	unsigned role;
	long     number;
	uint64_t arguments[6];
	int64_t  result;		/* -errno; 0 while it has not come back */
	char     path[160], other[160];	/* of the descriptor, or the name; of rename's second name. "" where there is none */
	char     data[256];		/* the beginning of what is written; not printable octets are '.' */
};

struct stepper_result {
	int                  status;	/* as waitpid gives it, of the program that was called */
	unsigned long        counted;
	bool                 reached, hung;
	int                  error;	/* that it was given */
	int                  crashed;	/* the signal that one of them died of; SIGKILL and SIGTERM are no accidents */
	unsigned             crashed_role;
	unsigned             role;	/* of who was killed, or failed */
	long                 number;	/* and the call */
	char                 path[160];	/* and what it was about, where that can be told */
	struct stepper_call *calls;	/* the caller's to free() */
	size_t               count;
};

bool stepper_can_fail(void);
/* 0; -1 when nothing could be run. argv[0] is the path. */
int stepper_run(char *const argv[], char *const environment[], const struct stepper_plan *plan, struct stepper_result *result);
/* The name of a call that is in the lists here, else its number. */
const char *stepper_name(long number);
/* By name; -1 when this machine has none of it. */
long stepper_number(const char *name);
const char *stepper_role(unsigned role);

#endif
