/*
 * direct: see the header.
 */
#include "direct.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spool/verdict.h"
#include "starter.h"

#define DIRECT_NAPS   20	/* for a killed child to go */
#define DIRECT_NAP_MS 10

bool
direct_instead_of(int error)
{
	return error == ENOENT || error == EACCES || error == EROFS || error == ENOSPC;
}

/* A line, in one piece as it was written in one. 1; 0 at the end of the pipe; -1 when the time is over. */
static int
direct_hear(int pipe, struct deadline end, struct outcome *outcome)
{
	char line[VERDICT_LINE_MAX];
	ssize_t n;

	for (;;) {
		struct pollfd ready = {.fd = pipe, .events = POLLIN};
		int result = poll(&ready, 1, deadline_poll(end));

		if (result == 0)
			return -1;
		if (result < 0 && errno != EINTR)
			return 0;
		n = result > 0 ? read(pipe, line, sizeof(line)) : -1;
		if (n >= 0)
			break;
	}
	return n > 1 && line[n - 1] == '\n' && spool_verdict_parse(line, (size_t)n - 1, outcome) == 0 ? 1 : 0;
}

/* It said nothing: what can be known of it. */
static void
direct_explain(pid_t child, bool is_over, struct outcome *outcome)
{
	int status = 0;

	/* a stopped one would go on after we have said what became of the message */
	(void)kill(child, SIGKILL);
	/* one that hangs with the disk does not die of it, and nobody may wait for that */
	for (int i = 0; i < DIRECT_NAPS && waitpid(child, &status, WNOHANG) == 0; i++)
		(void)poll(NULL, 0, DIRECT_NAP_MS);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
		outcome_set(outcome, VERDICT_DEFERRED, STAGE_NONE, CAUSE_LOCAL, "mailcrane can't be run");
		return;
	}
	outcome_set(outcome, VERDICT_DEFERRED, STAGE_FINAL, CAUSE_UNCERTAIN, "%s",
	    is_over ? "the delivery did not come to an end in time" : "the delivery process was lost");
	outcome->uncertain = true;
}

void
direct_send(const struct config *config, bool secure, const struct spool_draft *draft, int64_t ms,
    struct deadline end, struct outcome *outcome)
{
	int pipe = -1, heard;
	pid_t child = starter_direct(config, secure, spool_draft_fd(draft), ms, &pipe);

	if (child < 0) {
		outcome_set(outcome, VERDICT_DEFERRED, STAGE_NONE, CAUSE_LOCAL, "mailcrane can't be run");
		return;
	}
	heard = direct_hear(pipe, end, outcome);
	(void)close(pipe);
	/* with a verdict it only says QUIT: nobody has to wait for that */
	if (heard != 1)
		direct_explain(child, heard < 0, outcome);
}
