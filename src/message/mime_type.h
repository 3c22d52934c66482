/*
 * mime_type: reads Content-Type and Content-Transfer-Encoding (RFC 2045 sections 5 and 6). Pure functions on a value with its
 * folds and comments; what can't be understood is simply not there.
 */
#ifndef MAILCRANE_MIME_TYPE_H
#define MAILCRANE_MIME_TYPE_H

#include <stdbool.h>
#include <stddef.h>

/* true when the type is `type` ("text", "message/rfc822"), compared without case; up to the "/" when `type` has none. */
bool mime_type_is(const char *value, size_t length, const char *type);

/* Value of a parameter, unquoted, into a string of `size` octets. false when it is not there, not whole, or does not fit. */
bool mime_type_parameter(const char *value, size_t length, const char *name, char *target, size_t size);

/* The first word in lower case ("quoted-printable"), "" when there is none or it does not fit. */
void mime_type_word(const char *value, size_t length, char *target, size_t size);

/* A step through the parameters: *at begins at 0. Borrowed views into value. */
struct mime_parameter {
	const char *name;
	size_t      name_length;
	const char *value;	/* as written, with its quotes */
	size_t      value_length;
	size_t      start, end;	/* from the name to behind the value, in the text */
};

/* 1, 0 at the end, -1 when it can't be understood: an unbalanced quote, a parameter without "=". */
int mime_type_next(const char *value, size_t length, size_t *at, struct mime_parameter *parameter);

#endif
