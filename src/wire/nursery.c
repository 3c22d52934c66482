/*
 * nursery: forks dialogue processes on request. It is forked itself before a secret is read and before the
 * first connection, so that neither can be found in its memory or in that of its children.
 *
 * Requests, all over the control socket:
 *
 *	START	(three descriptors) forks a dialogue process; one that is still there is killed first
 *	FINISH	(serial) asks for one report, sent when the process has ended
 *	KILL	ends the process now; a FINISH that waits gets its report
 *	end of stream: kills the process and exits
 *
 * A dialogue process is over when its opinion has come through the pipe, or when the pipe has closed without
 * one, which is a crash. It has nothing to do after the opinion and is not waited for: it is killed, so a
 * process that lingers costs no time.
 */
#include "wire/nursery.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"

#define NURSERY_READY_MS 5000	/* fork and a few system calls */
#define NURSERY_KILL_MS  2000	/* a kill and a report */
#define NURSERY_STOP_MS  1000
#define NURSERY_CONTROL  3	/* the control socket in the nursery */
#define NURSERY_HIGH     16	/* above every fixed number */
#define NURSERY_FILES    (NURSERY_HIGH + 8)
#define NURSERY_MEMORY   (256UL << 20)	/* on top of what the program has */
#define NURSERY_CPU      600	/* seconds */

enum nursery_kind { NURSERY_START = 1, NURSERY_FINISH, NURSERY_KILL };

struct nursery_request {
	uint32_t kind;
	uint32_t serial;
};

struct nursery_report {
	uint32_t serial;
	uint32_t spoke;		/* an opinion is there */
	struct dialogue_opinion opinion;
};

struct nursery {
	pid_t    pid;
	int      control;
	uint32_t serial;
};

/* The one dialogue process, as the nursery sees it. */
struct nursery_ward {
	pid_t    pid;		/* 0: none */
	int      pipe;		/* -1: none */
	bool     asked;		/* a FINISH waits for its report */
	struct nursery_report report;
};

union nursery_control {
	struct cmsghdr header;
	char           room[CMSG_SPACE(3 * sizeof(int))];
};

/* ---- in the nursery and its children ---- */

