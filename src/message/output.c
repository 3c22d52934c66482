/*
 * output: the way from message to sink. Writes are of up to OUTPUT_ROOM octets, since each may be a system call.
 */
#include "message/output.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

void
output_init(struct output *output, const struct message_sink *sink, uint64_t limit)
{
	*output = (struct output){.sink = sink, .limit = limit, .data = memory_room(OUTPUT_ROOM)};
}

void
output_free(struct output *output)
{
	free(output->data);
	output->data = NULL;
}

bool
output_is_eight_bit(const char *data, size_t length)
{
	uint64_t word, seen = 0;
	size_t i = 0;

	for (; i + sizeof(word) <= length; i += sizeof(word)) {
		memcpy(&word, data + i, sizeof(word));
		seen |= word;
	}
	for (; i < length; i++)
		seen |= (unsigned char)data[i];
	return (seen & UINT64_C(0x8080808080808080)) != 0;
}

int
output_flush(struct output *output, struct outcome *outcome)
{
	size_t length = output->length;

	if (length == 0)
		return 0;
	if (!output->eight_bit)
		output->eight_bit = output_is_eight_bit(output->data, length);
	output->length = 0;
	return output->sink->write(output->sink->context, output->data, length, outcome);
}

static int
output_count(struct output *output, size_t length, struct outcome *outcome)
{
	if (length <= output->limit - output->total) {
		output->total += length;
		return 0;
	}
	outcome_set(outcome, VERDICT_FAILED, STAGE_INPUT, CAUSE_TOO_BIG,
	    "the message is larger than %" PRIu64 " octets: [queue] max_message", output->limit);
	return -1;
}

int
output_write(struct output *output, const char *data, size_t length, struct outcome *outcome)
{
	size_t part;

	if (output_count(output, length, outcome) != 0)
		return -1;
	while (length > 0) {
		if (output->length == OUTPUT_ROOM && output_flush(output, outcome) != 0)
			return -1;
		part = OUTPUT_ROOM - output->length;
		if (part > length)
			part = length;
		memcpy(output->data + output->length, data, part);
		output->length += part;
		data += part;
		length -= part;
	}
	return 0;
}

int
output_line(struct output *output, const char *line, size_t length, struct outcome *outcome)
{
	if (length + 2 > OUTPUT_ROOM - output->length) {
		if (output_write(output, line, length, outcome) != 0)
			return -1;
		return output_write(output, "\r\n", 2, outcome);
	}
	if (output_count(output, length + 2, outcome) != 0)
		return -1;
	memcpy(output->data + output->length, line, length);
	memcpy(output->data + output->length + length, "\r\n", 2);
	output->length += length + 2;
	return 0;
}
