/*
 * lookup: the process, and what it does. It may hang anywhere below getaddrinfo(); nothing but the pipe leads to it.
 */
#include "wire/lookup.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <resolv.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

#define LOOKUP_PROBE_MS 1000

/* An address that stands for "this host" is never a relay's: connect() would go to whatever listens here. */
static bool
lookup_is_nowhere(const struct addrinfo *info)
{
	if (info->ai_family == AF_INET)
		return ((const struct sockaddr_in *)(const void *)info->ai_addr)->sin_addr.s_addr == htonl(INADDR_ANY);
	return IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)(const void *)info->ai_addr)->sin6_addr);
}

/* Half the places for each family, so that many of one leave no relay without the other. */
static void
lookup_add(struct lookup_answer *answer, const struct addrinfo *info)
{
	struct resolved *resolved = &answer->resolved;
	struct sockaddr_storage address = {0};
	size_t of_family = 0;

	if (info->ai_addrlen > sizeof(address) || (info->ai_family != AF_INET && info->ai_family != AF_INET6))
		return;
	if (lookup_is_nowhere(info)) {
		answer->is_blocked = true;
		return;
	}
	memcpy(&address, info->ai_addr, info->ai_addrlen);
	for (size_t i = 0; i < resolved->count; i++) {
		if (memcmp(&resolved->addresses[i], &address, sizeof(address)) == 0)
			return;
		if (resolved->addresses[i].ss_family == address.ss_family)
			of_family++;
	}
	if (of_family < RESOLVE_MAX / 2)
		resolved->addresses[resolved->count++] = address;
}

int
lookup_literal(const char *host, struct resolved *resolved)
{
	char bare[INET6_ADDRSTRLEN + 32];
	size_t length = strlen(host);
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *info;
	struct lookup_answer answer = {.error = 0};
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
	lookup_add(&answer, info);
	freeaddrinfo(info);
	*resolved = answer.resolved;
	return 1;
}

/* ---- in the process ---- */

/* The i-th resolver; NULL when there is none. glibc keeps those of IPv6 apart. */
static const struct sockaddr *
lookup_resolver(const struct __res_state *state, int i, socklen_t *length)
{
	if (i >= state->nscount)
		return NULL;
	if (state->nsaddr_list[i].sin_family == AF_INET) {
		*length = sizeof(struct sockaddr_in);
		return (const struct sockaddr *)&state->nsaddr_list[i];
	}
	*length = sizeof(struct sockaddr_in6);
	return (const struct sockaddr *)state->_u._ext.nsaddrs[i];
}

static void
lookup_name_resolvers(const struct __res_state *state, char *text, size_t size)
{
	const struct sockaddr *address;
	socklen_t length;
	char name[64];
	size_t used = 0;

	for (int i = 0; (address = lookup_resolver(state, i, &length)) != NULL; i++) {
		if (getnameinfo(address, length, name, sizeof(name), NULL, 0, NI_NUMERICHOST) != 0)
			continue;
		if (used + strlen(name) + 3 > size)
			break;
		used += (size_t)snprintf(text + used, size - used, "%s%s", used > 0 ? ", " : "", name);
	}
}

