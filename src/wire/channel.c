/*
 * channel: octets and replies over a connection, in clear or through TLS. How one is opened stands in opening.c.
 */
#include "wire/channel.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "wire/channel_private.h"
#include "wire/login.h"
#include "wire/sasl.h"

#define CHANNEL_INPUT_MAX (65536 + 4096)
#define CHANNEL_TRACE_LINES 64		/* of one reply */
#define CHANNEL_TRACE_LINE 600
#define CHANNEL_WITHHELD "(withheld: the relay's words repeat the login)"

struct channel *
channel_new(void)
{
	struct channel *channel = memory_alloc(sizeof(*channel));

	channel->fd = -1;
	channel->is_mute = true;
	channel->mechanism = "";
	buffer_init(&channel->input, CHANNEL_INPUT_MAX);
	return channel;
}

/* ---- the dialogue, for people ---- */

void
channel_withhold(const struct channel *channel, char *text, size_t size)
{
	if (channel->secret != NULL && sasl_is_told(channel->secret, text))
		(void)snprintf(text, size, "%s", CHANNEL_WITHHELD);
}

void
channel_trace(const struct channel *channel, char who, const char *data, size_t length)
{
	if (!log_wants(LOG_LEVEL_DEBUG))
		return;
	for (int i = 0; length > 0 && i < CHANNEL_TRACE_LINES; i++) {
		const char *lf = memchr(data, '\n', length);
		size_t whole = lf != NULL ? (size_t)(lf - data) + 1 : length, line = whole;
		char text[CHANNEL_TRACE_LINE];

		while (line > 0 && (data[line - 1] == '\n' || data[line - 1] == '\r'))
			line--;
		text_printable(text, sizeof(text), data, line, true);
		channel_withhold(channel, text, sizeof(text));
		log_line(LOG_LEVEL_DEBUG, "%s %c: %s", channel->peer, who, text);
		data += whole;
		length -= whole;
	}
}

/* ---- octets ---- */

/* From the wire, past the input. */
static ssize_t
channel_receive(struct channel *channel, void *data, size_t size)
{
	ssize_t count;

	if (channel->tls != NULL) {
		count = tls_read(channel->tls, data, size);
		channel->wants = tls_wants(channel->tls);
		return count;
	}
	channel->wants = POLLIN;
	do {
		count = recv(channel->fd, data, size, 0);
	} while (count < 0 && errno == EINTR);
	return count;
}

ssize_t
channel_read(struct channel *channel, void *data, size_t size)
{
	if (channel->input.length == 0)
		return channel_receive(channel, data, size);
	if (size > channel->input.length)
		size = channel->input.length;
	memcpy(data, channel->input.data, size);
	buffer_consume(&channel->input, size);
	return (ssize_t)size;
}

ssize_t
channel_write(struct channel *channel, const void *data, size_t length)
{
	ssize_t count;

	if (channel->tls != NULL) {
		count = tls_write(channel->tls, data, length);
		channel->wants = tls_wants(channel->tls);
		return count;
	}
	channel->wants = POLLOUT;
	do {
		count = send(channel->fd, data, length, MSG_NOSIGNAL);
	} while (count < 0 && errno == EINTR);
	return count;
}

/* 0 when ready for what is wanted, -1 when the deadline has passed. */
static int
channel_wait(const struct channel *channel, short events, struct deadline deadline)
{
	struct pollfd wait = {.fd = channel->fd, .events = events};
	int ready;

	do {
		ready = poll(&wait, 1, deadline_poll(deadline));
	} while (ready < 0 && errno == EINTR);
	return ready > 0 ? 0 : -1;
}

int
channel_fail(struct outcome *outcome, enum stage stage, enum cause cause, const char *text)
{
	outcome_set(outcome, VERDICT_DEFERRED, stage, cause, "%s", text);
	return -1;
}

int
channel_broken(struct outcome *outcome, enum stage stage, ssize_t count)
{
	if (count == 0)
		return channel_fail(outcome, stage, CAUSE_CLOSED, "the relay closed the connection");
	if (errno == EPROTO)
		return channel_fail(outcome, stage, CAUSE_TLS, "TLS broke off");
	return channel_fail(outcome, stage, CAUSE_CLOSED, strerror(errno));
}

int
channel_send(struct channel *channel, const void *data, size_t length, enum stage stage,
    struct deadline deadline, struct outcome *outcome)
{
	const char *at = data;
	ssize_t count;

