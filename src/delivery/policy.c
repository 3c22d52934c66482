/*
 * policy: the rules of DESIGN.md sections 6 and 7, as tables.
 */
#include "delivery/policy.h"

#include <stddef.h>

#define LOGIN_HOLD 300		/* seconds */

bool
policy_next_candidate(const struct outcome *outcome)
{
	switch (outcome->stage) {
	case STAGE_CONNECT:
	case STAGE_GREETING:
	case STAGE_EHLO:
	case STAGE_STARTTLS:
		return true;
	case STAGE_TLS:
		return outcome->cause != CAUSE_TRUST_STORE;
	case STAGE_AUTH:
		/* a connection that broke is the port's fault, an answer is the account's */
		return outcome->cause == CAUSE_CLOSED || outcome->cause == CAUSE_SILENCE ||
		    outcome->cause == CAUSE_PROTOCOL;
	default:
		return false;
	}
}

bool
policy_is_common(const struct outcome *outcome)
{
	if (outcome->verdict != VERDICT_DEFERRED)
		return false;
	if (outcome->stage == STAGE_CONFIG)
		return true;
	if (outcome->stage >= STAGE_DNS && outcome->stage < STAGE_MAIL)
		return true;
	return outcome->reply == 421;
}

bool
policy_is_stale(const struct outcome *outcome)
{
	if (outcome->verdict != VERDICT_DEFERRED || outcome->uncertain)
		return false;
	if (outcome->stage != STAGE_MAIL && outcome->stage != STAGE_RCPT && outcome->stage != STAGE_DATA)
		return false;
	return outcome->cause == CAUSE_CLOSED || outcome->reply == 421;
}

/* The step for the n-th time (1 or more); the last one for all that follow. */
static time_t
policy_step(const time_t *steps, size_t count, unsigned n)
{
	if (n == 0)
		n = 1;
	return steps[n - 1 < count - 1 ? n - 1 : count - 1];
}

time_t
policy_backoff(unsigned attempts)
{
	static const time_t steps[] = {60, 120, 300, 600, 1800, 3600};

	return policy_step(steps, sizeof(steps) / sizeof(steps[0]), attempts);
}

time_t
policy_relay_hold(unsigned failures)
{
	/* short at first: a relay that is restarted should not cost its users a minute */
	static const time_t steps[] = {10, 30, 60, 120, 300};

	return policy_step(steps, sizeof(steps) / sizeof(steps[0]), failures);
}

time_t
policy_login_hold(const struct outcome *outcome)
{
	if (outcome->stage == STAGE_AUTH && outcome->cause == CAUSE_AUTH_REFUSED)
		return LOGIN_HOLD;
	return 0;
}

/* How much a cause says about what to do; a refusal in so many words beats silence. */
static int
policy_weight(const struct outcome *outcome)
{
	switch (outcome->cause) {
	case CAUSE_INJECTION:
		return 6;
	case CAUSE_CERT_EXPIRED:
	case CAUSE_CERT_NOT_YET:
	case CAUSE_CERT_ISSUER:
	case CAUSE_CERT_NAME:
	case CAUSE_CERT_OTHER:
	case CAUSE_TRUST_STORE:
		return 5;
	case CAUSE_AUTH_REFUSED:
	case CAUSE_AUTH_MECHANISM:
	case CAUSE_AUTH_TEMPORARY:
	case CAUSE_STARTTLS_MISSING:
		return 4;
	default:
		/* the further it came, the more it says */
		return outcome->stage > STAGE_CONNECT ? 2 : outcome->cause == CAUSE_CONNECT_TIMEOUT ? 1 : 0;
	}
}

bool
policy_tells_more(const struct outcome *next, const struct outcome *kept)
{
	if (kept->verdict == VERDICT_NONE)
		return true;
	return policy_weight(next) > policy_weight(kept);
}
