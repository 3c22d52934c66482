/*
 * resolve without a network: getaddrinfo() and the list of resolvers are this file's own, so that each answer, and each
 * way to give none, can be had at will. Real name servers are asked in tests/interop/weather.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wire/resolve.h"

/* What the look-up process leaves for the test to see. */
static struct {
	volatile pid_t pid;
	volatile int   descriptors;	/* above the pipe's 3 */
	volatile int   patience;	/* s until glibc turns to the next resolver */
} *shared;

static struct sockaddr_in resolver;

/* "192.0.2.1 2001:db8::1": a chain as the real one makes it. */
static int
fake_addresses(const char *list, int family, struct addrinfo **info)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = dlsym(RTLD_NEXT, "getaddrinfo");
	char copy[1024], *rest = NULL;
	struct addrinfo **end = info;

	*info = NULL;
	(void)snprintf(copy, sizeof(copy), "%s", list);
	for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
		struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM, .ai_family = family};

		if (real(word, NULL, &hints, end) != 0)
			*end = NULL;
		else
			end = &(*end)->ai_next;
	}
	return *info != NULL ? 0 : EAI_NODATA;
}

static void
fake_hang(void)
{
	for (int fd = 4; fd < 256; fd++)
		shared->descriptors += fcntl(fd, F_GETFD) >= 0;
	shared->patience = _res.retrans;
	shared->pid = getpid();
	for (;;)
		(void)pause();
}

int
getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **info)
{
	static const struct {
		const char *host;
		const char *addresses;
	} rows[] = {
		{"four.fake", "192.0.2.1"}, {"six.fake", "2001:db8::1"}, {"blocked.fake", "0.0.0.0 ::"},
		{"half-blocked.fake", "0.0.0.0 192.0.2.1"}, {"twice.fake", "192.0.2.1 192.0.2.1"},
		{"mixed.fake", "2001:db8::1 2001:db8::2 192.0.2.1 192.0.2.2"},
		{"many.fake", "2001:db8::1 2001:db8::2 2001:db8::3 2001:db8::4 2001:db8::5 2001:db8::6 2001:db8::7 2001:db8::8 "
		    "2001:db8::9 2001:db8::a 2001:db8::b 2001:db8::c 2001:db8::d 2001:db8::e 2001:db8::f 2001:db8::10 "
		    "2001:db8::11 192.0.2.1 192.0.2.2"},
	};
	int family = hints->ai_family;

	(void)service;
	if ((hints->ai_flags & AI_NUMERICHOST) != 0)
		return fake_addresses(host, family, info);
	if (strcmp(host, "hang.fake") == 0 || (strcmp(host, "half.fake") == 0 && family == AF_UNSPEC))
		fake_hang();
	if (strcmp(host, "half.fake") == 0)
		return fake_addresses("192.0.2.7", family, info);
	if (strcmp(host, "again.fake") == 0)
		return EAI_AGAIN;
	if (strcmp(host, "memory.fake") == 0)
		return EAI_MEMORY;
	if (strcmp(host, "empty.fake") == 0)
		return EAI_NODATA;
	if (strcmp(host, "killed.fake") == 0)
		(void)raise(SIGKILL);
	if (strcmp(host, "ends.fake") == 0)
		_exit(3);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(host, rows[i].host) == 0)
			return fake_addresses(rows[i].addresses, family, info);
	return EAI_NONAME;
}

int
res_init(void)
{
	memset(&_res, 0, sizeof(_res));
	_res.nscount = 1;
	_res.nsaddr_list[0] = resolver;
	_res.options = RES_INIT | RES_RECURSE;
	_res.retrans = RES_TIMEOUT;
	return 0;
}

