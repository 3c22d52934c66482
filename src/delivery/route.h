/*
 * route: what is remembered about each relay between runs, in one small file in the spool: which port and family worked last, whether the
 * relay is down (the circuit breaker), and until when logins are held back. A memory that is lost or damaged costs time, never mail:
 * every error counts as "nothing known". Times are epoch seconds.
 */
#ifndef MAILCRANE_ROUTE_H
#define MAILCRANE_ROUTE_H

#include <stdbool.h>
#include <time.h>

#include "base/config.h"
#include "base/outcome.h"
#include "spool/spool.h"
#include "wire/ladder.h"

struct route {
	struct ladder_hint way;		/* all 0: nothing known */
	time_t             since;	/* when that way was found */
	unsigned           failures;	/* in a row, of climbing the whole ladder; 0: the relay is up */
	time_t             down_until;	/* no attempt before; after it the next message is the probe */
	struct outcome     down;	/* why; stage, cause and text only */
	time_t             login_until;	/* 0: logins are not held back */
	unsigned           throttles;	/* how often in a row the relay asked us to slow down; 0: it does not */
	time_t             throttle_until;	/* no attempt before */
	time_t             certificate;	/* until when the relay's is good; 0: not known */
	bool               is_proven;	/* the last login was taken, not long ago and with the settings and password file of now */
};

/* When settings and password file last changed (ctime), ns since the epoch; 0: there is none. */
struct route_stamp {
	int64_t settings, secret;
};

struct route_stamp route_stamp(const struct config *config, const struct relay *relay);

/* Of one relay of the settings. Without a spool (NULL) nothing is known and nothing is kept. Changed settings or a changed password file end
 * what was known of failures and holds: whoever mends them need not wait. */
void route_load(const struct spool *spool, const struct config *config, const struct relay *relay, struct route *route);

/* What is remembered of other relays is kept. */
void route_save(const struct spool *spool, const struct config *config, const struct relay *relay, const struct route *route);

/* The whole ladder failed: opens the breaker, for longer each time. */
void route_failed(struct route *route, const struct outcome *outcome, time_t now);

/* A login was refused: none before `until`. */
void route_refused(struct route *route, time_t until);

/* A channel was opened this way, and took the login, to a relay with a certificate that is good until then. true when that is news, worth a route_save. */
bool route_worked(struct route *route, const struct ladder_hint *way, time_t certificate, time_t now);

/* The relay asked us to slow down, for `hold` seconds. */
void route_throttled(struct route *route, time_t hold, time_t now);

/* It took a message: the next pause begins at the shortest again. It took many, `is_calm`: as if nothing had been. true when that is news. */
bool route_eased(struct route *route, bool is_calm);

/* What goes first now; all 0 when nothing is known, or when it is time to try the preferred port again. */
struct ladder_hint route_hint(const struct route *route, time_t now);

#endif
