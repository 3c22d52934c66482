/*
 * mime_code: transfer encodings of bodies (RFC 2045 section 6). Each function reads a range to its end and writes lines of at
 * most 76 octets of US-ASCII. 0; -1 with errno when reading failed, or MIME_CODE_OUTPUT with *outcome when writing did.
 */
#ifndef MAILCRANE_MIME_CODE_H
#define MAILCRANE_MIME_CODE_H

#include "base/outcome.h"
#include "message/output.h"
#include "message/range.h"

#define MIME_CODE_OUTPUT (-2)

/* Text: its line ends stay. */
int mime_code_quoted(struct range *range, struct output *output, struct outcome *outcome);

/* Anything; the last line has no CRLF. */
int mime_code_base64(struct range *range, struct output *output, struct outcome *outcome);

/* What is quoted-printable but for octets over 127 and lines that are too long; good lines stay as they are. */
int mime_code_mend_quoted(struct range *range, struct output *output, struct outcome *outcome);

/* The same for base64, where octets outside of the alphabet mean nothing (section 6.8). */
int mime_code_mend_base64(struct range *range, struct output *output, struct outcome *outcome);

#endif
