/*
 * inherit: environment, limits, umask, descriptors, signals, timers, directory (signal(7), credentials(7),
 * getauxval(3)).
 */
#include "inherit.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/exitcode.h"
#include "base/file.h"
#include "complaint.h"

static void
inherit_no_dumps(void)
{
	static const struct rlimit none = {0, 0};

#ifndef __SANITIZE_ADDRESS__	/* its leak checker traces the process, which this forbids */
	(void)prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L);
#endif
	(void)setrlimit(RLIMIT_CORE, &none);
}

/* A low soft limit would cut a message short; we may raise it as far as the hard one. */
static void
inherit_raise_limit(int resource)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(resource, &limit);
}

static void
inherit_empty_mask(void)
{
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool
inherit_is_ignored(int number)
{
	struct sigaction action;

	return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

/* An ignored SIGCHLD would lose the exit codes of our children, a blocked signal could make us
 * unstoppable. What nohup(1) and a background job rely on stays: ignoring these can only keep us running
 * to the end. */
static void
inherit_own_signals(void)
{
	static const struct itimerval off;

	/* those of real time mean nothing here, and each call of sendmail pays for each call of ours */
	for (int number = 1; number < SIGRTMIN; number++) {
		bool kept = number == SIGHUP || number == SIGINT || number == SIGQUIT;

		if (!kept || !inherit_is_ignored(number))
			(void)signal(number, SIG_DFL);
	}
	/* a reader that has gone and a file that may not grow are errors to be told, not reasons to die */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	inherit_empty_mask();
	(void)setitimer(ITIMER_REAL, &off, NULL);
	(void)setitimer(ITIMER_VIRTUAL, &off, NULL);
	(void)setitimer(ITIMER_PROF, &off, NULL);
}

static void
inherit_nothing_else(void)
{
	if (clearenv() != 0 || setenv("PATH", "/usr/bin:/bin", 1) != 0)
		_exit(EXIT_REFUSED);
	if (chdir("/") != 0)
		_exit(EXIT_REFUSED);
}

bool
inherit_take_over(void)
{
	bool secure = getauxval(AT_SECURE) != 0;

	inherit_no_dumps();
	inherit_own_signals();
	if (file_ensure_standard() != 0) {
		complaint_line("can't open /dev/null: %s; nothing was sent", strerror(errno));
		_exit(EXIT_REFUSED);
	}
	/* a child of ours that hangs with the disk would keep the caller's sockets and locks */
	file_close_from(STDERR_FILENO + 1);
	inherit_raise_limit(RLIMIT_FSIZE);
	inherit_raise_limit(RLIMIT_NOFILE);
	(void)umask(secure ? 007 : 077);
	if (secure)
		inherit_nothing_else();
	return secure;
}

void
inherit_reset_signals(void)
{
	for (int number = 1; number < NSIG; number++)
		(void)signal(number, SIG_DFL);
	inherit_empty_mask();
}
