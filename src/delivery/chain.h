/*
 * chain: what several relays said of one recipient as one outcome, and how long each of them has. Pure functions.
 */
#ifndef MAILCRANE_CHAIN_H
#define MAILCRANE_CHAIN_H

#include <stddef.h>
#include <stdint.h>

#include "base/outcome.h"

/* So far: `relays` of them have been asked, and each did not take it. */
struct chain_tale {
	struct outcome outcome;		/* of one relay as it is, of several with the words of each behind its name */
	size_t         relays;
	const char    *title;		/* of the first (relay_title), borrowed */
};

/* One more. Deferred is what one of them may take later; stage, cause and reply are those of the first that has the verdict. `most`: how
 * many relays there are, each of which gets as much room for its words. */
void chain_add(struct chain_tale *tale, const char *title, size_t most, const struct outcome *outcome);

/* How many ms a relay may take until it has taken the login, when `left` of the caller's `wait` are left and `relays` of them, this one
 * included, are still to be asked. The last one has what it wants (INT64_MAX): nobody comes behind it. */
int64_t chain_share(int64_t wait, int64_t left, size_t relays);

#endif
