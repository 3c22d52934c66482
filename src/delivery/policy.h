/*
 * policy: what a failure means. The one place that turns an outcome into "next candidate", "wait how long", "hold the login".
 * Pure functions.
 */
#ifndef MAILCRANE_POLICY_H
#define MAILCRANE_POLICY_H

#include <stdbool.h>
#include <time.h>

#include "base/outcome.h"

/* true when another port or address may do better (DESIGN.md section 6): all that happens before the login's answer, but
 * a missing trust store, which no candidate can mend. Going on never lowers the bar. */
bool policy_next_candidate(const struct outcome *outcome);

/* true when the failure is the connection's or the relay's as a whole, so that other messages would meet it too. */
bool policy_is_common(const struct outcome *outcome);

/* true when a connection that was idle for a while seems to have died under us: worth one fresh one at once. */
bool policy_is_stale(const struct outcome *outcome);

/* Seconds until the next attempt, given how many there have been (1 or more): 1m 2m 5m 10m 30m 1h 1h ... */
time_t policy_backoff(unsigned attempts);

/* Seconds for which a relay that could not be reached `failures` times in a row (1 or more) is left alone: 10 30 60 120 300 300 ... */
time_t policy_relay_hold(unsigned failures);

/* Seconds for which logins are held back after this outcome, 0 for none: a queue must not lock the account. */
time_t policy_login_hold(const struct outcome *outcome);

/* Of two reasons why two candidates failed: true when `next` tells the user more than `kept`. */
bool policy_tells_more(const struct outcome *next, const struct outcome *kept);

#endif