static enum lookup_state
lookup_probe_one(const struct sockaddr *address, socklen_t length, const unsigned char *query, size_t size, int *code)
{
	unsigned char reply[NS_PACKETSZ];
	struct pollfd wait = {.events = POLLIN};
	enum lookup_state state = LOOKUP_SILENT;
	ssize_t count = -1;

	wait.fd = socket(address->sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* connected: an ICMP refusal becomes an error, and nobody else can answer */
	if (wait.fd < 0 || connect(wait.fd, address, length) != 0 || send(wait.fd, query, size, 0) < 0)
		state = LOOKUP_UNREACHABLE;
	else if (poll(&wait, 1, LOOKUP_PROBE_MS) > 0) {
		count = recv(wait.fd, reply, sizeof(reply), 0);
		state = count < 0 ? LOOKUP_UNREACHABLE : count >= NS_HFIXEDSZ ? LOOKUP_ANSWERED : LOOKUP_SILENT;
	}
	*code = state == LOOKUP_ANSWERED ? reply[3] & 0x0f : errno;
	if (wait.fd >= 0)
		(void)close(wait.fd);
	return state;
}

/* The state that says most; getaddrinfo() has tried them all. */
static void
lookup_probe(struct __res_state *state, const char *host, struct lookup_answer *answer)
{
	unsigned char query[NS_PACKETSZ];
	const struct sockaddr *address;
	socklen_t length;
	int code, size;

	size = res_nmkquery(state, ns_o_query, host, ns_c_in, ns_t_a, NULL, 0, NULL, query, sizeof(query));
	for (int i = 0; size > 0 && (address = lookup_resolver(state, i, &length)) != NULL; i++) {
		enum lookup_state found = lookup_probe_one(address, length, query, (size_t)size, &code);

		if (found <= answer->state)
			continue;
		answer->state = found;
		answer->code = code;
	}
}

/* The name is not there, or not with such an address. */
static bool
lookup_is_missing(int error)
{
	return error == EAI_NONAME || error == EAI_NODATA || error == EAI_ADDRFAMILY;
}

static int
lookup_ask(const char *host, int family, struct addrinfo **info)
{
	struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
	int error = getaddrinfo(host, NULL, &hints, info);

	/* AI_ADDRCONFIG does not count the loopback interface: without any other no name would be known */
	if (lookup_is_missing(error)) {
		hints.ai_flags = 0;
		error = getaddrinfo(host, NULL, &hints, info);
	}
	return error;
}

/* Is there an address, if only of the family that is not wanted? */
static void
lookup_other(const char *host, struct lookup_answer *answer)
{
	struct addrinfo *info = NULL;

	if (lookup_ask(host, AF_UNSPEC, &info) != 0)
		return;
	(void)getnameinfo(info->ai_addr, info->ai_addrlen, answer->other, sizeof(answer->other), NULL, 0, NI_NUMERICHOST);
	freeaddrinfo(info);
}

/* glibc turns to the second resolver after 5 s, when the time is over and no mail would ever go out: a third of the time
 * at most for each, in whole seconds (resolv.conf(5)). It goes by what it finds changed here. */
static void
lookup_hasten(struct __res_state *state, struct deadline deadline)
{
	int third = deadline_poll(deadline) / 3000;

	if (deadline.at != deadline_never().at && state->retrans > third)
		state->retrans = third > 1 ? third : 1;
}

static void __attribute__((noreturn))
lookup_work(const char *host, int family, struct deadline deadline, int fd)
{
	struct lookup_answer answer = {.error = 0};
	struct addrinfo *info = NULL;
	bool has_state = res_init() == 0;

	if (has_state) {
		lookup_name_resolvers(&_res, answer.resolvers, sizeof(answer.resolvers));
		lookup_hasten(&_res, deadline);
	}
	if (file_write(fd, answer.resolvers, sizeof(answer.resolvers)) != 0)
		_exit(1);
	answer.error = lookup_ask(host, family, &info);
	answer.system_error = errno;
	for (const struct addrinfo *i = answer.error == 0 ? info : NULL; i != NULL; i = i->ai_next)
		lookup_add(&answer, i);
	if (answer.error == EAI_AGAIN && has_state)
		lookup_probe(&_res, host, &answer);
	if (family != AF_UNSPEC && lookup_is_missing(answer.error))
		lookup_other(host, &answer);
	(void)file_write(fd, (const char *)&answer + sizeof(answer.resolvers), sizeof(answer) - sizeof(answer.resolvers));
	_exit(0);
}

/* ---- out of it ---- */

int
lookup_start(struct lookup *lookup, const char *host, int family, struct deadline deadline)
{
	pid_t parent = getpid(), child;
	int ends[2], error;

	memset(lookup, 0, sizeof(*lookup));
	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	child = fork();
	error = errno;
	if (child == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent || dup2(ends[1], 3) != 3)
			_exit(1);
		/* a lock or FIFO of ours must not live on in here */
		file_close_from(4);
		lookup_work(host, family, deadline, 3);
	}
	(void)close(ends[1]);
	if (child < 0) {
		(void)close(ends[0]);
		errno = error;
		return -1;
	}
	lookup->pid = child;
	lookup->fd = ends[0];
	return 0;
}

int
lookup_read(struct lookup *lookup)
{
	ssize_t count;

	do {
		count = read(lookup->fd, (char *)&lookup->answer + lookup->got, sizeof(lookup->answer) - lookup->got);
	} while (count < 0 && errno == EINTR);
	if (count <= 0)
		return -1;
	lookup->got += (size_t)count;
	return lookup->got == sizeof(lookup->answer) ? 1 : 0;
}

int
lookup_end(struct lookup *lookup)
{
	struct deadline deadline = deadline_in(LOOKUP_END_MS);
	struct pollfd gone = {.events = POLLIN};
	int status = -1;
	pid_t ended;

	if (lookup->pid == 0)
		return -1;
	(void)close(lookup->fd);
	(void)kill(lookup->pid, SIGKILL);
	/* even a killed process stays for as long as a disk or NFS server holds it: it is then left to init */
	gone.fd = (int)syscall(SYS_pidfd_open, lookup->pid, 0);
	if (gone.fd >= 0) {
		while (poll(&gone, 1, deadline_poll(deadline)) < 0 && errno == EINTR)
			continue;
		(void)close(gone.fd);
	}
	do {
		/* kernels before 5.3 have no such descriptor */
		ended = waitpid(lookup->pid, &status, gone.fd >= 0 ? WNOHANG : 0);
	} while (ended < 0 && errno == EINTR);
	status = ended == lookup->pid ? status : -1;
	lookup->pid = 0;
	return status;
}
