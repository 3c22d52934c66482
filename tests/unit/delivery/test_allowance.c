/*
 * With limits that are too low nobody carries other people's mail.
 */
#include "../spool/support.h"

#include <sys/resource.h>

#include "delivery/allowance.h"

static const struct {
	int         resource;
	rlim_t      low;
	const char *name;
} rows[] = {
	{RLIMIT_NOFILE, 63, "open files"}, {RLIMIT_FSIZE, 1000000, "file size"}, {RLIMIT_CPU, 30, "CPU time"},
	{RLIMIT_NPROC, 63, "processes"}, {RLIMIT_DATA, 100000000, "data"}, {RLIMIT_STACK, 262144, "stack"},
};

/* In a child: 0 when allowance_lacks says `want`, 1 when not, 2 when the limit can't be set (valgrind keeps that of open files). */
static int
ask(size_t row, rlim_t soft, rlim_t hard, bool as_root, const char *want)
{
	pid_t child = fork();

	if (child == 0) {
		const struct rlimit limit = {soft, hard};
		const char *lacks;

		if (setrlimit(rows[row].resource, &limit) != 0 || (!as_root && geteuid() == 0 && setresuid(65534, 65534, 65534) != 0))
			_exit(2);
		lacks = allowance_lacks();
		if (want == NULL)
			_exit(lacks == NULL ? 0 : 1);
		_exit(lacks != NULL && strcmp(lacks, want) == 0 ? 0 : 1);
	}
	return support_wait(child);
}

static void
hard_limit_that_is_too_low_is_named(void **state)
{
	size_t seen = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int answer = ask(i, rows[i].low, rows[i].low, false, rows[i].name);

		if (answer == 1)
			fail_msg("%s", rows[i].name);
		seen += answer == 0;
	}
	assert_true(seen >= sizeof(rows) / sizeof(rows[0]) - 1);
}

static void
soft_limit_is_raised(void **state)
{
	struct rlimit limit;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(getrlimit(rows[i].resource, &limit), 0);
		if (limit.rlim_max > rows[i].low * 4 && ask(i, rows[i].low, limit.rlim_max, false, NULL) != 0)
			fail_msg("%s", rows[i].name);
	}
}

static bool
may_raise(void)
{
	pid_t child = fork();

	if (child == 0) {
		struct rlimit low = {50, 50}, high = {51, 51};

		_exit(setrlimit(RLIMIT_NOFILE, &low) == 0 && setrlimit(RLIMIT_NOFILE, &high) == 0 ? 0 : 1);
	}
	return support_wait(child) == 0;
}

static void
root_raises_what_a_caller_has_lowered(void **state)
{
	/* a container's root may lack CAP_SYS_RESOURCE */
	(void)state;
	if (geteuid() != 0 || !may_raise())
		skip();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (ask(i, rows[i].low, rows[i].low, true, NULL) != 0)
			fail_msg("%s", rows[i].name);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hard_limit_that_is_too_low_is_named),
		cmocka_unit_test(soft_limit_is_raised),
		cmocka_unit_test(root_raises_what_a_caller_has_lowered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
