/*
 * What a failure means, row by row.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "delivery/policy.h"

static void
candidates_follow_failures_of_the_port_only(void **state)
{
	static const struct {
		const char *name;
		enum stage stage;
		enum cause cause;
		bool next, common;
	} rows[] = {
		{"no such name", STAGE_DNS, CAUSE_NO_SUCH_NAME, false, true},
		{"refused", STAGE_CONNECT, CAUSE_CONNECT_REFUSED, true, true},
		{"blocked", STAGE_CONNECT, CAUSE_CONNECT_TIMEOUT, true, true},
		{"silent greeting", STAGE_GREETING, CAUSE_SILENCE, true, true},
		{"421 greeting", STAGE_GREETING, CAUSE_UNAVAILABLE, true, true},
		{"stripped", STAGE_STARTTLS, CAUSE_STARTTLS_MISSING, true, true},
		{"injected", STAGE_STARTTLS, CAUSE_INJECTION, true, true},
		{"expired", STAGE_TLS, CAUSE_CERT_EXPIRED, true, true},
		{"no CA at all", STAGE_TLS, CAUSE_TRUST_STORE, false, true},
		{"wrong password", STAGE_AUTH, CAUSE_AUTH_REFUSED, false, true},
		{"no mechanism", STAGE_AUTH, CAUSE_AUTH_MECHANISM, false, true},
		{"login server down", STAGE_AUTH, CAUSE_AUTH_TEMPORARY, false, true},
		{"broke while logging in", STAGE_AUTH, CAUSE_CLOSED, true, true},
		{"sender refused", STAGE_MAIL, CAUSE_SENDER_REFUSED, false, false},
		{"recipient refused", STAGE_RCPT, CAUSE_RECIPIENT_REFUSED, false, false},
		{"message refused", STAGE_FINAL, CAUSE_MESSAGE_REFUSED, false, false},
		{"no reply after the dot", STAGE_FINAL, CAUSE_UNCERTAIN, false, false},
		{"settings", STAGE_CONFIG, CAUSE_SECRET, false, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct outcome outcome = {.verdict = VERDICT_DEFERRED, .stage = rows[i].stage, .cause = rows[i].cause};

		if (policy_next_candidate(&outcome) != rows[i].next)
			fail_msg("next candidate: %s", rows[i].name);
		if (policy_is_common(&outcome) != rows[i].common)
			fail_msg("common: %s", rows[i].name);
	}
}

static void
refusals_are_never_common(void **state)
{
	(void)state;
	for (int stage = STAGE_NONE; stage < STAGE_MAX; stage++) {
		struct outcome outcome = {.verdict = VERDICT_FAILED, .stage = (enum stage)stage};

		assert_false(policy_is_common(&outcome));
		assert_false(policy_is_stale(&outcome));
	}
}

static void
only_a_connection_that_closed_before_the_end_is_stale(void **state)
{
	struct outcome outcome = {.verdict = VERDICT_DEFERRED, .stage = STAGE_MAIL, .cause = CAUSE_CLOSED};

	(void)state;
	assert_true(policy_is_stale(&outcome));
	outcome.cause = CAUSE_SILENCE;
	assert_false(policy_is_stale(&outcome));
	outcome.reply = 421;
	assert_true(policy_is_stale(&outcome));
	outcome.uncertain = true;
	assert_false(policy_is_stale(&outcome));
	outcome = (struct outcome){.verdict = VERDICT_DEFERRED, .stage = STAGE_FINAL, .cause = CAUSE_CLOSED};
	assert_false(policy_is_stale(&outcome));
}

static void
backoff_grows_to_an_hour(void **state)
{
	static const time_t want[] = {60, 60, 120, 300, 600, 1800, 3600, 3600, 3600};

	(void)state;
	for (unsigned i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		assert_int_equal(policy_backoff(i), want[i]);
	assert_int_equal(policy_backoff(UINT32_MAX), 3600);
}

static void
a_relay_is_left_alone_for_five_minutes_at_most(void **state)
{
	static const time_t want[] = {10, 10, 30, 60, 120, 300, 300, 300};

	(void)state;
	for (unsigned i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		assert_int_equal(policy_relay_hold(i), want[i]);
	assert_int_equal(policy_relay_hold(UINT32_MAX), 300);
}

static void
a_refused_login_is_held_back_and_nothing_else(void **state)
{
	(void)state;
	for (int cause = CAUSE_NONE; cause < CAUSE_MAX; cause++) {
		struct outcome outcome = {.verdict = VERDICT_DEFERRED, .stage = STAGE_AUTH, .cause = (enum cause)cause};

		assert_int_equal(policy_login_hold(&outcome) > 0, cause == CAUSE_AUTH_REFUSED);
	}
}

static void
the_reason_that_says_most_is_kept(void **state)
{
	struct outcome none = {.verdict = VERDICT_NONE};
	struct outcome blocked = {.verdict = VERDICT_DEFERRED, .stage = STAGE_CONNECT, .cause = CAUSE_CONNECT_TIMEOUT};
	struct outcome refused = {.verdict = VERDICT_DEFERRED, .stage = STAGE_CONNECT, .cause = CAUSE_CONNECT_REFUSED};
	struct outcome expired = {.verdict = VERDICT_DEFERRED, .stage = STAGE_TLS, .cause = CAUSE_CERT_EXPIRED};

	(void)state;
	assert_true(policy_tells_more(&refused, &none));
	assert_true(policy_tells_more(&blocked, &refused));
	assert_true(policy_tells_more(&expired, &blocked));
	assert_false(policy_tells_more(&refused, &expired));
	assert_false(policy_tells_more(&expired, &expired));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(candidates_follow_failures_of_the_port_only),
		cmocka_unit_test(refusals_are_never_common),
		cmocka_unit_test(only_a_connection_that_closed_before_the_end_is_stale),
		cmocka_unit_test(backoff_grows_to_an_hour),
		cmocka_unit_test(a_relay_is_left_alone_for_five_minutes_at_most),
		cmocka_unit_test(a_refused_login_is_held_back_and_nothing_else),
		cmocka_unit_test(the_reason_that_says_most_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
