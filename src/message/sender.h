/*
 * sender: who a message is from (CALLERS.md decision 7), in the envelope and, when the message does not say, in From.
 */
#ifndef MAILCRANE_SENDER_H
#define MAILCRANE_SENDER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/outcome.h"
#include "message/envelope.h"
#include "message/message.h"

/* Sets the reverse-path. A -f that can't be understood counts as not given, with a remark. -1 with *outcome for one that holds
 * control characters, and for a [sender] from that can't be understood. */
int sender_choose(const struct message_request *request, const char *block, size_t length, struct envelope *envelope,
    struct outcome *outcome);

/* true when somebody sends the message again (RFC 5322 section 3.6.6). */
bool sender_is_resent(const char *block, size_t length);

/* The address of who sends, for a Sender header: that of the envelope or, when it is null, the one that would be. A new
 * string. Call after sender_choose(). */
char *sender_address(const struct message_request *request, const struct envelope *envelope);

/* The value of a From header for a message without one; a new string. Call after sender_choose(). */
char *sender_from(const struct message_request *request, const struct envelope *envelope);

#endif
