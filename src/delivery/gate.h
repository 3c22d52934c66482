/*
 * gate: whether a courier may go to a relay now, by what is remembered of it (route), and what is learnt on the way. Three reasons to stay:
 * the relay could not be reached (the circuit breaker), the login was refused, the relay asked us to slow down.
 */
#ifndef MAILCRANE_GATE_H
#define MAILCRANE_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/config.h"
#include "base/outcome.h"
#include "delivery/courier.h"
#include "delivery/route.h"

struct gate {
	const struct config *config;	/* borrowed, as are these two */
	const struct relay  *relay;
	struct spool        *spool;
	struct route         route;	/* as it was read last */
	struct route_stamp   stamp;	/* of the settings and the password file that are used */
	struct outcome       down;	/* why the relay can't be reached in pass down_pass */
	unsigned             down_pass;
	time_t               down_until;	/* then it is worth a try, though the pass goes on: with a fallback it may last for days */
	unsigned             taken;	/* messages that the relay took since it asked us to slow down */
	bool                 is_shut;	/* the relay as a whole is what put this message off */
	time_t               again;	/* when the relay may be tried again, as far as that is what put the message off; else 0 */
};

void gate_init(struct gate *gate, const struct config *config, const struct relay *relay, struct spool *spool);

/* Before each message: false with *outcome, `again` and is_shut when it must stay. Without `is_open` a connection would have to be
 * made first. A flush goes through whatever is remembered, but not to a relay that failed in the same pass. */
bool gate_ask(struct gate *gate, const struct courier_job *job, bool is_open, struct outcome *outcome);

/* A new connection was opened this way, and the relay's certificate is good until then. */
void gate_opened(struct gate *gate, const struct ladder_hint *way, time_t certificate);

/* None could be had. Sets `again` and is_shut. */
void gate_failed(struct gate *gate, const struct courier_job *job, const struct outcome *outcome);

/* What the relay said to a message. Sets `again` and is_shut when it asks us to slow down. */
void gate_heard(struct gate *gate, const char *id, const struct outcome *outcomes, size_t count);

/* true where a login will in all likelihood be taken: the last one was, not long ago and with the settings and the password of now, and the
 * relay does not ask us to slow down. Reads the memory. */
bool gate_is_proven(struct gate *gate);

/* true while one connection is enough: the relay asked us to slow down not long ago. */
bool gate_is_slowed(const struct gate *gate);

/* The secret is about to be read again: what failed before is worth a try. */
void gate_forget(struct gate *gate);

#endif
