/*
 * mime_word: encoded words (RFC 2047) for the name before an address.
 */
#ifndef MAILCRANE_MIME_WORD_H
#define MAILCRANE_MIME_WORD_H

#include <stdbool.h>

#include "base/buffer.h"

/* true when every octet is a whole UTF-8 character's. */
bool mime_word_is_utf8(const char *text);

/* Appends `text` as one or more encoded words of at most 75 octets, a fold between two of them: as UTF-8, or as
 * ISO-8859-1 when it is no UTF-8. Characters are never split. -1 when `out` is full. */
int mime_word_encode(struct buffer *out, const char *text);

#endif