	while (length > 0) {
		count = channel_write(channel, at, length);
		if (count > 0) {
			at += count;
			length -= (size_t)count;
			continue;
		}
		if (count == 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
			return channel_broken(outcome, stage, -1);
		if (deadline_passed(deadline) || channel_wait(channel, channel->wants, deadline) != 0)
			return channel_fail(outcome, stage, CAUSE_SILENCE,
			    "the relay does not read what we send");
	}
	return 0;
}

/* Puts what is there behind the input. 1: something came, 0: nothing yet, -1 and *outcome. */
static int
channel_fill(struct channel *channel, enum stage stage, struct outcome *outcome)
{
	char data[4096];
	ssize_t count = channel_receive(channel, data, sizeof(data));

	if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (count <= 0)
		return channel_broken(outcome, stage, count);
	if (buffer_append(&channel->input, data, (size_t)count) != 0)
		return channel_fail(outcome, stage, CAUSE_PROTOCOL, "the answer is too long");
	return 1;
}

int
channel_hear(struct channel *channel, enum stage stage, struct reply *reply, size_t *used, struct outcome *outcome)
{
	enum reply_status status = REPLY_MORE;
	int filled;

	for (;;) {
		if (channel->input.length > 0)
			status = reply_parse(channel->input.data, channel->input.length, used, reply);
		if (status == REPLY_COMPLETE) {
			if (!channel->is_logging_in)
				channel_trace(channel, 'S', channel->input.data, *used);
			channel_withhold(channel, reply->text, sizeof(reply->text));
			return 1;
		}
		if (status == REPLY_NONSENSE) {
			channel_trace(channel, 'S', reply->text, strlen(reply->text));
			outcome_set(outcome, VERDICT_DEFERRED, stage, CAUSE_PROTOCOL, "no SMTP reply: %s",
			    reply->text);
			return -1;
		}
		filled = channel_fill(channel, stage, outcome);
		if (filled <= 0)
			return filled;
	}
}

int
channel_late(const struct channel *channel, enum stage stage, struct outcome *outcome)
{
	return channel_fail(outcome, stage, CAUSE_SILENCE, channel->input.length > 0 ?
	    "half an answer, and no end of it in time" : "no answer in time");
}

int
channel_reply(struct channel *channel, enum stage stage, struct deadline deadline, struct reply *reply,
    struct outcome *outcome)
{
	size_t used = 0;
	int heard;

	while ((heard = channel_hear(channel, stage, reply, &used, outcome)) == 0)
		if (deadline_passed(deadline) || channel_wait(channel, channel->wants, deadline) != 0)
			return channel_late(channel, stage, outcome);
	if (heard < 0)
		return -1;
	buffer_consume(&channel->input, used);
	return 0;
}

int
channel_login(struct channel *channel, const struct relay *relay, const struct buffer *secret, struct deadline deadline,
    struct outcome *outcome)
{
	int result;

	channel->secret = secret;
	channel->is_logging_in = true;
	result = login_run(channel, relay, secret, deadline, &channel->mechanism, outcome);
	channel->is_logging_in = false;
	return result;
}

const struct capabilities *
channel_capabilities(const struct channel *channel)
{
	return &channel->capabilities;
}

const char *
channel_peer(const struct channel *channel)
{
	return channel->peer;
}

const char *
channel_tls(const struct channel *channel)
{
	return channel->tls != NULL ? tls_description(channel->tls) : "";
}

const char *
channel_mechanism(const struct channel *channel)
{
	return channel->mechanism;
}

time_t
channel_expires(const struct channel *channel)
{
	return channel->tls != NULL ? tls_certificate(channel->tls)->until : 0;
}

int
channel_fd(const struct channel *channel)
{
	return channel->fd;
}

short
channel_wants(const struct channel *channel)
{
	return channel->wants != 0 ? channel->wants : POLLIN;
}

bool
channel_readable_now(const struct channel *channel)
{
	return channel->input.length > 0 || (channel->tls != NULL && tls_pending(channel->tls) > 0);
}

bool
channel_alive(struct channel *channel)
{
	char data[512];
	ssize_t count;

	if (channel_readable_now(channel))
		return false;
	/* TLS 1.3 sends session tickets when it likes: only reading tells them from a 421 or an end */
	count = channel_read(channel, data, sizeof(data));
	if (count > 0)
		(void)buffer_append(&channel->input, data, (size_t)count);
	return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

void
channel_close(struct channel *channel)
{
	if (channel == NULL)
		return;
	if (channel->fd >= 0 && !channel->is_mute) {
		(void)channel_write(channel, "QUIT\r\n", 6);
		channel_trace(channel, 'C', "QUIT", 4);
	}
	tls_free(channel->tls);
	if (channel->fd >= 0)
		(void)close(channel->fd);
	buffer_wipe(&channel->input);
	free(channel);
}
