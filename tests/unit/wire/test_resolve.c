#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wire/resolve.h"

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

/* On a bare machine, which has no /etc/hosts, nothing knows localhost. What the C library says must come out, there too. */
static void
localhost_is_what_the_library_says(void **state)
{
	struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *info = NULL;
	bool known = getaddrinfo("localhost", NULL, &hints, &info) == 0;
	struct resolved resolved;
	struct outcome outcome;

	(void)state;
	assert_int_equal(resolve_host("localhost", RELAY_FAMILY_4, deadline_in(20000), &resolved, &outcome), known ? 0 : -1);
	if (known) {
		assert_true(resolved.count >= 1);
		assert_int_equal(((struct sockaddr_in *)&resolved.addresses[0])->sin_addr.s_addr, htonl(INADDR_LOOPBACK));
		freeaddrinfo(info);
	} else {
		assert_int_equal(outcome.stage, STAGE_DNS);
		assert_int_equal(outcome.verdict, VERDICT_DEFERRED);
	}
	no_child_is_left();
}

static void
an_unknown_name_is_temporary(void **state)
{
	struct resolved resolved = {.count = 7};
	struct outcome outcome;

	(void)state;
	assert_int_equal(resolve_host("no.such.name.invalid", RELAY_FAMILY_ANY, deadline_in(20000), &resolved, &outcome), -1);
	assert_true(outcome.cause == CAUSE_NO_SUCH_NAME || outcome.cause == CAUSE_RESOLVER);
	assert_int_equal(outcome.verdict, VERDICT_DEFERRED);
	assert_non_null(strstr(outcome.text, "no.such.name.invalid"));
	assert_int_equal(resolved.count, 7);
	no_child_is_left();
}

static void
the_deadline_ends_it(void **state)
{
	struct resolved resolved;
	struct outcome outcome;
	int64_t began = deadline_clock();

	(void)state;
	assert_int_equal(resolve_host("no.such.name.invalid", RELAY_FAMILY_ANY, deadline_in(0), &resolved, &outcome), -1);
	assert_int_equal(outcome.cause, CAUSE_RESOLVER);
	assert_true(deadline_clock() - began < 5000);
	no_child_is_left();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(literals_are_taken_as_they_are),
		cmocka_unit_test(localhost_is_what_the_library_says),
		cmocka_unit_test(an_unknown_name_is_temporary),
		cmocka_unit_test(the_deadline_ends_it),
	};

	(void)alarm(90);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
