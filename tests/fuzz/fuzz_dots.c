/*
 * What an SMTP client sends behind 354: the end is where a search for CRLF "." CRLF finds it, what comes out is what a line by line
 * reading gives, however it is cut; and as a message it is canonical, without an end of data of anybody's in it that is
 * not stuffed by whoever sends it. The first octet: 1 an LF client, 2 an output of two octets, the rest the portions.
 * Build as fuzz_command.c, with compat/dots.c in the place of compat/command.c.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "compat/dots.h"
#include "message/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
	const char *in;
	size_t      length, at, portion;
	struct dots dots;
};

/* The line at `at` with its end; 0 when there is no end. */
static size_t
fuzz_line(const char *in, size_t length, size_t at, bool lf)
{
	for (size_t i = at; i < length; i++)
		if (in[i] == '\n' && (lf || (i > at && in[i - 1] == '\r')))
			return i + 1 - at;
	return 0;
}

static bool
fuzz_is_end(const char *line, size_t length, bool lf)
{
	return (length == 3 && memcmp(line, ".\r\n", 3) == 0) || (lf && length == 2 && memcmp(line, ".\n", 2) == 0);
}

/* Line by line. true when the end is in it; *end is behind it then. */
static bool
fuzz_reference(const char *in, size_t length, bool lf, struct buffer *out, size_t *end)
{
	size_t at = 0, line;

	while ((line = fuzz_line(in, length, at, lf)) > 0) {
		size_t dot = in[at] == '.';

		if (fuzz_is_end(in + at, line, lf)) {
			*end = at + line;
			return true;
		}
		(void)buffer_append(out, in + at + dot, line - dot);
		at += line;
	}
	if (at < length) {
		size_t dot = in[at] == '.';

		(void)buffer_append(out, in + at + dot, length - at - dot);
	}
	return false;
}

static ssize_t
fuzz_read(void *context, char *data, size_t room)
{
	struct fuzz *fuzz = context;
	size_t length, written = 0;

	while (written == 0 && fuzz->dots.place != DOTS_END) {
		if (fuzz->at == fuzz->length) {
			errno = ECONNRESET;
			return -1;
		}
		length = fuzz->length - fuzz->at < fuzz->portion ? fuzz->length - fuzz->at : fuzz->portion;
		written = dots_take(&fuzz->dots, fuzz->in + fuzz->at, &length, data, room);
		fuzz->at += length;
	}
	return (ssize_t)written;
}

static int
fuzz_begin(void *context, const struct envelope *envelope, struct outcome *outcome)
{
	(void)context;
	(void)outcome;
	return envelope->recipient_count == 1 ? 0 : -1;
}

static int
fuzz_write(void *context, const void *data, size_t length, struct outcome *outcome)
{
	(void)outcome;
	return buffer_append(context, data, length);
}

/* Neither CR nor LF alone, no NUL. */
static void
fuzz_check_wire(const struct buffer *wire)
{
	for (size_t i = 0; i < wire->length; i++) {
		bool is_cr = wire->data[i] == '\r', has_lf = i + 1 < wire->length && wire->data[i + 1] == '\n';

		if (is_cr != has_lf || wire->data[i] == '\0')
			abort();
	}
	if (wire->length < 2 || wire->data[wire->length - 1] != '\n')
		abort();
}

static void
fuzz_as_message(struct fuzz fuzz, bool ends, size_t end)
{
	const char *word = "b@x";
	struct message_request request = {.default_domain = "host.example", .user_name = "alice", .reverse_path = "a@x",
	    .recipients = &word, .recipient_count = 1, .max_message = 1 << 20};
	const struct intake_source source = {&fuzz, fuzz_read};
	struct buffer wire;
	struct message_sink sink = {&wire, fuzz_begin, fuzz_write};
	struct envelope envelope;
	struct outcome outcome;
	int result;

	buffer_init(&wire, 1 << 22);
	result = message_accept_from(&source, &request, &sink, &envelope, &outcome);
	if (result == 0) {
		if (!ends || fuzz.at != end)
			abort();
		fuzz_check_wire(&wire);
		envelope_free(&envelope);
	} else if (ends && fuzz.at != end) {
		abort();	/* a message that can't be used is read to its end, and no further */
	}
	buffer_free(&wire);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer want, got;
	struct fuzz fuzz;
	size_t end = 0, room;
	char out[512];
	bool lf, ends;

	if (size < 1)
		return 0;
	lf = (data[0] & 1) != 0;
	room = (data[0] & 2) != 0 ? 2 : sizeof(out);
	fuzz = (struct fuzz){(const char *)data + 1, size - 1, 0, (size_t)(data[0] >> 2) + 1, {DOTS_LINE_START, lf}};
	buffer_init(&want, size + 16);
	buffer_init(&got, size + 16);
	ends = fuzz_reference(fuzz.in, fuzz.length, lf, &want, &end);
	fuzz_as_message(fuzz, ends, end);
	for (;;) {
		ssize_t n = fuzz_read(&fuzz, out, room);

		if (n <= 0)
			break;
		(void)buffer_append(&got, out, (size_t)n);
	}
	if ((fuzz.dots.place == DOTS_END) != ends || (ends && fuzz.at != end))
		abort();
	/* what is held back at a broken end is nobody's */
	if (ends ? got.length != want.length : got.length > want.length)
		abort();
	if (got.length > 0 && memcmp(got.data, want.data, got.length) != 0)
		abort();
	buffer_free(&want);
	buffer_free(&got);
	return 0;
}