/* A resolver of ours on a port of its own: it says `code` to one question, or nothing when `code` is -1; -2: none there. */
static void
resolver_becomes(int code)
{
	socklen_t length = sizeof(resolver);
	unsigned char query[512];
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in from;
	socklen_t from_length = sizeof(from);
	ssize_t size;

	resolver = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&resolver, sizeof(resolver)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&resolver, &length), 0);
	if (code > -2 && fork() == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		size = recvfrom(fd, query, sizeof(query), 0, (struct sockaddr *)&from, &from_length);
		if (code == -1)
			for (;;)
				(void)pause();
		query[2] |= 0x80;
		query[3] = (unsigned char)(0x80 | code);
		(void)sendto(fd, query, (size_t)size, 0, (struct sockaddr *)&from, from_length);
		_exit(0);
	}
	(void)close(fd);
}

static void
literals_are_taken_as_they_are(void **state)
{
	static const struct {
		const char       *host;
		enum relay_family family;
		int               want;	/* AF_, 0: refused */
	} rows[] = {
		{"127.0.0.1", RELAY_FAMILY_ANY, AF_INET},
		{"[127.0.0.1]", RELAY_FAMILY_4, AF_INET},
		{"::1", RELAY_FAMILY_ANY, AF_INET6},
		{"[::1]", RELAY_FAMILY_6, AF_INET6},
		{"[fe80::1%lo]", RELAY_FAMILY_ANY, AF_INET6},
		{"127.0.0.1", RELAY_FAMILY_6, 0},
		{"::1", RELAY_FAMILY_4, 0},
		{"0.0.0.0", RELAY_FAMILY_ANY, 0},
		{"::", RELAY_FAMILY_ANY, 0},
	};
	struct resolved resolved;
	struct outcome outcome;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		/* a deadline in the past: no process, no wait */
		int result = resolve_host(rows[i].host, rows[i].family, deadline_in(0), &resolved, &outcome);

		if (rows[i].want == 0) {
			assert_int_equal(result, -1);
			assert_int_equal(outcome.stage, STAGE_DNS);
			assert_int_equal(outcome.cause, CAUSE_NO_ADDRESS);
			assert_int_equal(outcome.verdict, VERDICT_DEFERRED);
			continue;
		}
		assert_int_equal(result, 0);
		assert_int_equal(resolved.count, 1);
		assert_int_equal(resolved.addresses[0].ss_family, rows[i].want);
	}
}

static void
no_child_is_left(void)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* The addresses as one text. */
static const char *
listed(const struct resolved *resolved)
{
	static char text[1024];
	char name[64];

	text[0] = '\0';
	for (size_t i = 0; i < resolved->count; i++) {
		const struct sockaddr_storage *address = &resolved->addresses[i];

		assert_int_equal(getnameinfo((const struct sockaddr *)address, sizeof(*address), name, sizeof(name), NULL, 0,
		    NI_NUMERICHOST), 0);
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i > 0 ? " " : "", name);
	}
	return text;
}

static void
addresses_come_families_in_turn(void **state)
{
	static const struct {
		const char       *host;
		enum relay_family family;
		const char       *want;
	} rows[] = {
		{"four.fake", RELAY_FAMILY_ANY, "192.0.2.1"},
		{"four.fake", RELAY_FAMILY_4, "192.0.2.1"},
		{"six.fake", RELAY_FAMILY_6, "2001:db8::1"},
		{"twice.fake", RELAY_FAMILY_ANY, "192.0.2.1"},
		{"half-blocked.fake", RELAY_FAMILY_ANY, "192.0.2.1"},
		{"mixed.fake", RELAY_FAMILY_ANY, "2001:db8::1 192.0.2.1 2001:db8::2 192.0.2.2"},
		{"mixed.fake", RELAY_FAMILY_4, "192.0.2.1 192.0.2.2"},
		{"mixed.fake", RELAY_FAMILY_6, "2001:db8::1 2001:db8::2"},
		/* the many of one family leave room for the other */
		{"many.fake", RELAY_FAMILY_ANY, "2001:db8::1 192.0.2.1 2001:db8::2 192.0.2.2 2001:db8::3 2001:db8::4 2001:db8::5 "
		    "2001:db8::6 2001:db8::7 2001:db8::8"},
	};
	struct resolved resolved;
	struct outcome outcome;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (resolve_host(rows[i].host, rows[i].family, deadline_in(20000), &resolved, &outcome) != 0)
			fail_msg("row %zu: %s", i, outcome.text);
		if (strcmp(listed(&resolved), rows[i].want) != 0)
			fail_msg("row %zu: %s", i, listed(&resolved));
		no_child_is_left();
	}
}

