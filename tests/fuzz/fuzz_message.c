/*
 * Messages from anywhere: no crash, and what comes out keeps the promises of rewrite.h: canonical lines, a separator, no field
 * twice that libESMTP would drop. The first octet chooses -t and -i. Build as fuzz_address.c.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buffer.h"
#include "message/header.h"
#include "message/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
fuzz_begin(void *context, const struct envelope *envelope, struct outcome *outcome)
{
	(void)context;
	(void)outcome;
	if (envelope->recipient_count == 0 || envelope->reverse_path == NULL)
		abort();
	for (size_t i = 0; i < envelope->recipient_count; i++)
		if (strchr(envelope->recipients[i], '@') == NULL || strlen(envelope->recipients[i]) > ENVELOPE_ADDRESS_MAX)
			abort();
	return 0;
}

static int
fuzz_write(void *context, const void *data, size_t length, struct outcome *outcome)
{
	(void)outcome;
	return buffer_append(context, data, length);
}

static size_t
fuzz_count(const char *block, size_t length, const char *name)
{
	struct header_field field;
	size_t offset = 0, count = 0;

	while (header_next(block, length, &offset, &field)) {
		if (!header_is_field(field.start, field.length))
			abort();
		count += header_is(&field, name);
	}
	return count;
}

static void
fuzz_check(const struct buffer *wire)
{
	static const char *const once[] = {"From", "Date", "Message-ID"};
	static const char *const most_once[] = {"Sender", "Reply-To", "To", "Cc", "Disposition-Notification-To"};
	static const char *const never[] = {"Bcc", "Resent-Bcc", "Return-Path", "Original-Recipient", "Resent-Reply-To"};
	size_t headers = 0, start = 0;

	for (size_t i = 0; i < wire->length; i++) {
		if ((wire->data[i] == '\r') != (i + 1 < wire->length && wire->data[i + 1] == '\n') || wire->data[i] == '\0')
			abort();
		if (wire->data[i] != '\n')
			continue;
		if (i - 1 - start > MESSAGE_LINE_MAX)
			abort();
		if (i - 1 == start && headers == 0)
			headers = start;
		start = i + 1;
	}
	if (headers == 0 || start != wire->length)
		abort();
	for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++)
		if (fuzz_count(wire->data, headers, once[i]) != 1)
			abort();
	for (size_t i = 0; i < sizeof(most_once) / sizeof(most_once[0]); i++)
		if (fuzz_count(wire->data, headers, most_once[i]) > 1)
			abort();
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		if (fuzz_count(wire->data, headers, never[i]) != 0)
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *word = "b@x";
	struct message_request request = {.default_domain = "host.example", .user_name = "alice", .recipients = &word,
	    .recipient_count = 1, .max_message = 1 << 20};
	struct buffer wire;
	struct message_sink sink = {&wire, fuzz_begin, fuzz_write};
	struct envelope envelope;
	struct outcome outcome;
	int fd;

	if (size == 0)
		return 0;
	request.take_recipients = data[0] & 1;
	request.dots_are_text = data[0] & 2;
	fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0 || pwrite(fd, data + 1, size - 1, 0) != (ssize_t)(size - 1))
		abort();
	buffer_init(&wire, 1 << 22);
	if (message_accept(fd, &request, &sink, &envelope, &outcome) == 0) {
		fuzz_check(&wire);
		envelope_free(&envelope);
	}
	buffer_free(&wire);
	(void)close(fd);
	return 0;
}
