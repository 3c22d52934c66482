/*
 * policy: the rules of DESIGN.md sections 6 and 7, as tables.
 */
#include "delivery/policy.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define LOGIN_HOLD 300		/* seconds */
#define POLICY_JITTER_PARTS 64
#define POLICY_JITTER_SHARE 5	/* a fifth */

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

/* Nobody else's answer but this relay's own: who may send through it, how much at once, and which addresses it can be told (RFC 6531). */
static bool
policy_is_own_rule(const struct outcome *outcome)
{
	return outcome->cause == CAUSE_SENDER_REFUSED || outcome->cause == CAUSE_TOO_BIG || outcome->cause == CAUSE_NO_SMTPUTF8;
}

bool
policy_next_relay(const struct outcome *outcome)
{
	bool is_failed = outcome->verdict == VERDICT_FAILED;

	if (outcome->uncertain || outcome->bound || (!is_failed && outcome->verdict != VERDICT_DEFERRED))
		return false;
	/* this machine is short of something, and would be with any relay */
	if (outcome->cause == CAUSE_LOCAL || outcome->cause == CAUSE_UNCERTAIN)
		return false;
	switch (outcome->stage) {
	case STAGE_CONFIG:
		return outcome->cause == CAUSE_SECRET;
	case STAGE_DNS:
	case STAGE_CONNECT:
	case STAGE_GREETING:
	case STAGE_EHLO:
	case STAGE_STARTTLS:
	case STAGE_TLS:
	case STAGE_AUTH:
		return true;
	case STAGE_MAIL:
	case STAGE_DATA:
		return !is_failed || policy_is_own_rule(outcome);
	case STAGE_RCPT:
		/* a mailbox that is full (also "too big" is about it here) or greylisted is so for all relays; a session that broke is this one's */
		if (is_failed)
			return policy_is_own_rule(outcome) && outcome->cause != CAUSE_TOO_BIG;
		return outcome->reply == 0 || policy_is_throttle(outcome);
	case STAGE_FINAL:
		/* only an answer says that it was not taken */
		return outcome->reply >= 400 && (!is_failed || policy_is_own_rule(outcome));
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

static int64_t
policy_retry(const struct config *config, unsigned attempts)
{
	/* what can't be read can't say when */
	static const int64_t unknown[] = {60000, 120000, 300000, 600000, 1800000, 3600000};
	const int64_t *steps = config->retry_count > 0 ? config->retry : unknown;
	size_t count = config->retry_count > 0 ? config->retry_count : sizeof(unknown) / sizeof(unknown[0]);

	if (attempts == 0)
		attempts = 1;
	return steps[attempts - 1 < count - 1 ? attempts - 1 : count - 1];
}

/* FNV-1a. */
static unsigned
policy_hash(const char *id, unsigned attempts)
{
	unsigned hash = 2166136261U;

	for (; *id != '\0'; id++)
		hash = (hash ^ (unsigned char)*id) * 16777619U;
	return ((hash ^ (attempts & 0xff)) * 16777619U) >> 8;
}

time_t
policy_backoff(const struct config *config, unsigned attempts, const char *id)
{
	int64_t ms = policy_retry(config, attempts);

	ms += ms * (int64_t)(policy_hash(id, attempts) % POLICY_JITTER_PARTS) / (POLICY_JITTER_PARTS * POLICY_JITTER_SHARE);
	return (time_t)((ms + 999) / 1000);
}

time_t
policy_backoff_most(const struct config *config)
{
	int64_t most = 0;

	for (unsigned attempts = 1; attempts <= CONFIG_RETRIES_MAX; attempts++)
		if (policy_retry(config, attempts) > most)
			most = policy_retry(config, attempts);
	return (time_t)((most + most / POLICY_JITTER_SHARE + 999) / 1000);
}

bool
policy_is_throttle(const struct outcome *outcome)
{
	static const int replies[] = {421, 432, 450, 451, 452, 454};
	bool found = false;

	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++)
		found = found || outcome->reply == replies[i];
	if (!found || outcome->verdict != VERDICT_DEFERRED)
		return false;
	if (outcome->reply == 421)
		return true;
	if (strncmp(outcome->enhanced, "4.1.", 4) == 0 || strncmp(outcome->enhanced, "4.2.", 4) == 0)
		return false;
	return outcome->stage != STAGE_RCPT || outcome->enhanced[0] != '\0';
}

time_t
policy_throttle_hold(const struct outcome *outcome, unsigned times)
{
	static const time_t steps[] = {0, 5, 15, 30, 60, 120, 300};
	bool is_hard = outcome->reply == 421 || outcome->reply == 432 || outcome->reply == 454;

	return policy_step(steps, sizeof(steps) / sizeof(steps[0]), times < 100 && is_hard ? times + 1 : times);
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
