/*
 * ladder: which port at which address comes next (DESIGN.md section 6), one after another here. It does not judge: whoever
 * climbs asks delivery/policy whether to go on after a failure.
 */
#ifndef MAILCRANE_LADDER_H
#define MAILCRANE_LADDER_H

#include "base/buffer.h"
#include "base/config.h"
#include "base/deadline.h"
#include "base/outcome.h"
#include "wire/channel.h"

struct ladder;

/* What one candidate came to. */
struct ladder_step {
	char               peer[80];	/* "127.0.0.1:587"; the host name for stage DNS */
	uint16_t           port;
	struct outcome     outcome;
	struct stage_times times;
};

/* All borrowed until ladder_free. */
struct ladder *ladder_new(const struct relay *relay, const struct config_timeouts *timeouts, const struct buffer *secret,
    struct tls_trust *trust, const char *ehlo);

/* 1: *channel is open (the caller's), step says how. 0: this candidate failed, step->outcome says why; call again for the
 * next. -1: none left, or the name could not be resolved (then step->outcome says so, else step is not touched). */
int ladder_next(struct ladder *ladder, struct deadline deadline, struct channel **channel, struct ladder_step *step);
void ladder_free(struct ladder *ladder);

#endif
