/*
 * await: what looks at a machine can hang where no deadline helps (a dead disk, a name service that does not answer): it does so in a child,
 * whose end is not waited for then. Such a child keeps its descriptors, and a program that reads our stdout to its end would wait for it, so
 * it gets pipes to us in place of pipes to others. Terminals and files it writes to itself: nobody waits for their end.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "command/command.h"

#define AWAIT_TICK_MS 5

static bool
await_is_pipe(int fd, struct stat *status)
{
	return fstat(fd, status) == 0 && (S_ISFIFO(status->st_mode) || S_ISSOCK(status->st_mode));
}

static void
await_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

/* The reading ends stay with us and the writing ends are the child's, in the order of the descriptors 1 and 2. Without a pipe it writes itself. */
static void
await_pipes(int readers[2], int writers[2])
{
	struct stat status[2];
	bool is_pipe[2];

	for (int i = 0; i < 2; i++) {
		int ends[2];

		readers[i] = writers[i] = -1;
		is_pipe[i] = await_is_pipe(STDOUT_FILENO + i, &status[i]);
		/* 2>&1: one for both keeps the order */
		if (i == 1 && is_pipe[0] && is_pipe[1] && status[0].st_dev == status[1].st_dev && status[0].st_ino == status[1].st_ino) {
			writers[1] = writers[0] >= 0 ? fcntl(writers[0], F_DUPFD_CLOEXEC, 3) : -1;
		} else if (is_pipe[i] && pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0) {
			readers[i] = ends[0];
			writers[i] = ends[1];
			(void)file_set_nonblocking(writers[i], 0);
		}
	}
}

int
command_fork(struct command_child *child)
{
	pid_t parent = getpid();
	int writers[2];

	child->has_hung = false;
	await_pipes(child->readers, writers);
	child->pid = fork();
	if (child->pid == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != parent)
			_exit(EXIT_REFUSED);
		for (int i = 0; i < 2; i++)
			if (writers[i] >= 0 && dup2(writers[i], STDOUT_FILENO + i) < 0)
				_exit(EXIT_REFUSED);
	}
	for (int i = 0; i < 2; i++) {
		await_close(&writers[i]);
		if (child->pid <= 0)
			await_close(&child->readers[i]);
	}
	return child->pid > 0 ? 1 : child->pid;
}

/* What it has written until now. -1: it can't be written on. */
static int
await_copy(int *reader, int fd)
{
	char octets[4096];
	ssize_t n;

	if (*reader < 0)
		return 0;
	while ((n = read(*reader, octets, sizeof(octets))) > 0)
		if (file_write(fd, octets, (size_t)n) != 0)
			return -1;
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		await_close(reader);
	return 0;
}

int
command_await(struct command_child *child, struct deadline deadline)
{
	bool has_ended = false, has_failed = false;
	int status = 0;
	pid_t ended = 0;

	while (!has_ended) {
		struct pollfd polls[2];

		/* asked first: what it wrote is there when it has ended */
		ended = waitpid(child->pid, &status, WNOHANG);
		has_ended = ended != 0 || deadline_passed(deadline);
		for (int i = 0; i < 2; i++) {
			has_failed = await_copy(&child->readers[i], STDOUT_FILENO + i) != 0 || has_failed;
			polls[i] = (struct pollfd){.fd = child->readers[i], .events = POLLIN};
		}
		if (!has_ended)
			(void)poll(polls, 2, AWAIT_TICK_MS);
	}
	for (int i = 0; i < 2; i++)
		await_close(&child->readers[i]);
	child->has_hung = ended == 0;
	if (child->has_hung)
		(void)kill(child->pid, SIGKILL);
	if (ended != child->pid || !WIFEXITED(status))
		return -1;
	return has_failed ? EXIT_REFUSED : WEXITSTATUS(status);
}
