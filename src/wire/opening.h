/*
 * opening: one candidate on its way from the first SYN to EHLO inside verified TLS (RFC 5321, 3207, 8314), where several race beside each
 * other. Never waits: whoever drives it polls its descriptor and calls opening_advance. Each stage has its own limit from the timeouts, all
 * under one deadline, however many octets come. No password is known here; the login is for the winner (channel_login).
 */
#ifndef MAILCRANE_OPENING_H
#define MAILCRANE_OPENING_H

#include <stdint.h>
#include <sys/socket.h>

#include "base/config.h"
#include "base/deadline.h"
#include "base/outcome.h"
#include "wire/channel.h"
#include "wire/tls.h"

/* Where to and with what. Pointers are borrowed until opening_free. */
struct opening_plan {
	const struct relay           *relay;
	const struct config_timeouts *timeouts;
	struct tls_trust             *trust;
	const char                   *ehlo;	/* our name in EHLO */
	struct sockaddr_storage       address;	/* without port */
	struct relay_port             port;
	struct deadline               deadline;	/* of the whole */
};

enum opening_state {
	OPENING_UNDER_WAY,
	OPENING_SECURED,	/* greeted, TLS verified, EHLO answered inside it: opening_take it */
	OPENING_FAILED		/* opening_outcome says why; the connection is closed */
};

/* What was seen on the way, for people; of a FAILED one as far as it came. */
struct opening_sight {
	int                    greeting;	/* reply code, 0: no greeting */
	char                   banner[128];	/* its text */
	struct tls_certificate certificate;
};

struct opening;

/* Begins to connect. Never NULL: what goes wrong at once is told by opening_advance. */
struct opening *opening_new(const struct opening_plan *plan);

/* As far as it goes without waiting. Anything between the 220 to STARTTLS and the handshake fails it: cause INJECTION. */
enum opening_state opening_advance(struct opening *opening);

/* For poll() while it is under way, and when to call opening_advance without an event. */
int opening_fd(const struct opening *opening);
short opening_wants(const struct opening *opening);
struct deadline opening_limit(const struct opening *opening);

/* Since when (deadline_clock) it has been in the stage where it is, and which that is. */
int64_t opening_since(const struct opening *opening);
enum stage opening_stage(const struct opening *opening);

const char *opening_peer(const struct opening *opening);		/* "127.0.0.1:587", "[::1]:465" */
const struct outcome *opening_outcome(const struct opening *opening);	/* of a FAILED one: deferred, stage and cause */
const struct stage_times *opening_times(const struct opening *opening);
const struct opening_sight *opening_sight(const struct opening *opening);

/* The channel of a SECURED one: to look at, and the caller's from now on. */
const struct channel *opening_channel(const struct opening *opening);
struct channel *opening_take(struct opening *opening);

/* Closes what was not taken: QUIT where the relay has greeted, never waited for. NULL allowed. */
void opening_free(struct opening *opening);

#endif
