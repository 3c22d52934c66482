/*
 * convert_part: one part of a message: what its header says of it, and the header that it has afterwards.
 */
#ifndef MAILCRANE_CONVERT_PART_H
#define MAILCRANE_CONVERT_PART_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

#define CONVERT_BOUNDARY_MAX 256

enum convert_kind {
	CONVERT_TEXT,
	CONVERT_DATA,
	CONVERT_MULTIPART,
	CONVERT_MESSAGE,	/* message/rfc822: a message inside */
	CONVERT_CLOSED		/* must not be touched */
};

enum convert_encoding {
	CONVERT_PLAIN,		/* 7bit, 8bit, binary, none, or a word that means none of those known */
	CONVERT_QUOTED,
	CONVERT_BASE64,
	CONVERT_UNKNOWN
};

struct convert_part {
	enum convert_kind     kind;
	enum convert_encoding encoding;
	bool is_wide;		/* says 8bit or binary */
	bool has_type, has_encoding, has_version, has_charset;
	bool is_digest;		/* the parts of this multipart are messages if they do not say otherwise */
	char boundary[CONVERT_BOUNDARY_MAX];	/* "" none */
	const char *why;	/* CONVERT_CLOSED: what it is */
};

/* Reads a header block (canonical, no empty line). `in_digest`: the default type is message/rfc822. */
void convert_part_read(struct convert_part *part, const char *block, size_t length, bool in_digest);

/* Appends the header as it is to be: `encoding` is the new Content-Transfer-Encoding, NULL for the old one; `charset` is
 * added to a text that names none, NULL: don't; `is_message`: a MIME-Version must be there. `seven_bit`: the fields become ascii.
 * -1 when `out` is full. */
int convert_part_write(const struct convert_part *part, const char *block, size_t length, const char *encoding,
    const char *charset, bool is_message, bool seven_bit, struct buffer *out);

#endif
