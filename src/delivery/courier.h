/*
 * courier: serves messages, one after another, over one connection to each relay that they need. Claims each message itself, under its
 * lock; nobody else touches it meanwhile. Which relay a message begins at, and which is next, is its own decision (base/relay,
 * policy_next_relay).
 */
#ifndef MAILCRANE_COURIER_H
#define MAILCRANE_COURIER_H

#include <stdbool.h>

#include "base/config.h"
#include "base/deadline.h"
#include "base/outcome.h"
#include "spool/spool.h"

struct courier;

enum courier_result {
	COURIER_FINISHED,	/* every recipient delivered or refused for good */
	COURIER_DEFERRED,	/* still in the queue, due later */
	COURIER_BUSY,		/* somebody else has it, or has just tried it */
	COURIER_GONE,
	COURIER_DAMAGED,	/* moved aside */
	COURIER_ERROR,		/* the spool failed us; the message is where it was */
	COURIER_EXPECTS,	/* no end yet: the relay is about to be asked, and took the login the last time */
	COURIER_OPENED		/* nor here: it was reached, and took the login */
};

/* What to do. Within one pass a relay that was found unreachable is not tried again for the next message. */
struct courier_job {
	char     id[SPOOL_ID_SIZE];
	unsigned attempts;	/* as whoever gives the job has seen it */
	unsigned pass;
	size_t   lane;		/* comes back in the answer */
	bool     is_unproven;	/* whoever gives it wants to hear EXPECTS and OPENED */
	bool     flush;		/* a person wants it tried: a held-back login is no reason not to */
};

struct courier_answer {
	char                id[SPOOL_ID_SIZE];
	enum courier_result result;
	struct outcome      outcome;	/* of the message as a whole */
	size_t              lane;
	bool                is_common;	/* others that begin at the same relay would be put off, too, and for the same reason */
	bool                is_slowed;	/* a relay asked us to slow down: one connection is enough */
};

/* Starts the nursery, then reads the settings, and a password when it is needed: a process that makes a courier must not have read them in
 * full scope before. Never fails: what goes wrong here becomes the outcome of every message. Borrows its arguments. `report` is the socket
 * on which it says EXPECTS and OPENED, -1 for none. */
struct courier *courier_new(const char *config_file, bool secure, struct spool *spool, int report);

void courier_serve(struct courier *courier, const struct courier_job *job, struct courier_answer *answer);

/* A message that is in no spool, by a courier without one (NULL): until `deadline`, whatever the settings allow. */
void courier_serve_loose(struct courier *courier, struct spool_entry *entry, struct deadline deadline, struct courier_answer *answer);

/* The descriptors of the connections that are open and idle, for poll(): readable means that the relay closes it. */
size_t courier_idle_fds(const struct courier *courier, int fds[CONFIG_RELAYS_MAX]);
void courier_idle_check(struct courier *courier);
void courier_idle_end(struct courier *courier);		/* closes all */
void courier_free(struct courier *courier);

#endif
