/*
 * body: compares a stream with the spool (RFC 5321 section 4.5.2 for the dots).
 *
 * States of the stuffed form: LINE (at the start of a line) -> DOT -> DOT_CR -> END, or TEXT until the next
 * LF. A lone dot can only end the message where the spool's message ends as well: anywhere else it would not
 * match.
 */
#include "wire/body.h"

#include <string.h>

#include "base/file.h"

void
body_init(struct body *body, const struct transaction *transaction)
{
	body->transaction = transaction;
	body->position = 0;
	body->state = BODY_LINE;
	body->block_start = 0;
	body->block_length = 0;
}

/* Octets of the spool at the position that are at hand; 0 at the end of the message or when it can't be read.
 * */
static size_t
body_at_hand(struct body *body)
{
	uint64_t left = body->transaction->message_length - body->position;
	ssize_t n;

	if (body->position < body->block_start + body->block_length)
		return (size_t)(body->block_start + body->block_length - body->position);
	if (left == 0)
		return 0;
	n = file_pread(body->transaction->message_fd, body->block, left < BODY_BLOCK ? (size_t)left : BODY_BLOCK,
	    body->transaction->message_offset + (off_t)body->position);
	body->block_start = body->position;
	body->block_length = n > 0 ? (size_t)n : 0;
	return body->block_length;
}

int
body_match(struct body *body, const char *data, size_t length)
{
	while (length > 0) {
		size_t n = body_at_hand(body);

		if (n == 0)
			return -1;
		if (n > length)
			n = length;
		if (memcmp(body->block + (body->position - body->block_start), data, n) != 0)
			return -1;
		body->position += n;
		data += n;
		length -= n;
	}
	return 0;
}

/* The part of a line in data, its LF included. Gives how many octets were taken, 0 when they are wrong. */
static size_t
body_match_text(struct body *body, const char *data, size_t length)
{
	const char *lf = memchr(data, '\n', length);
	size_t n = lf != NULL ? (size_t)(lf - data) + 1 : length;

	if (body_match(body, data, n) != 0)
		return 0;
	body->state = lf != NULL ? BODY_LINE : BODY_TEXT;
	return n;
}

int
body_match_stuffed(struct body *body, const char *data, size_t length)
{
	size_t n;

	while (length > 0) {
		n = 1;
		switch (body->state) {
		case BODY_LINE:
			if (data[0] == '.') {
				body->state = BODY_DOT;
				break;
			}
			body->state = BODY_TEXT;
			n = 0;
			break;
		case BODY_DOT:
			body->state = data[0] == '\r' ? BODY_DOT_CR : BODY_TEXT;
			n = data[0] == '\r' ? 1 : 0;
			break;
		case BODY_DOT_CR:
			if (data[0] != '\n' || !body_complete(body))
				return -1;
			body->state = BODY_END;
			break;
		case BODY_TEXT:
			n = body_match_text(body, data, length);
			if (n == 0)
				return -1;
			break;
		case BODY_END:
			return -1;
		}
		data += n;
		length -= n;
	}
	return 0;
}

bool
body_ended(const struct body *body)
{
	return body->state == BODY_END;
}

bool
body_complete(const struct body *body)
{
	return body->position == body->transaction->message_length;
}
