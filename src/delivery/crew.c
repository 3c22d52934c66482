/*
 * crew: jobs and answers are fixed-size records over a SOCK_SEQPACKET socketpair between two processes of the same program.
 */
#include "delivery/crew.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/deadline.h"

#define CREW_GOODBYE_MS 500
#define CREW_KILLED_MS 500
#ifndef CREW_IDLE_MS
/* A connection waits so long for the next message: address translators drop idle ones without a word, and a message that goes into
 * such a one waits for its time-out. */
#define CREW_IDLE_MS 60000
#endif

struct crew {
	pid_t pid;
	int   fd;
	struct deadline goodbye;	/* it has been told to end, and may until then; never: it has not */
};

/* The courier's life: jobs until the runner closes its end; between jobs it notices a relay that hangs up. */
static void
crew_work(int fd, struct courier *courier)
{
	struct courier_job job;
	struct courier_answer answer;

	for (;;) {
		struct pollfd polls[1 + CONFIG_RELAYS_MAX] = {{.fd = fd, .events = POLLIN}};
		int idle[CONFIG_RELAYS_MAX], ready;
		size_t count = courier_idle_fds(courier, idle);
		bool is_heard = false;
		ssize_t n;

		for (size_t i = 0; i < count; i++)
			polls[1 + i] = (struct pollfd){.fd = idle[i], .events = POLLIN};
		ready = poll(polls, 1 + count, count > 0 ? CREW_IDLE_MS : -1);
		if (ready < 0) {
			if (errno == EINTR)
				continue;
			break;
		}
		if (ready == 0)
			courier_idle_end(courier);
		for (size_t i = 0; i < count; i++)
			is_heard = is_heard || polls[1 + i].revents != 0;
		if (is_heard)
			courier_idle_check(courier);
		if (polls[0].revents == 0)
			continue;
		n = recv(fd, &job, sizeof(job), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n != (ssize_t)sizeof(job))
			break;
		job.id[sizeof(job.id) - 1] = '\0';
		courier_serve(courier, &job, &answer);
		if (send(fd, &answer, sizeof(answer), MSG_NOSIGNAL) != (ssize_t)sizeof(answer))
			break;
	}
}

static void
crew_child(int fd, pid_t parent, const char *config_file, bool secure, struct spool *spool, struct spool_watch *watch)
{
	struct courier *courier;
	sigset_t empty;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		_exit(0);
	if (watch != NULL)
		spool_watch_forget(watch);
	sigemptyset(&empty);
	(void)sigprocmask(SIG_SETMASK, &empty, NULL);
	/* a terminal's ^C goes to the whole group: the runner decides what becomes of the message under way */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	courier = courier_new(config_file, secure, spool, fd);
	crew_work(fd, courier);
	courier_free(courier);
	_exit(0);
}

struct crew *
crew_new(const char *config_file, bool secure, struct spool *spool, struct spool_watch *watch)
{
	struct crew *crew;
	pid_t pid, parent = getpid();
	int pair[2];

	/* couriers that took longer to die than we waited */
	while (waitpid(-1, NULL, WNOHANG) > 0)
		continue;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return NULL;
	pid = fork();
	if (pid < 0) {
		(void)close(pair[0]);
		(void)close(pair[1]);
		return NULL;
	}
	if (pid == 0) {
		(void)close(pair[0]);
		crew_child(pair[1], parent, config_file, secure, spool, watch);
	}
	(void)close(pair[1]);
	crew = memory_alloc(sizeof(*crew));
	crew->pid = pid;
	crew->fd = pair[0];
	crew->goodbye = deadline_never();
	return crew;
}

int
crew_fd(const struct crew *crew)
{
	return crew->fd;
}

int
crew_give(struct crew *crew, const struct courier_job *job)
{
	/* one job at a time always has room */
	return send(crew->fd, job, sizeof(*job), MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof(*job) ? 0 : -1;
}

int
crew_answer(struct crew *crew, struct courier_answer *answer)
{
	ssize_t n;

	do {
		n = recv(crew->fd, answer, sizeof(*answer), MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(*answer) ? 0 : -1;
}

/* Not close(): couriers that were forked later hold our end of the socket, too. */
void
crew_dismiss(struct crew *crew)
{
	(void)shutdown(crew->fd, SHUT_WR);
	crew->goodbye = deadline_earlier(crew->goodbye, deadline_in(CREW_GOODBYE_MS));
}

static bool
crew_has_ended(const struct crew *crew, struct deadline deadline)
{
	while (waitpid(crew->pid, NULL, WNOHANG) == 0) {
		if (deadline_passed(deadline))
			return false;
		(void)poll(NULL, 0, 2);
	}
	return true;
}

void
crew_free(struct crew *crew)
{
	if (crew == NULL)
		return;
	crew_dismiss(crew);
	(void)close(crew->fd);
	if (!crew_has_ended(crew, crew->goodbye)) {
		(void)kill(crew->pid, SIGKILL);
		/* one that hangs with the disk dies when the disk answers: not worth the mail of a disk that works */
		(void)crew_has_ended(crew, deadline_in(CREW_KILLED_MS));
	}
	free(crew);
}