static void
each_failure_has_its_own_words(void **state)
{
	static const struct {
		const char       *host;
		enum relay_family family;
		enum cause        cause;
		const char       *want;
	} rows[] = {
		{"stmp.gmail.com", RELAY_FAMILY_ANY, CAUSE_NO_SUCH_NAME, "stmp.gmail.com: no such name; did you mean smtp.gmail.com?"},
		{"smtp.ofice365.com", RELAY_FAMILY_4, CAUSE_NO_SUCH_NAME, "did you mean smtp.office365.com?"},
		{"relay.example.com", RELAY_FAMILY_ANY, CAUSE_NO_SUCH_NAME, "relay.example.com: no such name"},
		{"smtp.gmail.com", RELAY_FAMILY_ANY, CAUSE_RESOLVER, "it is the relay of gmail: the resolver (127.0.0.1)"},
		{"empty.fake", RELAY_FAMILY_ANY, CAUSE_NO_ADDRESS, "the name exists, but has no address"},
		{"four.fake", RELAY_FAMILY_6, CAUSE_NO_ADDRESS, "no IPv6 address, as `family = 6` wants it; there is 192.0.2.1"},
		{"six.fake", RELAY_FAMILY_4, CAUSE_NO_ADDRESS, "no IPv4 address, as `family = 4` wants it; there is 2001:db8::1"},
		{"blocked.fake", RELAY_FAMILY_ANY, CAUSE_RESOLVER, "the name is blocked by the resolver (127.0.0.1)"},
		{"memory.fake", RELAY_FAMILY_ANY, CAUSE_LOCAL, "memory.fake: "},
		{"killed.fake", RELAY_FAMILY_ANY, CAUSE_LOCAL, "was killed by signal 9"},
		{"ends.fake", RELAY_FAMILY_ANY, CAUSE_LOCAL, "ended without an answer"},
	};

	(void)state;
	resolver_becomes(-2);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct resolved resolved = {.count = 7};
		struct outcome outcome;

		assert_int_equal(resolve_host(rows[i].host, rows[i].family, deadline_in(20000), &resolved, &outcome), -1);
		if (outcome.cause != rows[i].cause || strstr(outcome.text, rows[i].want) == NULL)
			fail_msg("row %zu: %s: %s", i, cause_name(outcome.cause), outcome.text);
		assert_int_equal(outcome.verdict, VERDICT_DEFERRED);
		assert_int_equal(outcome.stage, STAGE_DNS);
		assert_int_equal(resolved.count, 7);
		no_child_is_left();
	}
}

/* getaddrinfo() says the same of all of them. */
static void
what_the_resolver_does_is_told_apart(void **state)
{
	static const struct {
		int         code;
		const char *want;
	} rows[] = {
		{-2, "the resolver (127.0.0.1) can't be reached: Connection refused"},
		{-1, "the resolver (127.0.0.1) does not answer"},
		{2, "the resolver (127.0.0.1) answers that it can't find out (SERVFAIL)"},
		{5, "the resolver (127.0.0.1) refuses to answer us (REFUSED)"},
		{0, "(resolver 127.0.0.1)"},
	};
	struct resolved resolved;
	struct outcome outcome;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		resolver_becomes(rows[i].code);
		assert_int_equal(resolve_host("again.fake", RELAY_FAMILY_ANY, deadline_in(20000), &resolved, &outcome), -1);
		if (outcome.cause != CAUSE_RESOLVER || strstr(outcome.text, rows[i].want) == NULL)
			fail_msg("row %zu: %s: %s", i, cause_name(outcome.cause), outcome.text);
	}
}

