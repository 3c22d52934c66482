/*
 * recipients: whom a message goes to (CALLERS.md decision 4): the words of argv and, with -t, To, Cc and Bcc, or the Resent-
 * ones alone when there is one.
 */
#ifndef MAILCRANE_RECIPIENTS_H
#define MAILCRANE_RECIPIENTS_H

#include <stddef.h>

#include "base/outcome.h"
#include "message/envelope.h"
#include "message/message.h"

/* Adds to *envelope, as target_of() has them. -1 with *outcome (cause INPUT) for an address on the command line that can't be
 * understood, for too many, for none. */
int recipients_collect(const struct message_request *request, const char *block, size_t length,
    struct envelope *envelope, struct outcome *outcome);

#endif
