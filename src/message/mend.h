/*
 * mend: the addresses of a header in their place: bare ones and those of this host as target.h says, domains as A-labels (RFC
 * 5890). Everything around them stays, octet for octet.
 */
#ifndef MAILCRANE_MEND_H
#define MAILCRANE_MEND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "message/envelope.h"
#include "message/message.h"

/* Appends the value of header `name`, which is an address list, to `out`; what in it can't be understood stays as it is. In From and
 * Sender (and Resent-) addresses are senders'. -1 when `out` is full. */
int mend_addresses(const struct message_request *request, const struct envelope *envelope, const char *name,
    const char *value, size_t length, struct buffer *out);

/* true when an address in From, Sender, Reply-To, To or Cc has a local part in UTF-8: such a header needs SMTPUTF8. */
bool mend_is_international(const char *block, size_t length);

#endif
