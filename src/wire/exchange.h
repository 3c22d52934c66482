/*
 * exchange: commands to the relay and its replies during one transaction, in one flight or in lock step (RFC
 * 2920). Private to splice. Reads while it writes, so that a relay that wants to be heard first never blocks
 * both. Judges nothing but the connection: once it is broken it stays broken.
 */
#ifndef MAILCRANE_EXCHANGE_H
#define MAILCRANE_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/deadline.h"
#include "base/outcome.h"
#include "wire/channel.h"
#include "wire/reply.h"

struct exchange {
	struct channel *channel;	/* borrowed */
	struct deadline deadline;	/* of the attempt */
	struct buffer   out, in;
	bool            used;		/* something was sent */
	bool            fresh;		/* sent since the last reply was waited for */
	bool            eof;		/* the relay has closed its side */
	short           wants;		/* what the last write that could not go on waits for */
	bool            broken;		/* no more to be had from this connection */
	size_t          due;		/* replies that are still to come */
	int             flights;
};

void exchange_init(struct exchange *exchange, struct channel *channel, struct deadline deadline);
void exchange_clear(struct exchange *exchange);

/* Puts octets behind what is to be sent; exchange_expect says that they ask for one reply. */
void exchange_queue(struct exchange *exchange, const void *data, size_t length);
void exchange_command(struct exchange *exchange, const char *line);	/* CRLF is added, one reply expected */
void exchange_expect(struct exchange *exchange);

/* Sends all of it; `limit` is in ms without progress. 0, or -1 and *outcome: SILENCE, CLOSED, PROTOCOL. Then
 * not everything was handed to the connection: the last octet stayed here. */
int exchange_flush(struct exchange *exchange, enum stage stage, int64_t limit, struct outcome *outcome);

/* The next reply, at most `limit` ms from now. 0, or -1 and *outcome: SILENCE, CLOSED, PROTOCOL. */
int exchange_reply(struct exchange *exchange, enum stage stage, int64_t limit, struct reply *reply, struct outcome *outcome);

/* As exchange_reply, without waiting: 1 when there was one, 0 when not, -1 and *outcome. */
int exchange_reply_now(struct exchange *exchange, enum stage stage, struct reply *reply, struct outcome *outcome);

/* After nonsense: drops its line, which counts as one reply. false when the line has no end yet. */
bool exchange_skip_line(struct exchange *exchange);

/* true when the relay says something, or has closed, though nothing is due */
bool exchange_unsolicited(struct exchange *exchange);

#endif