static void
the_deadline_ends_it(void **state)
{
	struct resolved resolved;
	struct outcome outcome;
	int64_t began = deadline_clock();

	(void)state;
	assert_int_equal(resolve_host("hang.fake", RELAY_FAMILY_ANY, deadline_in(1000), &resolved, &outcome), -1);
	assert_int_equal(outcome.cause, CAUSE_RESOLVER);
	assert_non_null(strstr(outcome.text, "no answer from the resolver (127.0.0.1) within 1.0 s"));
	assert_int_equal(resolve_host("hang.fake", RELAY_FAMILY_ANY, deadline_in(0), &resolved, &outcome), -1);
	assert_int_equal(outcome.cause, CAUSE_RESOLVER);
	assert_true(deadline_clock() - began < 20000);
}

static void
ipv4_alone_is_taken_when_the_other_half_stays_silent(void **state)
{
	struct resolved resolved;
	struct outcome outcome;
	int64_t began = deadline_clock(), took;

	(void)state;
	assert_int_equal(resolve_host("half.fake", RELAY_FAMILY_ANY, deadline_in(3000), &resolved, &outcome), 0);
	took = deadline_clock() - began;
	assert_string_equal(listed(&resolved), "192.0.2.7");
	assert_true(took >= 1000 && took < 2900);
}

/* Else a dead first resolver takes all the time. */
static void
each_resolver_gets_a_third_of_the_time(void **state)
{
	struct resolved resolved;
	struct outcome outcome;
	struct deadline deadline;
	pid_t child;

	(void)state;
	for (int64_t s = 3; s <= 30; s += 3) {
		shared->patience = 0;
		deadline = deadline_in(s * 1000 + 2000);
		child = fork();
		if (child == 0) {
			(void)resolve_host("hang.fake", RELAY_FAMILY_4, deadline, &resolved, &outcome);
			_exit(0);
		}
		while (shared->patience == 0)
			(void)usleep(1000);
		(void)kill(child, SIGKILL);
		assert_int_equal(waitpid(child, NULL, 0), child);
		/* never more than the system's own */
		assert_int_equal(shared->patience, s / 3 < RES_TIMEOUT ? s / 3 : RES_TIMEOUT);
	}
}

/* Also not what it inherits: a lock of ours would live on with it. */
static void
the_look_up_dies_with_its_parent(void **state)
{
	struct resolved resolved;
	struct outcome outcome;
	pid_t parent, child;
	int ends[2];

	(void)state;
	shared->pid = 0;
	shared->descriptors = 0;
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	assert_int_equal(pipe(ends), 0);
	assert_true(fcntl(ends[0], F_DUPFD, 100) >= 100);
	parent = fork();
	if (parent == 0) {
		(void)resolve_host("hang.fake", RELAY_FAMILY_4, deadline_in(60000), &resolved, &outcome);
		_exit(0);
	}
	while (shared->pid == 0)
		(void)usleep(1000);
	child = shared->pid;
	assert_int_equal(kill(parent, SIGKILL), 0);
	assert_int_equal(waitpid(parent, NULL, 0), parent);
	/* the alarm in main() bounds this */
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(shared->descriptors, 0);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(literals_are_taken_as_they_are),
		cmocka_unit_test(addresses_come_families_in_turn),
		cmocka_unit_test(each_failure_has_its_own_words),
		cmocka_unit_test(each_resolver_gets_a_third_of_the_time),
		cmocka_unit_test(the_look_up_dies_with_its_parent),
		cmocka_unit_test(the_deadline_ends_it),
		cmocka_unit_test(ipv4_alone_is_taken_when_the_other_half_stays_silent),
		cmocka_unit_test(what_the_resolver_does_is_told_apart),
	};

	(void)alarm(90);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	resolver = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(9)};
	return shared != MAP_FAILED ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
