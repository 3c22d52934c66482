/*
 * policy: what a failure means. The one place that turns an outcome into "next candidate", "wait how long", "hold the login".
 * Pure functions.
 */
#ifndef MAILCRANE_POLICY_H
#define MAILCRANE_POLICY_H

#include <stdbool.h>
#include <time.h>

#include "base/config.h"
#include "base/outcome.h"

/* true when another port or address may do better (DESIGN.md section 6): all that happens before the login's answer, but
 * a missing trust store, which no candidate can mend. Going on never lowers the bar. */
bool policy_next_candidate(const struct outcome *outcome);

/* true when another relay may be asked to serve this recipient: the one whose answer this is certainly did not take the message, for a
 * reason of its own. Never when it may have been taken, and not for a refusal that is about the recipient or the text, which another
 * relay would have to repeat. */
bool policy_next_relay(const struct outcome *outcome);

/* true when the failure is the connection's or the relay's as a whole, so that other messages would meet it too. */
bool policy_is_common(const struct outcome *outcome);

/* true when a connection that was idle for a while seems to have died under us: worth one fresh one at once. */
bool policy_is_stale(const struct outcome *outcome);

/* Seconds until the next attempt, given how many there have been (1 or more), as [queue] retry says, stretched by up to a fifth: by the
 * message's id, so that a queue that was put off at once does not come back at once, and that the same message gets the same each time.
 * */
time_t policy_backoff(const struct config *config, unsigned attempts, const char *id);

/* The longest that ever comes from it. */
time_t policy_backoff_most(const struct config *config);

/* true when the relay as a whole asks us to slow down: 421, 432, 450, 451, 452, 454 in an answer that is not about one mailbox (enhanced
 * codes X.1.* and X.2.*, RFC 3463; an answer to RCPT without one). */
bool policy_is_throttle(const struct outcome *outcome);

/* Seconds for which the relay is left alone after being told so `times` times in a row (1 or more): 0 5 15 30 60 120 300 300 ...; for an
 * answer that ends the session or is about the account (421, 432, 454) one step more: 5 15 30 ... */
time_t policy_throttle_hold(const struct outcome *outcome, unsigned times);

/* Seconds for which a relay that could not be reached `failures` times in a row (1 or more) is left alone: 10 30 60 120 300 300 ... */
time_t policy_relay_hold(unsigned failures);

/* Seconds for which logins are held back after this outcome, 0 for none: a queue must not lock the account. */
time_t policy_login_hold(const struct outcome *outcome);

/* Of two reasons why two candidates failed: true when `next` tells the user more than `kept`. */
bool policy_tells_more(const struct outcome *next, const struct outcome *kept);

#endif
