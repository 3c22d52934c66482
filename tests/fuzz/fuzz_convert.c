/*
 * Messages in wire form from anywhere, converted: no crash, and what comes out is of seven bits (but for addresses in headers, which have no
 * other form), in lines of at most 998 octets, and holds no less than an empty message. The first octet chooses what the relay takes.
 * clang -std=c17 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined -Isrc tests/fuzz/fuzz_convert.c src/message/[a-z]*.c
 *     src/base/buffer.c src/base/outcome.c src/base/exitcode.c src/base/text.c src/base/file.c src/base/deadline.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "message/convert.h"
#include "message/header.h"
#include "message/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Canonical, as the spool has it. */
static void
fuzz_wire(struct buffer *wire, const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (data[i] == '\n')
			(void)buffer_append(wire, "\r\n", 2);
		else if (data[i] != '\r' && data[i] != '\0')
			(void)buffer_append(wire, data + i, 1);
	}
	(void)buffer_append(wire, "\r\n", 2);
}

/* A header block may hold addresses with such octets; nothing else may. */
static bool
fuzz_has_addresses(const struct buffer *wire)
{
	return memchr(wire->data, '@', wire->length) != NULL || memchr(wire->data, '<', wire->length) != NULL ||
	    strcasestr(wire->data, "to") != NULL || strcasestr(wire->data, "cc") != NULL || strcasestr(wire->data, "sender") != NULL ||
	    strcasestr(wire->data, "from") != NULL || strcasestr(wire->data, "return-path") != NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer wire;
	struct convert_needs found, left;
	struct outcome outcome;
	uint64_t length = 0;
	bool seven_bit;
	int from, to;

	if (size == 0)
		return 0;
	seven_bit = data[0] & 1;
	buffer_init(&wire, 1 << 22);
	fuzz_wire(&wire, data + 1, size - 1);
	from = memfd_create("from", MFD_CLOEXEC);
	to = memfd_create("to", MFD_CLOEXEC);
	if (from < 0 || to < 0 || file_write(from, wire.data, wire.length) != 0 ||
	    convert_look(from, 0, wire.length, &found) != 0)
		abort();
	if (convert_message(from, 0, wire.length, seven_bit, to, &length, &outcome) == 0) {
		if (lseek(to, 0, SEEK_END) != (off_t)length || convert_look(to, 0, length, &left) != 0)
			abort();
		if (left.long_lines)
			abort();
		if (seven_bit && left.eight_bit && !fuzz_has_addresses(&wire))
			abort();
	} else if (outcome.verdict != VERDICT_FAILED || (!found.eight_bit && !found.long_lines &&
	    strstr(outcome.text, "headers") == NULL && strstr(outcome.text, "nested") == NULL)) {
		abort();
	}
	buffer_free(&wire);
	(void)close(from);
	(void)close(to);
	return 0;
}
