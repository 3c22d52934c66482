/*
 * receipt: by which name a relay knows a message that it took, out of its reply to the end of the message: that is what its log and its support
 * are searched by. Each relay has words of its own; this knows the usual ones. Pure.
 */
#ifndef MAILCRANE_RECEIPT_H
#define MAILCRANE_RECEIPT_H

#include <stdbool.h>
#include <stddef.h>

/* `text` is the reply without its codes ("Ok: queued as 4F3A2"). false: there is none in it. */
bool receipt_id(const char *text, char *id, size_t size);

#endif
