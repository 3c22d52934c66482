/* Exit codes by verdict and cause; never 75. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/exitcode.h"

static void
codes_follow_the_cause(void **state)
{
	static const struct {
		enum verdict  verdict;
		enum stage    stage;
		enum cause    cause;
		enum exitcode want;
	} rows[] = {
		{VERDICT_DELIVERED, STAGE_FINAL, CAUSE_NONE, EXIT_OK},
		{VERDICT_DEFERRED, STAGE_CONNECT, CAUSE_CONNECT_TIMEOUT, EXIT_OK},
		{VERDICT_DEFERRED, STAGE_CONFIG, CAUSE_CONFIG, EXIT_OK},
		{VERDICT_FAILED, STAGE_NONE, CAUSE_USAGE, EXIT_USAGE},
		{VERDICT_FAILED, STAGE_INPUT, CAUSE_INPUT, EXIT_DATA},
		{VERDICT_FAILED, STAGE_INPUT, CAUSE_TOO_BIG, EXIT_DATA},
		{VERDICT_FAILED, STAGE_MAIL, CAUSE_TOO_BIG, EXIT_REFUSED},
		{VERDICT_FAILED, STAGE_CONFIG, CAUSE_CONFIG, EXIT_SETTINGS},
		{VERDICT_FAILED, STAGE_CONFIG, CAUSE_SECRET, EXIT_SETTINGS},
		{VERDICT_FAILED, STAGE_RCPT, CAUSE_RECIPIENT_REFUSED, EXIT_REFUSED},
		{VERDICT_NONE, STAGE_NONE, CAUSE_NONE, EXIT_REFUSED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct outcome outcome = {.verdict = rows[i].verdict, .stage = rows[i].stage, .cause = rows[i].cause};

		assert_int_equal(exitcode_of(&outcome), rows[i].want);
	}
}

static void
a_failure_is_never_success_and_never_75(void **state)
{
	(void)state;
	for (int stage = 0; stage < STAGE_MAX; stage++) {
		for (int cause = 0; cause < CAUSE_MAX; cause++) {
			struct outcome outcome = {.verdict = VERDICT_FAILED, .stage = (enum stage)stage,
			    .cause = (enum cause)cause};

			assert_int_not_equal(exitcode_of(&outcome), 0);
			assert_int_not_equal(exitcode_of(&outcome), 75);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_follow_the_cause),
		cmocka_unit_test(a_failure_is_never_success_and_never_75),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
