/*
 * talk: lines, data, replies (RFC 5321 sections 2.3.8 and 4.5.3, RFC 2920). Descriptors are the caller's, perhaps shared with
 * others, so they are not made non-blocking: poll() says when, and no more than PIPE_BUF is written then, which a pipe with
 * room takes at once.
 */
#include "talk.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/text.h"

#define TALK_REPLY_MAX 512	/* RFC 5321 section 4.5.3.1.5, CRLF included */

void
talk_init(struct talk *talk, int in, int out, int64_t patience)
{
	memset(talk, 0, sizeof(*talk));
	talk->in = in;
	talk->out = out;
	talk->patience = patience;
	/* room for one more reply than where reading stops */
	buffer_init(&talk->replies, TALK_REPLIES_MAX + TALK_REPLY_MAX);
}

void
talk_free(struct talk *talk)
{
	buffer_free(&talk->replies);
}

/* Once, when poll() said that there is room. A socket may have less room than PIPE_BUF. */
static void
talk_write(struct talk *talk)
{
	size_t length = talk->replies.length < PIPE_BUF ? talk->replies.length : PIPE_BUF;
	ssize_t n = send(talk->out, talk->replies.data, length, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno == ENOTSOCK)
		n = write(talk->out, talk->replies.data, length);
	if (n > 0)
		buffer_consume(&talk->replies, (size_t)n);
	else if (n == 0 || (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK))
		talk->is_deaf = true;
}

/* Writes while there is something to write, until `wanted` (a descriptor to read from, or -1) has something. 0, or -1 when
 * the client is deaf; then there is nothing more to say to it. */
static int
talk_wait(struct talk *talk, int wanted)
{
	struct deadline deadline = deadline_in(talk->patience);

	while (!talk->is_deaf && (wanted >= 0 || talk->replies.length > 0)) {
		bool has_reply = talk->replies.length > 0;
		struct pollfd ready[] = {
			{.fd = has_reply ? talk->out : -1, .events = POLLOUT},
			{.fd = wanted, .events = POLLIN},
		};
		int n = poll(ready, 2, has_reply ? deadline_poll(deadline) : -1);

		if (n < 0 && errno != EINTR)
			talk->is_deaf = true;
		if (n == 0)
			talk->is_deaf = has_reply;
		if (n <= 0)
			continue;
		if (ready[0].revents != 0) {
			size_t before = talk->replies.length;

			talk_write(talk);
			if (talk->replies.length < before)
				deadline = deadline_in(talk->patience);
		}
		if (ready[1].revents != 0)
			break;
	}
	return talk->is_deaf ? -1 : 0;
}

int
talk_flush(struct talk *talk)
{
	return talk_wait(talk, -1);
}

/* Reads once, waiting if nothing is there. Moves what is unread to the front. 0 also at the end; -1 when the client is deaf or
 * the read failed, which ends the input, too. */
static int
talk_fill(struct talk *talk)
{
	ssize_t n;

	if (talk->is_at_end)
		return 0;
	if (talk->start > 0) {
		memmove(talk->data, talk->data + talk->start, talk->end - talk->start);
		talk->end -= talk->start;
		talk->start = 0;
	}
	if (talk->replies.length >= TALK_REPLIES_MAX && talk_flush(talk) != 0)
		return -1;
	do {
		if (talk_wait(talk, talk->in) != 0)
			return -1;
		n = read(talk->in, talk->data + talk->end, sizeof(talk->data) - talk->end);
	} while (n < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK));
	if (n <= 0)
		talk->is_at_end = true;
	else
		talk->end += (size_t)n;
	return n < 0 ? -1 : 0;
}

/* Where the line at hand ends: *length octets and the line end. */
static enum talk_result
talk_cut(struct talk *talk, const char *newline, size_t *length)
{
	const char *start = talk->data + talk->start;
	bool has_cr = newline > start && newline[-1] == '\r';

	if (talk->lines == TALK_UNDECIDED)
		talk->lines = has_cr ? TALK_CRLF : TALK_LF;
	if (talk->lines == TALK_CRLF && !has_cr)
		return TALK_BARE_LF;
	*length = (size_t)(newline - start) - (has_cr ? 1 : 0);
	return TALK_LINE;
}

enum talk_result
talk_line(struct talk *talk, const char **line, size_t *length)
{
	enum talk_result result = TALK_LINE, cut;

	for (;;) {
		char *start = talk->data + talk->start;
		char *newline = memchr(start, '\n', talk->end - talk->start);

		if (newline != NULL) {
			cut = talk_cut(talk, newline, length);
			*line = start;
			talk->start = (size_t)(newline + 1 - talk->data);
			if (newline + 1 - start > COMMAND_LINE_MAX)
				result = TALK_TOO_LONG;
			return cut == TALK_LINE ? result : cut;
		}
		if (talk->end - talk->start > COMMAND_LINE_MAX) {
			/* the last octet stays: it may be the CR of the line end */
			result = TALK_TOO_LONG;
			talk->start = talk->end - 1;
		}
		if (talk->is_at_end)
			return TALK_END;
		if (talk_fill(talk) != 0)
			return talk->is_deaf ? TALK_DEAF : TALK_END;
	}
}

bool
talk_has_more(struct talk *talk)
{
	struct pollfd ready = {.fd = talk->in, .events = POLLIN};

	if (talk->start == talk->end && !talk->is_at_end && poll(&ready, 1, 0) == 1)
		(void)talk_fill(talk);
	return talk->start < talk->end;
}

void
talk_data_begin(struct talk *talk)
{
	dots_init(&talk->dots, talk->lines == TALK_LF);
}

ssize_t
talk_data(void *context, char *data, size_t room)
{
	struct talk *talk = context;
	size_t length, written;

	while (talk->dots.place != DOTS_END) {
		if (talk->start == talk->end && talk_fill(talk) != 0)
			return -1;
		if (talk->start == talk->end) {
			errno = ECONNRESET;
			return -1;
		}
		length = talk->end - talk->start;
		written = dots_take(&talk->dots, talk->data + talk->start, &length, data, room);
		talk->start += length;
		if (written > 0)
			return (ssize_t)written;
	}
	return 0;
}

void
talk_reply(struct talk *talk, const char *format, ...)
{
	char line[TALK_REPLY_MAX + 1];
	va_list arguments;
	size_t length;

	va_start(arguments, format);
	length = text_line(line, sizeof(line), false, "\r\n", format, arguments);
	va_end(arguments);
	(void)buffer_append(&talk->replies, line, length);
}
