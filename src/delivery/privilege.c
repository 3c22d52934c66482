/*
 * privilege: root is given up before the first message is opened, and the giving up is checked.
 */
#include "delivery/privilege.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/exitcode.h"
#include "base/file.h"

void
privilege_begin(void)
{
	struct rlimit none = {0, 0};
	sigset_t empty;

	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)setrlimit(RLIMIT_CORE, &none);
	/* else a file of the spool would become stderr */
	if (file_ensure_standard() != 0) {
		static const char line[] = "mailcrane: can't open /dev/null\n";

		(void)file_write(STDERR_FILENO, line, sizeof(line) - 1);
		_exit(EXIT_REFUSED);
	}
	(void)umask(077);
	for (int number = 1; number < NSIG; number++)
		if (number != SIGKILL && number != SIGSTOP && number < SIGRTMIN)
			(void)signal(number, SIG_DFL);
	/* a full disk or a gone reader shall be an error of the call, not our end */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	sigemptyset(&empty);
	(void)sigprocmask(SIG_SETMASK, &empty, NULL);
}

static int
privilege_become(const struct passwd *user, struct outcome *outcome)
{
	if (initgroups(PRIVILEGE_USER, user->pw_gid) != 0 || setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0 ||
	    setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0) {
		outcome_set(outcome, VERDICT_FAILED, STAGE_CONFIG, CAUSE_LOCAL, "can't become user " PRIVILEGE_USER ": %s",
		    strerror(errno));
		return -1;
	}
	if (setuid(0) == 0 || seteuid(0) == 0 || getuid() != user->pw_uid || geteuid() != user->pw_uid) {
		outcome_set(outcome, VERDICT_FAILED, STAGE_CONFIG, CAUSE_LOCAL, "root could not be given up for good");
		return -1;
	}
	/* a change of uid makes a process dumpable again on some settings */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return 0;
}

int
privilege_drop(const struct spool *spool, struct outcome *outcome)
{
	const struct passwd *user;

	if (geteuid() != 0)
		return 0;
	if (spool_owner(spool) == 0 && spool_group(spool) == 0)
		return 0;
	errno = 0;
	user = getpwnam(PRIVILEGE_USER);
	if (user == NULL || user->pw_uid == 0 || user->pw_gid == 0) {
		outcome_set(outcome, VERDICT_FAILED, STAGE_CONFIG, CAUSE_CONFIG,
		    "no user " PRIVILEGE_USER " to run as (make install creates it); mail is not carried as root");
		return -1;
	}
	return privilege_become(user, outcome);
}

int
privilege_drop_without_spool(struct outcome *outcome)
{
	const struct passwd *user = geteuid() == 0 ? getpwnam(PRIVILEGE_USER) : NULL;

	/* in a container there is often nobody but root */
	if (user == NULL || user->pw_uid == 0 || user->pw_gid == 0)
		return 0;
	return privilege_become(user, outcome);
}
