/*
 * reply: reads SMTP replies (RFC 5321 section 4.2) out of a stream of bytes. Every reply is untrusted: a line is at most
 * 4,096 octets, a reply at most 100 lines and 64 KB; codes must agree and be 200-599 (354 included). Knows no network.
 */
#ifndef MAILCRANE_REPLY_H
#define MAILCRANE_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/outcome.h"

struct reply {
	int  code;		/* 200..599 */
	char enhanced[12];	/* "2.1.5" when the text starts with one of the right class, else "" (RFC 3463, 2034) */
	char text[512];		/* all lines joined by a blank, its enhanced code taken off each, printable */
};

enum reply_status { REPLY_MORE, REPLY_COMPLETE, REPLY_NONSENSE };

/* Looks for one whole reply at the start of data[0..length). COMPLETE: *reply filled, *used is its length; for EHLO the raw
 * lines are data[0..*used). MORE: not there yet. NONSENSE: can't become a reply; *reply->text says what came. */
enum reply_status reply_parse(const char *data, size_t length, size_t *used, struct reply *reply);

/* What a negative (or unexpected) reply means at a stage: 4xx deferred, 5xx failed, anything else deferred as PROTOCOL. The
 * cause comes from stage, code and enhanced code (552/5.3.4 too big; 421 unavailable; 432 450 451 452 454 throttled ...). */
void reply_outcome(const struct reply *reply, enum stage stage, struct outcome *outcome);

#endif
