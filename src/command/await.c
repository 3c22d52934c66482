/*
 * await: what looks at a machine can hang where no deadline helps (a dead disk, a name service that does not answer): it does so in a child,
 * whose end is not waited for then.
 */
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command/command.h"

#define AWAIT_TICK_MS 5

pid_t
command_fork(void)
{
	pid_t parent = getpid(), child = fork();

	if (child == 0 && (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != parent))
		_exit(EXIT_REFUSED);
	return child;
}

int
command_await(pid_t child, struct deadline deadline, bool *has_hung)
{
	int status = 0;
	pid_t ended;

	while ((ended = waitpid(child, &status, WNOHANG)) == 0 && !deadline_passed(deadline))
		(void)poll(NULL, 0, AWAIT_TICK_MS);
	*has_hung = ended == 0;
	if (ended == child && WIFEXITED(status))
		return WEXITSTATUS(status);
	if (ended == 0)
		(void)kill(child, SIGKILL);
	return -1;
}
