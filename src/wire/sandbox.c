/*
 * sandbox: an allow list for seccomp(2), by libseccomp, which knows the numbers of every machine.
 *
 * What is not allowed fails with ENOSYS and does not kill: a C library of tomorrow that tries a newer call first goes
 * back to the older one, and whoever has taken over the process gains nothing by another error.
 */
#include "wire/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>

#include <seccomp.h>
/* it comes with valgrind: who has not got it does not run us under it either */
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

int
sandbox_enter(void)
{
	return -1;
}

#else

/* No dup, no sendmsg: what it has stays with it. No kill, no ptrace: those of the same user are out of its reach. */
static const int sandbox_calls[] = {
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(pread64), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(close),
	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(futex),
	SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(getpid), SCMP_SYS(getrandom),
	SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall),
	SCMP_SYS(exit), SCMP_SYS(exit_group),
};

/* The others of fcntl() can have signals sent to other processes. */
static const int sandbox_fcntl[] = {F_GETFL, F_SETFL, F_GETFD, F_SETFD};

static int
sandbox_rules(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp no_code = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	int result = 0;

	for (size_t i = 0; i < sizeof(sandbox_calls) / sizeof(sandbox_calls[0]) && result == 0; i++)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, sandbox_calls[i], 0);
	for (size_t i = 0; i < sizeof(sandbox_fcntl) / sizeof(sandbox_fcntl[0]) && result == 0; i++)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
		    SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)sandbox_fcntl[i]));
	if (result == 0)
		result = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, &no_code);
	return result;
}

int
sandbox_enter(void)
{
	scmp_filter_ctx filter;
	int result = -1;

	/* the filter would be its, and it needs more */
	if (RUNNING_ON_VALGRIND)
		return -1;
	filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	if (filter == NULL)
		return -1;
	if (sandbox_rules(filter) == 0 && seccomp_load(filter) == 0)
		result = 0;
	seccomp_release(filter);
	return result;
}

#endif
