/*
 * message: from standard input to envelope and wire form (RFC 5321, 5322, 6409 section 8). The order of work:
 *
 *   headers   read into memory, line ends made CRLF, until an empty line or a line that is no field
 *   envelope  reverse-path and recipients, from request and headers
 *   begin     the sink gets the envelope; then the headers as they go out, an empty line
 *   body      line by line through a window, never in memory as a whole; a line has any length
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
#include "message/ascii.h"
#include "message/author.h"
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

static void
message_replace_headers(struct message *message, const struct buffer *made)
{
	buffer_free(&message->headers);
	message->headers = *made;
}

/* What concerns single fields, before recipients and senders are looked for. A signed field is changed only when it must be. */
static int
message_prepare_headers(struct message *message)
{
	const struct message_request *request = message->request;
	struct buffer *headers = &message->headers, made;
	struct header_field signature;
	int failed = 0;

	if (!header_find(headers->data, headers->length, "DKIM-Signature", &signature)) {
		buffer_init(&made, MESSAGE_HEADER_MAX);
		if (ascii_headers(&made, headers->data, headers->length) == 0)
			message_replace_headers(message, &made);
		else
			buffer_free(&made);	/* they would be too long: better as they came than not at all */
	}
	if (failed == 0 && request->force_from && request->default_from != NULL) {
		buffer_init(&made, MESSAGE_HEADER_MAX);
		failed = author_force(&made, headers->data, headers->length, request->default_from);
		message_replace_headers(message, &made);
	}
	return failed == 0 ? 0 : message_headers_too_long(message);
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

static int
message_write_body(struct message *message)
{
	struct intake_line line;
	int result;

	while ((result = intake_line(message->intake, true, &line)) == 1) {
		if (!line.is_whole) {
			if (output_write(&message->output, line.data, line.length, message->outcome) != 0)
				return -1;
			intake_take(message->intake, line.length);
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

	if (message_read_headers(message) != 0 || message_prepare_headers(message) != 0)
		return -1;
	if (recipients_collect(message->request, headers->data, headers->length, envelope, message->outcome) != 0)
		return -1;
	if (sender_choose(message->request, headers->data, headers->length, envelope, message->outcome) != 0)
		return -1;
	envelope->smtputf8 = envelope_is_international(envelope) || mend_is_international(headers->data, headers->length);
	if (message_write_headers(message, envelope) != 0)
		return -1;
	return message_write_body(message);
}

/* Frees the intake. */
static int
message_run(struct intake *intake, const struct message_request *request, const struct message_sink *sink,
    struct envelope *envelope, struct outcome *outcome)
{
	struct message message = {.request = request, .intake = intake, .outcome = outcome};
	struct envelope found;
	int failed;

	envelope_init(&found);
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

int
message_accept(int input, const struct message_request *request, const struct message_sink *sink,
    struct envelope *envelope, struct outcome *outcome)
{
	return message_run(intake_new(input, request->dots_are_text), request, sink, envelope, outcome);
}

int
message_accept_from(const struct intake_source *source, const struct message_request *request,
    const struct message_sink *sink, struct envelope *envelope, struct outcome *outcome)
{
	return message_run(intake_new_from(source), request, sink, envelope, outcome);
}
