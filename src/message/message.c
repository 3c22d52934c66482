/*
 * message: from standard input to envelope and wire form (RFC 5321, 5322, 6409 section 8). The order of work:
 *
 *   headers   read into memory, line ends made CRLF, until an empty line or a line that is no field
 *   envelope  reverse-path and recipients, from request and headers
 *   begin     the sink gets the envelope; then the headers as they go out, an empty line
 *   body      line by line through a window, never in memory as a whole
 *
 * Each error comes back through one way out, where the rest of the input is read and thrown away: a caller that is still
 * writing must not get SIGPIPE instead of our exit code.
 */
#include "message/message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "message/fold.h"
#include "message/header.h"
#include "message/intake.h"
#include "message/mbox.h"
#include "message/mend.h"
#include "message/output.h"
#include "message/recipients.h"
#include "message/rewrite.h"
#include "message/sender.h"

struct message {
	const struct message_request *request;
	struct intake *intake;
	struct output  output;
	struct buffer  headers;		/* as they came, canonical */
	struct outcome *outcome;
	bool is_quoted_printable;
	bool read_failed;
};

static int
message_read_failed(struct message *message)
{
	message->read_failed = true;
	outcome_set(message->outcome, VERDICT_FAILED, STAGE_INPUT, CAUSE_INPUT, "reading the message failed: %s",
	    strerror(errno));
	return -1;
}

static int
message_headers_too_long(struct message *message)
{
	outcome_set(message->outcome, VERDICT_FAILED, STAGE_INPUT, CAUSE_INPUT, "the headers are longer than %d KB",
	    MESSAGE_HEADER_MAX / 1024);
	return -1;
}

/* Takes the line at hand, however long it is, into the headers; `keep` false: throws it away. */
static int
message_take_header(struct message *message, struct intake_line line, bool keep)
{
	size_t before;
	int result = 1;

	for (;;) {
		before = message->headers.length;
		if (keep && buffer_append(&message->headers, line.data, line.length) != 0)
			return message_headers_too_long(message);
		for (size_t i = before; i < message->headers.length; i++)
			if (message->headers.data[i] == '\r')
				message->headers.data[i] = ' ';
		if (line.is_whole || result == 0)
			break;
		intake_take(message->intake, line.length);
		result = intake_line(message->intake, false, &line);
		if (result < 0)
			return message_read_failed(message);
	}
	intake_next(message->intake);
	if (keep && buffer_append(&message->headers, "\r\n", 2) != 0)
		return message_headers_too_long(message);
	return 0;
}

/* Leaves the intake at the first line of the body. */
static int
message_read_headers(struct message *message)
{
	struct intake_line line;
	bool is_mbox, is_fold;
	int result;

	while ((result = intake_line(message->intake, false, &line)) == 1) {
		is_mbox = message->headers.length == 0 && line.is_whole && mbox_is_line(line.data, line.length);
		is_fold = message->headers.length > 0 && line.length > 0 && (line.data[0] == ' ' || line.data[0] == '\t');
		if (line.length == 0 && line.is_whole) {
			intake_next(message->intake);
			return 0;
		}
		if (!is_mbox && !is_fold && !header_is_field(line.data, line.length))
			return 0;
		if (message_take_header(message, line, !is_mbox) != 0)
			return -1;
	}
	return result < 0 ? message_read_failed(message) : 0;
}

/* The value without blanks, comments and parameters is `word`. */
static bool
message_header_says(const struct message *message, const char *name, const char *word, bool as_prefix)
{
	struct header_field field;
	size_t length = strlen(word), at = 0;

	if (!header_find(message->headers.data, message->headers.length, name, &field))
		return false;
	while (at < field.value_length && memchr(" \t\r\n", field.value[at], 4) != NULL)
		at++;
	if (field.value_length - at < length || strncasecmp(field.value + at, word, length) != 0)
		return false;
	at += length;
	return as_prefix || at == field.value_length || memchr(" \t\r\n;(", field.value[at], 6) != NULL;
}

/* The headers as they go out, and the empty line. */
static int
message_write_headers(struct message *message, const struct envelope *envelope)
{
	struct buffer final;
	int failed;

	buffer_init(&final, MESSAGE_HEADER_MAX);
	failed = rewrite_headers(message->request, envelope, message->headers.data, message->headers.length, &final);
	if (failed != 0)
		failed = message_headers_too_long(message);
	else if (message->output.sink->begin(message->output.sink->context, envelope, message->outcome) != 0)
		failed = -1;
	else if (output_write(&message->output, final.data, final.length, message->outcome) != 0)
		failed = -1;
	else
		failed = output_line(&message->output, "", 0, message->outcome);
	buffer_free(&final);
	return failed;
}

/* The first part of a line that is too long. */
static int
message_write_part(struct message *message, const struct intake_line *line)
{
	size_t cut = fold_body(line->data, line->length, message->is_quoted_printable);

	if (output_write(&message->output, line->data, cut, message->outcome) != 0)
		return -1;
	if (output_line(&message->output, "=", message->is_quoted_printable ? 1 : 0, message->outcome) != 0)
		return -1;
	intake_take(message->intake, cut);
	return 0;
}

static int
message_write_body(struct message *message)
{
	struct intake_line line;
	int result;

	while ((result = intake_line(message->intake, true, &line)) == 1) {
		if (line.length > MESSAGE_LINE_MAX) {
			if (message_write_part(message, &line) != 0)
				return -1;
			continue;
		}
		if (output_line(&message->output, line.data, line.length, message->outcome) != 0)
			return -1;
		intake_next(message->intake);
	}
	if (result < 0)
		return message_read_failed(message);
	return output_flush(&message->output, message->outcome);
}

static int
message_transfer(struct message *message, struct envelope *envelope)
{
	const struct buffer *headers = &message->headers;

	if (message_read_headers(message) != 0)
		return -1;
	if (recipients_collect(message->request, headers->data, headers->length, envelope, message->outcome) != 0)
		return -1;
	if (sender_choose(message->request, headers->data, headers->length, envelope, message->outcome) != 0)
		return -1;
	envelope->smtputf8 = envelope_is_international(envelope) || mend_is_international(headers->data, headers->length);
	message->is_quoted_printable =
	    message_header_says(message, "Content-Transfer-Encoding", "quoted-printable", false) &&
	    !message_header_says(message, "Content-Type", "multipart/", true);
	if (message_write_headers(message, envelope) != 0)
		return -1;
	return message_write_body(message);
}

int
message_accept(int input, const struct message_request *request, const struct message_sink *sink,
    struct envelope *envelope, struct outcome *outcome)
{
	struct message message = {.request = request, .outcome = outcome};
	struct envelope found;
	int failed;

	envelope_init(&found);
	message.intake = intake_new(input, request->dots_are_text);
	output_init(&message.output, sink, request->max_message);
	buffer_init(&message.headers, MESSAGE_HEADER_MAX);
	failed = message_transfer(&message, &found);
	if (failed != 0 && !message.read_failed)
		intake_drain(message.intake);
	if (failed == 0) {
		found.eight_bit = message.output.eight_bit;
		*envelope = found;
	} else {
		envelope_free(&found);
	}
	buffer_free(&message.headers);
	output_free(&message.output);
	intake_free(message.intake);
	return failed == 0 ? 0 : -1;
}
