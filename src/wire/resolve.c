/*
 * resolve: getaddrinfo() has no time limit and can't be called off, so a child process does it; the parent
 * waits for one answer of fixed size on a pipe until the deadline and then kills the child. Order of
 * families: RFC 8305 section 4.
 */
#include "wire/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

/* What the child says; smaller than PIPE_BUF. */
struct resolve_answer {
	int             error;		/* of getaddrinfo() */
	int             system_error;	/* errno when that is EAI_SYSTEM */
	struct resolved resolved;
};

static int
resolve_family(enum relay_family family)
{
	return family == RELAY_FAMILY_4 ? AF_INET : family == RELAY_FAMILY_6 ? AF_INET6 : AF_UNSPEC;
}

static int
resolve_fail(struct outcome *outcome, enum cause cause, const char *host, const char *why)
{
	outcome_set(outcome, VERDICT_DEFERRED, STAGE_DNS, cause, "%s: %s", host, why);
	return -1;
}

static void
resolve_add(struct resolved *resolved, const struct addrinfo *info)
{
	struct sockaddr_storage address = {0};

	if (resolved->count >= RESOLVE_MAX || info->ai_addrlen > sizeof(address))
		return;
	if (info->ai_family != AF_INET && info->ai_family != AF_INET6)
		return;
	memcpy(&address, info->ai_addr, info->ai_addrlen);
	for (size_t i = 0; i < resolved->count; i++)
		if (memcmp(&resolved->addresses[i], &address, sizeof(address)) == 0)
			return;
	resolved->addresses[resolved->count++] = address;
}

/* 1 and *resolved when `host` is an address, 0 when it is a name. */
static int
resolve_literal(const char *host, struct resolved *resolved)
{
	char bare[INET6_ADDRSTRLEN + 32];
	size_t length = strlen(host);
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *info;
	unsigned char octets[16];

	if (length >= 2 && host[0] == '[' && host[length - 1] == ']') {
		host++;
		length -= 2;
	}
	if (length == 0 || length >= sizeof(bare))
		return 0;
	memcpy(bare, host, length);
	bare[length] = '\0';
	/* only the full forms: getaddrinfo() would also take "10.1" and "0x7f000001" */
	if (strchr(bare, ':') == NULL && inet_pton(AF_INET, bare, octets) != 1)
		return 0;
	if (getaddrinfo(bare, NULL, &hints, &info) != 0)
		return 0;
	resolved->count = 0;
	resolve_add(resolved, info);
	freeaddrinfo(info);
	return 1;
}

static void __attribute__((noreturn))
resolve_child(const char *host, int family, int fd)
{
	struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG},
	    *info = NULL;
	struct resolve_answer answer = {0};

	answer.error = getaddrinfo(host, NULL, &hints, &info);
	/* AI_ADDRCONFIG does not count the loopback interface: without any other no name would be known */
	if (answer.error == EAI_NONAME || answer.error == EAI_NODATA || answer.error == EAI_ADDRFAMILY) {
		hints.ai_flags = 0;
		answer.error = getaddrinfo(host, NULL, &hints, &info);
	}
	answer.system_error = errno;
	if (answer.error == 0)
		for (const struct addrinfo *i = info; i != NULL; i = i->ai_next)
			resolve_add(&answer.resolved, i);
	(void)file_write(fd, &answer, sizeof(answer));
	_exit(0);
}

/* 0 with the whole answer, -1 when the child died or time is up. */
static int
resolve_wait(int fd, struct deadline deadline, struct resolve_answer *answer)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	size_t got = 0;
	ssize_t count;
	int ready;

	while (got < sizeof(*answer)) {
		ready = poll(&wait, 1, deadline_poll(deadline));
		if (ready == 0 || (ready < 0 && errno != EINTR))
			return -1;
		if (ready < 0)
			continue;
		count = read(fd, (char *)answer + got, sizeof(*answer) - got);
		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return -1;
		got += (size_t)count;
	}
	return 0;
}

/* Runs the child. 0 and *answer, -1 and *outcome. */
static int
resolve_ask(const char *host, int family, struct deadline deadline, struct resolve_answer *answer,
    struct outcome *outcome)
{
	pid_t parent = getpid(), child;
	int ends[2], result;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return resolve_fail(outcome, CAUSE_LOCAL, host, strerror(errno));
	child = fork();
	if (child == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent || dup2(ends[1], 3) != 3)
			_exit(1);
		/* a lock or FIFO of ours must not live on in here */
		file_close_from(4);
		resolve_child(host, family, 3);
	}
	if (child < 0)
		(void)resolve_fail(outcome, CAUSE_LOCAL, host, strerror(errno));
	(void)close(ends[1]);
	result = child < 0 ? -1 : resolve_wait(ends[0], deadline, answer);
	(void)close(ends[0]);
	if (child < 0)
		return -1;
	(void)kill(child, SIGKILL);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		continue;
	if (result == 0)
		return 0;
	if (deadline_passed(deadline))
		return resolve_fail(outcome, CAUSE_RESOLVER, host, "no answer from the resolver in time");
	return resolve_fail(outcome, CAUSE_LOCAL, host, "the helper that resolves names died");
}

static int
resolve_error(const struct resolve_answer *answer, const char *host, struct outcome *outcome)
{
	switch (answer->error) {
	case EAI_NONAME:
	case EAI_NODATA:
	case EAI_ADDRFAMILY:
		return resolve_fail(outcome, CAUSE_NO_SUCH_NAME, host, gai_strerror(answer->error));
	case EAI_MEMORY:
		return resolve_fail(outcome, CAUSE_LOCAL, host, gai_strerror(answer->error));
	case EAI_SYSTEM:
		return resolve_fail(outcome, CAUSE_RESOLVER, host, strerror(answer->system_error));
	default:
		return resolve_fail(outcome, CAUSE_RESOLVER, host, gai_strerror(answer->error));
	}
}

/* First, other family, first, other ...; within a family the order stays. */
static void
resolve_interleave(const struct resolved *from, struct resolved *to)
{
	sa_family_t first = from->addresses[0].ss_family;
	size_t next[2] = {0, 0};

	to->count = 0;
	for (int turn = 0; to->count < from->count; turn = !turn) {
		size_t *at = &next[turn];

		while (*at < from->count && (from->addresses[*at].ss_family == first) != (turn == 0))
			(*at)++;
		if (*at < from->count)
			to->addresses[to->count++] = from->addresses[(*at)++];
	}
}

int
resolve_host(const char *host, enum relay_family family, struct deadline deadline, struct resolved *resolved,
    struct outcome *outcome)
{
	struct resolve_answer answer = {0};
	int wanted = resolve_family(family);

	if (resolve_literal(host, &answer.resolved)) {
		if (wanted != AF_UNSPEC && answer.resolved.addresses[0].ss_family != wanted)
			return resolve_fail(outcome, CAUSE_NO_SUCH_NAME, host,
			    "the address does not fit `family`");
		*resolved = answer.resolved;
		return 0;
	}
	if (resolve_ask(host, wanted, deadline, &answer, outcome) != 0)
		return -1;
	if (answer.error != 0)
		return resolve_error(&answer, host, outcome);
	if (answer.resolved.count == 0 || answer.resolved.count > RESOLVE_MAX)
		return resolve_fail(outcome, CAUSE_NO_SUCH_NAME, host, "no usable address");
	resolve_interleave(&answer.resolved, resolved);
	return 0;
}
