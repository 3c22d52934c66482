/*
 * header: walks over a header block in canonical form (lines end in CRLF, no empty line).
 * Borrowed views: the block must not change while fields are in use.
 */
#ifndef MAILCRANE_HEADER_H
#define MAILCRANE_HEADER_H

#include <stdbool.h>
#include <stddef.h>

struct header_field {
	const char *start;	/* the whole field with its folds, final CRLF included */
	size_t      length;
	size_t      name_length;	/* blanks before the colon not counted ("To : x" is To) */
	const char *value;	/* behind the colon */
	size_t      value_length;	/* final CRLF not included; folds are */
};

/* true when the line (CRLF included or not) begins a field: name of printable ASCII without blank or colon, optional
 * blanks, colon (RFC 5322 section 2.2, obs-optional). */
bool header_is_field(const char *line, size_t length);

/* Steps through: *offset starts at 0. false at the end. */
bool header_next(const char *block, size_t length, size_t *offset, struct header_field *field);

/* Name compared without case. */
bool header_is(const struct header_field *field, const char *name);

/* true when the value is nothing but blanks and folds. */
bool header_is_empty(const struct header_field *field);

/* The first field of that name which is not empty; false when there is none. */
bool header_find(const char *block, size_t length, const char *name, struct header_field *field);

#endif
