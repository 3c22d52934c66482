/*
 * output: gathers wire form into large writes, counts it, and looks for octets over 127.
 */
#ifndef MAILCRANE_OUTPUT_H
#define MAILCRANE_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/outcome.h"
#include "message/message.h"

#define OUTPUT_ROOM (64 * 1024)

struct output {
	const struct message_sink *sink;
	uint64_t total;		/* octets so far */
	uint64_t limit;
	bool     eight_bit;
	size_t   length;
	char    *data;
};

void output_init(struct output *output, const struct message_sink *sink, uint64_t limit);
void output_free(struct output *output);

/* 0; -1 with *outcome: over the limit, or what the sink said. */
int output_write(struct output *output, const char *data, size_t length, struct outcome *outcome);
int output_line(struct output *output, const char *line, size_t length, struct outcome *outcome);	/* adds CRLF */
int output_flush(struct output *output, struct outcome *outcome);

/* An octet over 127 is in it. */
bool output_is_eight_bit(const char *data, size_t length);

#endif
