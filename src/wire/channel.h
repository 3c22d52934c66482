/*
 * channel: one connection to a relay, greeted and secured (wire/opening makes it), the login on it (RFC 4954), and the reading and
 * writing of lines under deadlines. The password is sent inside verified TLS only; no setting changes that.
 */
#ifndef MAILCRANE_CHANNEL_H
#define MAILCRANE_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/buffer.h"
#include "base/config.h"
#include "base/deadline.h"
#include "base/outcome.h"
#include "wire/capabilities.h"
#include "wire/reply.h"
#include "wire/tls.h"

struct channel;

/* ms spent in each stage, 0 when not reached; indexed by enum stage */
struct stage_times {
	int64_t ms[STAGE_MAX];
};

/* The dialogue, for the log at level debug: lines as they went ('C' from us, 'S' from the relay, '-' a note), never the message itself, and
 * nothing that repeats the password. */
void channel_trace(const struct channel *channel, char who, const char *data, size_t length);

/* Replaces words of the relay that repeat the password; channel_reply has done so. */
void channel_withhold(const struct channel *channel, char *text, size_t size);

/* Logs in (RFC 4954): our order of mechanisms, 504 tries the next, 535 stops. 0, or -1 and *outcome (stage AUTH). The whole has the
 * deadline, and `secret` is borrowed until the channel is closed. A channel that opening gave is inside verified TLS; without it nothing is sent. */
int channel_login(struct channel *channel, const struct relay *relay, const struct buffer *secret, struct deadline deadline,
    struct outcome *outcome);

const struct capabilities *channel_capabilities(const struct channel *channel);
/* Constant texts for log and demo. */
const char *channel_peer(const struct channel *channel);	/* "127.0.0.1:587", "[::1]:465" */
const char *channel_tls(const struct channel *channel);	/* tls_description() */
const char *channel_mechanism(const struct channel *channel);	/* "PLAIN" */
time_t channel_expires(const struct channel *channel);		/* the relay's certificate, epoch seconds; 0: no TLS */

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
