/*
 * What a failure means, row by row.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

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
		{"no address", STAGE_DNS, CAUSE_NO_ADDRESS, false, true},
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

/* Another relay is asked only when the first certainly did not take it, for a reason of its own. */
static void
next_relay_is_for_what_is_the_first_one_s_own_matter(void **state)
{
	static const struct {
		const char  *name;
		enum verdict verdict;
		enum stage   stage;
		enum cause   cause;
		int          reply;
		const char  *enhanced;
		bool         uncertain, bound, want;
	} rows[] = {
		{"delivered", VERDICT_DELIVERED, STAGE_FINAL, CAUSE_NONE, 250, "2.0.0", false, false, false},
		{"not tried", VERDICT_NONE, STAGE_NONE, CAUSE_NONE, 0, "", false, false, false},
		/* it could not be reached, secured, or logged in at */
		{"no such name", VERDICT_DEFERRED, STAGE_DNS, CAUSE_NO_SUCH_NAME, 0, "", false, false, true},
		{"resolver", VERDICT_DEFERRED, STAGE_DNS, CAUSE_RESOLVER, 0, "", false, false, true},
		{"refused", VERDICT_DEFERRED, STAGE_CONNECT, CAUSE_CONNECT_REFUSED, 0, "", false, false, true},
		{"blocked", VERDICT_DEFERRED, STAGE_CONNECT, CAUSE_CONNECT_TIMEOUT, 0, "", false, false, true},
		{"421 greeting", VERDICT_DEFERRED, STAGE_GREETING, CAUSE_UNAVAILABLE, 421, "", false, false, true},
		{"silent", VERDICT_DEFERRED, STAGE_GREETING, CAUSE_SILENCE, 0, "", false, false, true},
		{"stripped", VERDICT_DEFERRED, STAGE_STARTTLS, CAUSE_STARTTLS_MISSING, 0, "", false, false, true},
		{"expired", VERDICT_DEFERRED, STAGE_TLS, CAUSE_CERT_EXPIRED, 0, "", false, false, true},
		{"no CA at all", VERDICT_DEFERRED, STAGE_TLS, CAUSE_TRUST_STORE, 0, "", false, false, true},
		{"wrong password", VERDICT_DEFERRED, STAGE_AUTH, CAUSE_AUTH_REFUSED, 535, "5.7.8", false, false, true},
		{"login held back", VERDICT_DEFERRED, STAGE_AUTH, CAUSE_AUTH_HELD, 0, "", false, false, true},
		{"login server down", VERDICT_DEFERRED, STAGE_AUTH, CAUSE_AUTH_TEMPORARY, 454, "4.7.0", false, false, true},
		{"no password to be had", VERDICT_DEFERRED, STAGE_CONFIG, CAUSE_SECRET, 0, "", false, false, true},
		{"wrong settings", VERDICT_DEFERRED, STAGE_CONFIG, CAUSE_CONFIG, 0, "", false, false, false},
		/* it has no time, or closes, before it has the message */
		{"asked us to slow down", VERDICT_DEFERRED, STAGE_MAIL, CAUSE_THROTTLED, 0, "", false, false, true},
		{"451 to MAIL", VERDICT_DEFERRED, STAGE_MAIL, CAUSE_THROTTLED, 451, "4.3.2", false, false, true},
		{"421 to MAIL", VERDICT_DEFERRED, STAGE_MAIL, CAUSE_UNAVAILABLE, 421, "", false, false, true},
		{"closed at MAIL", VERDICT_DEFERRED, STAGE_MAIL, CAUSE_CLOSED, 0, "", false, false, true},
		{"closed at RCPT", VERDICT_DEFERRED, STAGE_RCPT, CAUSE_CLOSED, 0, "", false, false, true},
		{"452 4.3.1 to RCPT", VERDICT_DEFERRED, STAGE_RCPT, CAUSE_THROTTLED, 452, "4.3.1", false, false, true},
		{"421 to RCPT", VERDICT_DEFERRED, STAGE_RCPT, CAUSE_UNAVAILABLE, 421, "4.7.0", false, false, true},
		{"451 to DATA", VERDICT_DEFERRED, STAGE_DATA, CAUSE_THROTTLED, 451, "", false, false, true},
		{"closed in the body", VERDICT_DEFERRED, STAGE_DATA, CAUSE_CLOSED, 0, "", false, false, true},
		{"452 to the dot", VERDICT_DEFERRED, STAGE_FINAL, CAUSE_THROTTLED, 452, "4.3.1", false, false, true},
		/* its own rules */
		{"sender refused", VERDICT_FAILED, STAGE_MAIL, CAUSE_SENDER_REFUSED, 553, "5.7.1", false, false, true},
		{"sender refused at RCPT", VERDICT_FAILED, STAGE_RCPT, CAUSE_SENDER_REFUSED, 550, "5.1.8", false, false, true},
		{"SendAsDenied", VERDICT_FAILED, STAGE_FINAL, CAUSE_SENDER_REFUSED, 554, "5.2.252", false, false, true},
		{"sender that it can't be told", VERDICT_FAILED, STAGE_MAIL, CAUSE_NO_SMTPUTF8, 0, "", false, false, true},
		{"recipient that it can't be told", VERDICT_FAILED, STAGE_RCPT, CAUSE_NO_SMTPUTF8, 0, "", false, false, true},
		{"too big for it", VERDICT_FAILED, STAGE_MAIL, CAUSE_TOO_BIG, 552, "5.3.4", false, false, true},
		{"too big in the end", VERDICT_FAILED, STAGE_FINAL, CAUSE_TOO_BIG, 552, "5.3.4", false, false, true},
		/* about the recipient or the text: the same everywhere */
		{"no such user", VERDICT_FAILED, STAGE_RCPT, CAUSE_RECIPIENT_REFUSED, 550, "5.1.1", false, false, false},
		{"mailbox full", VERDICT_DEFERRED, STAGE_RCPT, CAUSE_THROTTLED, 452, "4.2.2", false, false, false},
		{"greylisted", VERDICT_DEFERRED, STAGE_RCPT, CAUSE_THROTTLED, 450, "", false, false, false},
		{"spam", VERDICT_FAILED, STAGE_FINAL, CAUSE_MESSAGE_REFUSED, 554, "5.7.1", false, false, false},
		{"refused at DATA", VERDICT_FAILED, STAGE_DATA, CAUSE_MESSAGE_REFUSED, 554, "", false, false, false},
		/* it may have it */
		{"no answer to the dot", VERDICT_DEFERRED, STAGE_FINAL, CAUSE_UNCERTAIN, 0, "", true, false, false},
		{"closed after the dot, without the mark", VERDICT_DEFERRED, STAGE_FINAL, CAUSE_CLOSED, 0, "", false, false, false},
		{"nonsense to the dot, without the mark", VERDICT_DEFERRED, STAGE_FINAL, CAUSE_PROTOCOL, 350, "", false, false, false},
		{"down, but bound", VERDICT_DEFERRED, STAGE_CONNECT, CAUSE_CONNECT_REFUSED, 0, "", false, true, false},
		/* nobody's fault but ours */
		{"no process", VERDICT_DEFERRED, STAGE_MAIL, CAUSE_LOCAL, 0, "", false, false, false},
		{"no descriptor", VERDICT_DEFERRED, STAGE_CONNECT, CAUSE_LOCAL, 0, "", false, false, false},
		{"disk", VERDICT_DEFERRED, STAGE_SPOOL, CAUSE_SPOOL, 0, "", false, false, false},
		{"loop", VERDICT_FAILED, STAGE_INPUT, CAUSE_MESSAGE_REFUSED, 0, "", false, false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct outcome outcome = {.verdict = rows[i].verdict, .stage = rows[i].stage, .cause = rows[i].cause, .reply = rows[i].reply,
		    .uncertain = rows[i].uncertain, .bound = rows[i].bound};

		(void)snprintf(outcome.enhanced, sizeof(outcome.enhanced), "%s", rows[i].enhanced);
		if (policy_next_relay(&outcome) != rows[i].want)
			fail_msg("%s", rows[i].name);
	}
}

/* Whatever else is said. */
static void
no_other_relay_gets_what_may_have_been_taken(void **state)
{
	(void)state;
	for (int verdict = VERDICT_NONE; verdict < VERDICT_MAX; verdict++)
		for (int stage = STAGE_NONE; stage < STAGE_MAX; stage++)
			for (int cause = CAUSE_NONE; cause < CAUSE_MAX; cause++)
				for (int reply = 0; reply < 600; reply += 50) {
					struct outcome outcome = {.verdict = (enum verdict)verdict, .stage = (enum stage)stage, .cause = (enum cause)cause,
					    .reply = reply, .uncertain = true};

					assert_false(policy_next_relay(&outcome));
					outcome.uncertain = false;
					outcome.bound = true;
					assert_false(policy_next_relay(&outcome));
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
backoff_grows_as_the_settings_say(void **state)
{
	static const time_t want[] = {60, 60, 120, 300, 600, 1800, 3600, 3600, 3600};
	const struct config none = {.retry_count = 0}, set = {.retry = {7000, 1500, 20000}, .retry_count = 3};

	(void)state;
	for (unsigned i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		assert_in_range(policy_backoff(&none, i, "A"), want[i], want[i] + want[i] / 5);
	assert_in_range(policy_backoff(&none, UINT32_MAX, "A"), 3600, 4320);
	assert_int_equal(policy_backoff_most(&none), 4320);
	assert_in_range(policy_backoff(&set, 1, "A"), 7, 9);
	assert_int_equal(policy_backoff(&set, 2, "A"), 2);
	assert_in_range(policy_backoff(&set, 9, "A"), 20, 24);
	assert_int_equal(policy_backoff_most(&set), 24);
}

/* Put off at once, they don't come back at once. */
static void
backoff_differs_from_message_to_message_and_not_from_time_to_time(void **state)
{
	const struct config config = {.retry = {1000000}, .retry_count = 1};
	bool seen[201] = {false};
	size_t different = 0;
	char id[32];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		time_t seconds;

		(void)snprintf(id, sizeof(id), "0K3X9%d", i);
		seconds = policy_backoff(&config, 1, id);
		assert_in_range(seconds, 1000, 1200);
		assert_int_equal(policy_backoff(&config, 1, id), seconds);
		different += seen[seconds - 1000] ? 0 : 1;
		seen[seconds - 1000] = true;
	}
	assert_in_range(different, 50, 64);
	assert_int_not_equal(policy_backoff(&config, 1, "0K3X9"), policy_backoff(&config, 2, "0K3X9"));
}

static void
throttle_is_an_answer_about_the_relay(void **state)
{
	static const struct {
		int         reply;
		const char *enhanced;
		enum stage  stage;
		bool        want;
	} rows[] = {
		{421, "", STAGE_MAIL, true}, {421, "4.7.0", STAGE_RCPT, true}, {421, "4.2.1", STAGE_RCPT, true},
		{432, "4.7.12", STAGE_AUTH, true}, {454, "4.7.0", STAGE_AUTH, true}, {454, "", STAGE_MAIL, true},
		{450, "4.7.1", STAGE_MAIL, true}, {450, "", STAGE_MAIL, true}, {450, "", STAGE_RCPT, false},
		{450, "4.7.1", STAGE_RCPT, true}, {450, "4.2.1", STAGE_RCPT, false}, {450, "4.1.2", STAGE_RCPT, false},
		{451, "4.3.0", STAGE_FINAL, true}, {451, "", STAGE_FINAL, true}, {451, "4.2.0", STAGE_FINAL, false},
		{452, "4.3.1", STAGE_MAIL, true}, {455, "", STAGE_MAIL, false}, {0, "", STAGE_FINAL, false},
	};
	struct outcome outcome;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		outcome_set(&outcome, VERDICT_DEFERRED, rows[i].stage, CAUSE_THROTTLED, "no");
		outcome.reply = rows[i].reply;
		(void)snprintf(outcome.enhanced, sizeof(outcome.enhanced), "%s", rows[i].enhanced);
		if (policy_is_throttle(&outcome) != rows[i].want)
			fail_msg("%d %s", rows[i].reply, rows[i].enhanced);
		outcome.verdict = VERDICT_FAILED;
		assert_false(policy_is_throttle(&outcome));
	}
}

static void
pauses_grow_and_begin_at_once_where_the_session_ends(void **state)
{
	static const time_t want[] = {0, 5, 15, 30, 60, 120, 300, 300, 300};
	struct outcome outcome = {.verdict = VERDICT_DEFERRED, .reply = 451};

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		outcome.reply = 451;
		assert_int_equal(policy_throttle_hold(&outcome, i + 1), want[i]);
		outcome.reply = 421;
		assert_int_equal(policy_throttle_hold(&outcome, i + 1), want[i + 1]);
	}
	assert_int_equal(policy_throttle_hold(&outcome, UINT32_MAX), 300);
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
		cmocka_unit_test(next_relay_is_for_what_is_the_first_one_s_own_matter),
		cmocka_unit_test(no_other_relay_gets_what_may_have_been_taken),
		cmocka_unit_test(refusals_are_never_common),
		cmocka_unit_test(only_a_connection_that_closed_before_the_end_is_stale),
		cmocka_unit_test(backoff_grows_as_the_settings_say),
		cmocka_unit_test(backoff_differs_from_message_to_message_and_not_from_time_to_time),
		cmocka_unit_test(throttle_is_an_answer_about_the_relay),
		cmocka_unit_test(pauses_grow_and_begin_at_once_where_the_session_ends),
		cmocka_unit_test(a_relay_is_left_alone_for_five_minutes_at_most),
		cmocka_unit_test(a_refused_login_is_held_back_and_nothing_else),
		cmocka_unit_test(the_reason_that_says_most_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