/* Its life hangs on the parent's: a stop of the whole service must not cut off the message under way. */
static void
nursery_signals(void)
{
	static const int ignored[] = {SIGPIPE, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTTOU, SIGTTIN, SIGTSTP};
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t none;

	/* fails for KILL, STOP and what libc keeps to itself */
	for (int number = 1; number < NSIG; number++)
		(void)sigaction(number, &action, NULL);
	action.sa_handler = SIG_IGN;
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		(void)sigaction(ignored[i], &action, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* With `password_env` the password has been in our memory since the program began. The name of the settings stays, by
 * which people (and tests) tell whose process this is. */
static void
nursery_forget_environment(void)
{
	for (char **entry = environ; entry != NULL && *entry != NULL; entry++)
		if (strncmp(*entry, "MAILCRANE_CONFIG=", 17) != 0)
			explicit_bzero(*entry, strlen(*entry));
}

static int
nursery_limit(int what, rlim_t most)
{
	struct rlimit limit;
	rlim_t        hard;

	if (getrlimit((__rlimit_resource_t)what, &limit) != 0)
		return -1;
	if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < most)
		most = limit.rlim_max;
	hard = limit.rlim_max;
	limit.rlim_cur = limit.rlim_max = most;
	if (setrlimit((__rlimit_resource_t)what, &limit) == 0)
		return 0;
	if (errno != EPERM)
		return -1;
	/* valgrind does not let the hard limit of descriptors be lowered */
	limit.rlim_max = hard;
	return setrlimit((__rlimit_resource_t)what, &limit);
}

/* Dies with its parent, also with one that died before we could say so. */
static int
nursery_bind_life(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		return -1;
	return 0;
}

static int
nursery_bare_descriptors(int control)
{
	int null;

	if (control != NURSERY_CONTROL && dup3(control, NURSERY_CONTROL, O_CLOEXEC) < 0)
		return -1;
	file_close_from(NURSERY_CONTROL + 1);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return -1;
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (dup2(null, fd) < 0)
			return -1;
	return close(null);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
/* Octets of address space that are in use now: what the libraries and, under valgrind, the instrumentation have taken. */
static rlim_t
nursery_address_space(void)
{
	char text[64];
	int  fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? file_read(fd, text, sizeof(text) - 1) : -1;

	if (fd >= 0)
		(void)close(fd);
	if (n <= 0)
		return NURSERY_MEMORY;
	text[n] = '\0';
	return (rlim_t)strtoull(text, NULL, 10) * (rlim_t)sysconf(_SC_PAGESIZE);
}
#endif

static int
nursery_confine_child(pid_t parent)
{
	if (nursery_bind_life(parent) != 0)
		return -1;
	if (nursery_limit(RLIMIT_CPU, NURSERY_CPU) != 0 || nursery_limit(RLIMIT_NOFILE, NURSERY_FILES) != 0 ||
	    nursery_limit(RLIMIT_FSIZE, 0) != 0 || nursery_limit(RLIMIT_NPROC, 0) != 0)
		return -1;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	/* a sanitizer's shadow is terabytes of address space */
	if (nursery_limit(RLIMIT_AS, nursery_address_space() + NURSERY_MEMORY) != 0)
		return -1;
#endif
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static void
nursery_child(pid_t parent, const int *given, int opinion)
{
	const int from[] = {given[0], given[1], given[2], opinion};
	int       high[4];

	/* out of the way first: any of them may sit on another's number */
	for (int i = 0; i < 4; i++)
		if ((high[i] = fcntl(from[i], F_DUPFD_CLOEXEC, NURSERY_HIGH)) < 0)
			_exit(1);
	for (int i = 0; i < 4; i++)
		if (dup3(high[i], NURSERY_SOCKET + i, O_CLOEXEC) < 0)
			_exit(1);
	file_close_from(NURSERY_FREE);
	if (nursery_confine_child(parent) != 0)
		_exit(1);
	dialogue_speak();
	_exit(0);
}

static void
nursery_end_ward(struct nursery_ward *ward)
{
	if (ward->pid > 0) {
		(void)kill(ward->pid, SIGKILL);
		while (waitpid(ward->pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	if (ward->pipe >= 0)
		(void)close(ward->pipe);
	ward->pid = 0;
	ward->pipe = -1;
}

static void
nursery_fork(struct nursery_ward *ward, const int *given)
{
	int   pipes[2];
	pid_t self = getpid();

	if (pipe2(pipes, O_CLOEXEC | O_NONBLOCK) != 0)
		return;
	ward->pid = fork();
	if (ward->pid == 0)
		nursery_child(self, given, pipes[1]);
	(void)close(pipes[1]);
	if (ward->pid > 0) {
		ward->pipe = pipes[0];
		return;
	}
	ward->pid = 0;
	(void)close(pipes[0]);
}

static void
nursery_report_if_asked(struct nursery_ward *ward)
{
	if (!ward->asked || ward->pid > 0)
		return;
	ward->asked = false;
	/* a parent that is gone shows as end of stream in the loop */
	(void)send(NURSERY_CONTROL, &ward->report, sizeof(ward->report), MSG_NOSIGNAL);
	memset(&ward->report, 0, sizeof(ward->report));
}

/* The pipe has something, or is closed. */
static void
nursery_listen(struct nursery_ward *ward)
{
	struct dialogue_opinion opinion;
	ssize_t n = read(ward->pipe, &opinion, sizeof(opinion));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == (ssize_t)sizeof(opinion)) {
		ward->report.spoke = 1;
		ward->report.opinion = opinion;
	}
	nursery_end_ward(ward);
}

/* Takes one request and its descriptors. Gives how many there are, or -1 at the end of the stream. */
static int
nursery_receive(struct nursery_request *request, int *given)
{
	union nursery_control control;
	struct iovec   piece = {request, sizeof(*request)};
	struct msghdr  message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control,
	    .msg_controllen = sizeof(control)};
	struct cmsghdr *header;
	size_t  count;
	ssize_t n;

	memset(&control, 0, sizeof(control));
	do {
		n = recvmsg(NURSERY_CONTROL, &message, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(*request))
		return -1;
	header = CMSG_FIRSTHDR(&message);
	if (header == NULL || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
		return 0;
	count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(given, CMSG_DATA(header), count * sizeof(int));
	return (int)count;
}

static int
nursery_serve(struct nursery_ward *ward)
{
	struct nursery_request request = {0};
	int given[4];	/* the padding of the control message has room for one more */
	int count = nursery_receive(&request, given);

	if (count < 0)
		return -1;
	switch (request.kind) {
	case NURSERY_START:
		nursery_end_ward(ward);
		memset(&ward->report, 0, sizeof(ward->report));
		if (count == 3)
			nursery_fork(ward, given);
		break;
	case NURSERY_FINISH:
		ward->report.serial = request.serial;
		ward->asked = true;
		break;
	case NURSERY_KILL:
		nursery_end_ward(ward);
		break;
	default:
		break;
	}
	for (int i = 0; i < count; i++)
		(void)close(given[i]);
	return 0;
}

static void
nursery_loop(void)
{
	struct nursery_ward ward = {.pipe = -1};

	for (;;) {
		struct pollfd events[] = {{NURSERY_CONTROL, POLLIN, 0}, {ward.pipe, POLLIN, 0}};

		/* no deadline: the parent's end closes with the parent, and the parent has its own */
		if (poll(events, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			break;
		}
		if (events[1].revents != 0)
			nursery_listen(&ward);
		if (events[0].revents != 0 && nursery_serve(&ward) != 0)
			break;
		nursery_report_if_asked(&ward);
	}
	nursery_end_ward(&ward);
}

static void
nursery_main(int control, pid_t parent)
{
	struct nursery_report ready = {.serial = 0};

	if (nursery_bind_life(parent) != 0)
		_exit(1);
	nursery_forget_environment();
	nursery_signals();
	if (prctl(PR_SET_DUMPABLE, 0) != 0 || nursery_limit(RLIMIT_CORE, 0) != 0 ||
	    nursery_bare_descriptors(control) != 0)
		_exit(1);
	if (send(NURSERY_CONTROL, &ready, sizeof(ready), MSG_NOSIGNAL) == (ssize_t)sizeof(ready))
		nursery_loop();
	_exit(0);
}

/* ---- in the parent ---- */

/* The report with that serial number; older ones are dropped. */
static int
nursery_await(struct nursery *nursery, uint32_t serial, struct deadline deadline, struct nursery_report *report)
{
	for (;;) {
		struct pollfd event = {nursery->control, POLLIN, 0};
		int ready = poll(&event, 1, deadline_poll(deadline));
		ssize_t n;

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready == 0)
			errno = ETIMEDOUT;
		if (ready <= 0)
			return -1;
		n = recv(nursery->control, report, sizeof(*report), MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n != (ssize_t)sizeof(*report)) {
			errno = EPIPE;
			return -1;
		}
		if (report->serial == serial)
			return 0;
	}
}

struct nursery *
nursery_start(struct outcome *outcome)
{
	struct nursery *nursery = memory_alloc(sizeof(*nursery));
	struct nursery_report ready;
	int   pair[2];
	pid_t self = getpid();

	nursery->control = -1;
	nursery->pid = -1;
	if (!dialogue_preempts()) {
		outcome_set(outcome, VERDICT_DEFERRED, STAGE_NONE, CAUSE_LOCAL,
		    "libESMTP would not call our connect(): the program was linked in a way that hides it");
		goto fail;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		goto system;
	nursery->control = pair[0];
	nursery->pid = fork();
	if (nursery->pid == 0) {
		free(nursery);
		nursery_main(pair[1], self);
	}
	(void)close(pair[1]);
	if (nursery->pid < 0 || nursery_await(nursery, 0, deadline_in(NURSERY_READY_MS), &ready) != 0)
		goto system;
	return nursery;
system:
	outcome_set(outcome, VERDICT_DEFERRED, STAGE_NONE, CAUSE_LOCAL, "can't start the dialogue's process: %s",
	    strerror(errno));
fail:
	nursery_stop(nursery);
	return NULL;
}

void
nursery_stop(struct nursery *nursery)
{
	struct nursery_report rest;

	if (nursery == NULL)
		return;
	if (nursery->pid > 0) {
		(void)shutdown(nursery->control, SHUT_WR);
		/* no report has this number: this waits for the end of the stream */
		(void)nursery_await(nursery, UINT32_MAX, deadline_in(NURSERY_STOP_MS), &rest);
		(void)kill(nursery->pid, SIGKILL);
		while (waitpid(nursery->pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	if (nursery->control >= 0)
		(void)close(nursery->control);
	free(nursery);
}

int
nursery_begin(struct nursery *nursery, int socket, int message, int envelope)
{
	const int given[] = {socket, message, envelope};
	struct nursery_request request = {.kind = NURSERY_START};
	union nursery_control  control;
	struct iovec   piece = {&request, sizeof(request)};
	struct msghdr  packet = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control,
	    .msg_controllen = sizeof(control)};
	struct cmsghdr *header;
	ssize_t n;

	memset(&control, 0, sizeof(control));
	header = CMSG_FIRSTHDR(&packet);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(given));
	memcpy(CMSG_DATA(header), given, sizeof(given));
	do {
		n = sendmsg(nursery->control, &packet, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(request) ? 0 : -1;
}

static int
nursery_ask(struct nursery *nursery, enum nursery_kind kind, uint32_t serial)
{
	struct nursery_request request = {kind, serial};
	ssize_t n;

	do {
		n = send(nursery->control, &request, sizeof(request), MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(request) ? 0 : -1;
}

int
nursery_end(struct nursery *nursery, struct deadline deadline, struct dialogue_opinion *opinion)
{
	struct nursery_report report;
	uint32_t serial;

	/* 0 and the highest have a meaning of their own */
	nursery->serial = nursery->serial % (UINT32_MAX - 1) + 1;
	serial = nursery->serial;
	if (nursery_ask(nursery, NURSERY_FINISH, serial) != 0)
		return -1;
	if (nursery_await(nursery, serial, deadline, &report) != 0) {
		if (errno != ETIMEDOUT || nursery_ask(nursery, NURSERY_KILL, serial) != 0 ||
		    nursery_await(nursery, serial, deadline_in(NURSERY_KILL_MS), &report) != 0)
			return -1;
	}
	if (report.spoke == 0)
		return -1;
	*opinion = report.opinion;
	return 0;
}
