/*
 * connection: a courier's way to one relay: the password, the trust store, the ladder and, when open, the channel. Owns them. The nursery
 * (wire/dialogue.h) is borrowed: it is forked before the process reads the settings, which may hold a password, and serves all connections.
 */
#ifndef MAILCRANE_CONNECTION_H
#define MAILCRANE_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/config.h"
#include "base/deadline.h"
#include "base/outcome.h"
#include "wire/channel.h"
#include "wire/dialogue.h"
#include "wire/ladder.h"
#include "wire/splice.h"
#include "wire/transaction.h"

#define CONNECTION_STEPS_MAX 64

struct connection {
	const struct config *config;	/* borrowed, as are these two */
	const struct relay  *relay;
	struct nursery      *nursery;
	struct tls_trust    *trust;
	struct buffer        secret;
	char                 ehlo[256];
	struct channel      *channel;	/* NULL: not open */
	bool                 used;	/* a message went over it already */
	bool                 no_chunking;
	struct ladder_step   steps[CONNECTION_STEPS_MAX];	/* of the last connection_open, in order; the last one is what decided */
	size_t               step_count;
};

/* The name that we greet with: the host's name when it has a dot, else the sender's domain, else an address literal; never "localhost",
 * which relays refuse, and never a look-up, which may hang (RFC 5321 section 4.1.1.1). */
void connection_ehlo(const struct config *config, const struct relay *relay, char *text, size_t size);

/* Closed, and without a relay. connection_end it. */
void connection_init(struct connection *connection, struct nursery *nursery);

/* Reads the relay's password. 0, or -1 and *outcome (deferred). */
int connection_begin(struct connection *connection, const struct config *config, const struct relay *relay, struct outcome *outcome);

/* Closes the channel and reads password and trust store again. As connection_begin. */
int connection_renew(struct connection *connection, struct outcome *outcome);

/* true when a channel is open and the relay has not hung up on it. */
bool connection_is_alive(struct connection *connection);

/* Climbs the ladder until a channel is secured and logged in, from where `hint` says. 0, or -1 and *outcome: the reason that says most. No
 * effect when one is open and alive. */
int connection_open(struct connection *connection, const struct ladder_hint *hint, struct deadline deadline, struct outcome *outcome);

/* The way by which connection_open came to its channel. */
struct ladder_hint connection_way(const struct connection *connection);

/* Runs one transaction; call connection_settled after the outcomes are safe. Falls back to DATA when the relay knows no
 * BDAT. Closes the channel when it can't be used again. */
void connection_send(struct connection *connection, const struct transaction *transaction, struct deadline deadline,
    struct outcome *outcomes, struct splice_report *report);
void connection_settled(struct connection *connection, const struct transaction *transaction,
    const struct outcome *outcomes, struct splice_report *report);

void connection_close(struct connection *connection);
void connection_end(struct connection *connection);

#endif
