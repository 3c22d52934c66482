/*
 * ladder: races ports and addresses for one secured channel (DESIGN.md section 6, RFC 8305). Candidates are ports times addresses. The
 * first is started alone; when none of those under way has got to its next stage within `race`, the next one starts beside them, and at once
 * when none is under way any more. The first to be secured wins, the others are closed.
 *
 * It does not judge: whoever climbs asks delivery/policy whether to go on after a failure. One process, one poll(), every wait bounded.
 */
#ifndef MAILCRANE_LADDER_H
#define MAILCRANE_LADDER_H

#include <stdint.h>
#include <sys/socket.h>

#include "base/config.h"
#include "base/deadline.h"
#include "base/outcome.h"
#include "wire/channel.h"
#include "wire/opening.h"

struct ladder;

/* What is known of the relay: which port and family won the last time, and how long a round trip took. All 0: nothing. */
struct ladder_hint {
	uint16_t    port;
	sa_family_t family;
	int64_t     round_trip;		/* ms: `race` is at least twice this */
};

/* All pointers borrowed until ladder_free. */
struct ladder_plan {
	const struct relay           *relay;
	const struct config_timeouts *timeouts;
	struct tls_trust             *trust;
	const char                   *ehlo;
	struct ladder_hint            hint;
};

enum ladder_event {
	LADDER_SECURED,		/* the caller has the channel; all others are closed and count as not tried */
	LADDER_OVERTAKEN,	/* a candidate that was slower than the one that is told next */
	LADDER_FAILED,		/* step->outcome says why; the others go on: call again */
	LADDER_UNRESOLVED,	/* step->outcome says why; nothing else will come */
	LADDER_END		/* no candidate is left; step is not touched */
};

/* What one candidate came to. */
struct ladder_step {
	char                peer[80];	/* "127.0.0.1:587"; the host name for stage DNS */
	uint16_t            port;
	sa_family_t         family;
	enum ladder_event   event;
	struct outcome      outcome;	/* OVERTAKEN: where it stood, cause SILENCE or CONNECT_TIMEOUT, "no answer for 0.3 s"; NONE: slower */
	struct stage_times  times;
};

struct ladder *ladder_new(const struct ladder_plan *plan);

/* Waits for the next event, at most until the deadline: then those under way fail. *channel is set with SECURED only. */
enum ladder_event ladder_next(struct ladder *ladder, struct deadline deadline, struct channel **channel, struct ladder_step *step);

/* Closes what is under way. NULL allowed. */
void ladder_free(struct ladder *ladder);

#endif
