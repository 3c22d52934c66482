/*
 * mime_word: encoded words (RFC 2047), for names before addresses and for header text.
 */
#ifndef MAILCRANE_MIME_WORD_H
#define MAILCRANE_MIME_WORD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/* true when every octet is a whole UTF-8 character's. */
bool mime_word_is_utf8(const char *text);

/* The same for text that may hold NUL; neither overlong forms nor surrogates are UTF-8 (RFC 3629 section 4). */
bool mime_word_is_valid(const char *text, size_t length);

/* Appends `text` as one or more encoded words of at most 75 octets, a fold between two of them: as UTF-8, or as
 * ISO-8859-1 when it is no UTF-8. Characters are never split. -1 when `out` is full. */
int mime_word_encode(struct buffer *out, const char *text);

/* The same in the middle of a header: looks at the line that `out` ends in, and folds at the blank that it ends in where the
 * line would pass 76 octets. "B" is used where "Q" would be twice as long. `charset` is the name of one in which `text` is;
 * characters are kept whole in UTF-8, and in charsets of two octets if they look it. */
int mime_word_append(struct buffer *out, const char *text, size_t length, const char *charset);

#endif
