/*
 * channel: one connection to a relay, greeted, secured and logged in (RFC 5321, 3207, 8314, 4954), and the reading and writing of
 * lines on it under deadlines. The password is sent inside verified TLS only; no setting changes that.
 */
#ifndef MAILCRANE_CHANNEL_H
#define MAILCRANE_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/config.h"
#include "base/deadline.h"
#include "base/outcome.h"
#include "wire/capabilities.h"
#include "wire/reply.h"
#include "wire/tls.h"

struct channel;

/* What it takes to open one. Borrowed for the call. */
struct channel_plan {
	const struct relay           *relay;
	const struct config_timeouts *timeouts;
	const struct buffer          *secret;
	struct tls_trust             *trust;
	const char                   *ehlo;		/* our name in EHLO */
	struct sockaddr_storage       address;	/* without port */
	struct relay_port             port;
};

/* ms spent in each stage, 0 when not reached; indexed by enum stage */
struct stage_times {
	int64_t ms[STAGE_MAX];
};

/* Connects, greets, secures, says EHLO again, logs in. Each stage has its own limit from the timeouts, all under `deadline`. NULL and
 * *outcome on failure, connection closed, *times filled as far as it came. Stops after 535; 504 tries the next mechanism.
 * Anything in the buffer between the 220 to STARTTLS and the handshake: cause INJECTION. */
struct channel *channel_open(const struct channel_plan *plan, struct deadline deadline, struct stage_times *times,
    struct outcome *outcome);

const struct capabilities *channel_capabilities(const struct channel *channel);
/* Constant texts for log and demo. */
const char *channel_peer(const struct channel *channel);	/* "127.0.0.1:587", "[::1]:465" */
const char *channel_tls(const struct channel *channel);	/* tls_description() */
const char *channel_mechanism(const struct channel *channel);	/* "PLAIN" */

/* For poll(): the descriptor, and what to wait for after EAGAIN. */
int channel_fd(const struct channel *channel);
short channel_wants(const struct channel *channel);
bool channel_readable_now(const struct channel *channel);	/* bytes are waiting inside TLS or in our buffer */

/* Never blocks: as read() and write() on a non-blocking descriptor. */
ssize_t channel_read(struct channel *channel, void *data, size_t size);
ssize_t channel_write(struct channel *channel, const void *data, size_t length);

/* Blocking under a deadline: whole `data` written, or -1 and *outcome (stage as given, deferred). */
int channel_send(struct channel *channel, const void *data, size_t length, enum stage stage, struct deadline deadline, struct outcome *outcome);

/* One whole reply, or -1 and *outcome: SILENCE, CLOSED or PROTOCOL at that stage. Bytes behind the reply stay in
 * the channel's buffer for the next call (channel_read gives them first). */
int channel_reply(struct channel *channel, enum stage stage, struct deadline deadline, struct reply *reply, struct outcome *outcome);

/* true when the idle connection is still good: nothing to read, not closed. */
bool channel_alive(struct channel *channel);

/* QUIT (not waited for), close_notify, close. Never blocks more than a moment. NULL allowed. */
void channel_close(struct channel *channel);

#endif
