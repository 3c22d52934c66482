/*
 * rewrite: from the headers as they came to the headers as they go out. What leaves here passes libESMTP unchanged: each
 * field that it wants once is there once, nothing that it drops, nothing missing that it would add.
 */
#ifndef MAILCRANE_REWRITE_H
#define MAILCRANE_REWRITE_H

#include <stddef.h>

#include "base/buffer.h"
#include "message/envelope.h"
#include "message/message.h"

/* Appends the final headers to `out`, the empty line not included. -1 when `out` is full. */
int rewrite_headers(const struct message_request *request, const struct envelope *envelope, const char *block,
    size_t length, struct buffer *out);

#endif
