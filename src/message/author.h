/*
 * author: the From field, and what depends on it (RFC 5322 section 3.6.2): whether a Sender is needed, and what is left of
 * the author when the settings force another address.
 */
#ifndef MAILCRANE_AUTHOR_H
#define MAILCRANE_AUTHOR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/* true when the field `name` is there and does not name exactly one mailbox, several or a group without any: then a Sender must
 * be there, too (RFC 6854 for groups). false when it can't be understood. */
bool author_needs_sender(const char *block, size_t length, const char *name);

/* [sender] force_from. Appends the header block with `from` ("address", "Name <address>") as address of the author; the name in
 * From stays. The old From becomes Reply-To, or X-Original-From where there is a Reply-To or it can't be understood; another
 * Sender becomes X-Original-Sender. A From that has the address already is not touched; one that is missing is not added.
 * -1 when `out` is full. */
int author_force(struct buffer *out, const char *block, size_t length, const char *from);

#endif
