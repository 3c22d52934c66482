/*
 * ascii: header fields with octets over 127 as fields of US-ASCII alone. Programs write raw UTF-8, or worse, and only a
 * message that is sent with SMTPUTF8 may hold it (RFC 6532). Nothing is lost: whoever decodes gets every octet back.
 *
 *  text          Subject, X-..., any unknown field: words become encoded words (RFC 2047)
 *  addresses     names and comments become encoded words; an address itself stays as it is: it has no other form
 *  parameters    of Content-Type and Content-Disposition: name*=UTF-8''... (RFC 2231)
 *  the rest      Message-ID, Received, ...: comments become encoded words; with octets over 127 outside of them the whole field
 *                becomes text under the name Downgraded-... (RFC 6857 section 3.1.10)
 *
 * A field of US-ASCII is not touched, octet for octet, unless it is text with a word that no line can hold. Text that is no UTF-8 is taken to be in the charset of the message's
 * Content-Type, or ISO-8859-1.
 */
#ifndef MAILCRANE_ASCII_H
#define MAILCRANE_ASCII_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

bool ascii_is(const char *text, size_t length);

/* Appends a whole header block (canonical, no empty line). -1 when `out` is full. */
int ascii_headers(struct buffer *out, const char *block, size_t length);

/* Appends the words of a text, folds in it taken for the blanks that they are: words with octets over 127, and those of more than
 * `most` octets, become encoded ones. -1 when `out` is full. */
int ascii_text(struct buffer *out, const char *text, size_t length, size_t most, const char *charset);

#endif
