/*
 * exchange: buffered commands and replies over a channel (RFC 5321 section 4.2, RFC 2920).
 */
#include "wire/exchange.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#define EXCHANGE_OUT_MAX (8UL << 20)	/* an envelope of thousands of recipients; the body goes out block by block */
#define EXCHANGE_BLOCK   8192
#define EXCHANGE_IN_MAX  (512UL << 10)	/* replies that came while we were writing */

void
exchange_init(struct exchange *exchange, struct channel *channel, struct deadline deadline)
{
	memset(exchange, 0, sizeof(*exchange));
	exchange->channel = channel;
	exchange->deadline = deadline;
	buffer_init(&exchange->out, EXCHANGE_OUT_MAX);
	buffer_init(&exchange->in, EXCHANGE_IN_MAX);
}

void
exchange_clear(struct exchange *exchange)
{
	buffer_free(&exchange->out);
	buffer_free(&exchange->in);
}

void
exchange_queue(struct exchange *exchange, const void *data, size_t length)
{
	/* what does not fit must not be sent in part */
	if (buffer_append(&exchange->out, data, length) != 0)
		exchange->broken = true;
}

void
exchange_expect(struct exchange *exchange)
{
	exchange->due++;
}

void
exchange_command(struct exchange *exchange, const char *line)
{
	channel_trace(exchange->channel, 'C', line, strlen(line));
	exchange_queue(exchange, line, strlen(line));
	exchange_queue(exchange, "\r\n", 2);
	exchange_expect(exchange);
}

static bool
exchange_full(const struct exchange *exchange)
{
	return exchange->in.limit - exchange->in.length < EXCHANGE_BLOCK;
}

static int
exchange_break(struct exchange *exchange, struct outcome *outcome, enum stage stage, enum cause cause,
    const char *why)
{
	exchange->broken = true;
	outcome_set(outcome, VERDICT_DEFERRED, stage, cause, "%s at stage %s", why, stage_name(stage));
	return -1;
}

/* Takes in what is there, as long as there is room for it. */
static void
exchange_fill(struct exchange *exchange)
{
	char block[EXCHANGE_BLOCK];

	while (!exchange->eof && !exchange_full(exchange)) {
		ssize_t n = channel_read(exchange->channel, block, sizeof(block));

		if (n > 0 && buffer_append(&exchange->in, block, (size_t)n) == 0)
			continue;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		/* an error of the connection: what it said before still counts */
		exchange->eof = true;
	}
}

/* As poll(), which does not see what the TLS layer holds. */
static int
exchange_wait(struct exchange *exchange, short events, struct deadline deadline)
{
	struct pollfd event = {channel_fd(exchange->channel), events, 0};
	int ready;

	if ((events & POLLIN) != 0 && channel_readable_now(exchange->channel))
		return 1;
	do {
		ready = poll(&event, 1, deadline_poll(deadline));
	} while (ready < 0 && errno == EINTR);
	return ready;
}

/* Hands over what the connection takes now. Gives octets, 0 for none now, -1 when it is over. */
static ssize_t
exchange_push(struct exchange *exchange)
{
	ssize_t n;

	do {
		n = channel_write(exchange->channel, exchange->out.data, exchange->out.length);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
		return -1;
	if (n <= 0) {
		exchange->wants = channel_wants(exchange->channel);
		return 0;
	}
	exchange->used = exchange->fresh = true;
	buffer_consume(&exchange->out, (size_t)n);
	return n;
}

int
exchange_flush(struct exchange *exchange, enum stage stage, int64_t limit, struct outcome *outcome)
{
	struct deadline progress = deadline_in(limit);

	if (exchange->broken)
		return exchange_break(exchange, outcome, stage, CAUSE_LOCAL, "more to send than there is room for");
	while (exchange->out.length > 0) {
		ssize_t n = exchange_push(exchange);

		exchange_fill(exchange);
		if (exchange->out.length == 0)
			break;
		if (exchange_full(exchange))
			return exchange_break(exchange, outcome, stage, CAUSE_PROTOCOL, "too many replies");
		if (n < 0 || exchange->eof)
			return exchange_break(exchange, outcome, stage, CAUSE_CLOSED, "connection closed");
		if (n > 0)
			progress = deadline_in(limit);
		else if (exchange_wait(exchange, exchange->wants | POLLIN,
		    deadline_earlier(progress, exchange->deadline)) <= 0)
			return exchange_break(exchange, outcome, stage, CAUSE_SILENCE, "the relay stopped reading");
	}
	return 0;
}

/* One reply out of what has come: 1, 0 for not yet, -1 and *outcome. */
static int
exchange_parse(struct exchange *exchange, enum stage stage, struct reply *reply, struct outcome *outcome)
{
	size_t used;

	if (exchange->in.length == 0)
		return 0;
	switch (reply_parse(exchange->in.data, exchange->in.length, &used, reply)) {
	case REPLY_COMPLETE:
		channel_trace(exchange->channel, 'S', exchange->in.data, used);
		channel_withhold(exchange->channel, reply->text, sizeof(reply->text));
		buffer_consume(&exchange->in, used);
		if (exchange->due > 0)
			exchange->due--;
		return 1;
	case REPLY_MORE:
		return 0;
	case REPLY_NONSENSE:
	default:
		exchange->broken = true;
		channel_withhold(exchange->channel, reply->text, sizeof(reply->text));
		outcome_set(outcome, VERDICT_DEFERRED, stage, CAUSE_PROTOCOL, "not an SMTP reply: %s", reply->text);
		return -1;
	}
}

bool
exchange_skip_line(struct exchange *exchange)
{
	const char *lf = exchange->in.length > 0 ? memchr(exchange->in.data, '\n', exchange->in.length) : NULL;

	if (lf == NULL || exchange->due == 0)
		return false;
	buffer_consume(&exchange->in, (size_t)(lf - exchange->in.data) + 1);
	exchange->due--;
	return true;
}

int
exchange_reply_now(struct exchange *exchange, enum stage stage, struct reply *reply, struct outcome *outcome)
{
	int found = exchange_parse(exchange, stage, reply, outcome);

	if (found != 0)
		return found;
	exchange_fill(exchange);
	return exchange_parse(exchange, stage, reply, outcome);
}

int
exchange_reply(struct exchange *exchange, enum stage stage, int64_t limit, struct reply *reply, struct outcome *outcome)
{
	/* absolute: a reply that drips in gets no more time than one that does not come */
	struct deadline deadline = deadline_earlier(deadline_in(limit), exchange->deadline);
	int found;

	if (exchange->fresh) {
		exchange->flights++;
		exchange->fresh = false;
	}
	for (;;) {
		found = exchange_reply_now(exchange, stage, reply, outcome);
		if (found != 0)
			return found > 0 ? 0 : -1;
		if (exchange->eof)
			return exchange_break(exchange, outcome, stage, CAUSE_CLOSED, "connection closed");
		if (deadline_passed(deadline) || exchange_wait(exchange, channel_wants(exchange->channel) | POLLIN,
		    deadline) <= 0)
			return exchange_break(exchange, outcome, stage, CAUSE_SILENCE, "no reply in time");
	}
}

bool
exchange_unsolicited(struct exchange *exchange)
{
	exchange_fill(exchange);
	return exchange->in.length > 0 || exchange->eof;
}
