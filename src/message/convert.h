/*
 * convert: a message in wire form made fit for a relay that takes only seven bits, or only lines of up to 998 octets (RFC 5321
 * section 4.5.3.1.6, RFC 6152 section 3). Text becomes quoted-printable, or base64 where that is shorter, other parts
 * base64; multipart and message/rfc822 are gone into, boundaries stay. What need not be changed is copied.
 *
 * Does not touch what it would break: data in multipart/signed (RFC 1847 section 2.1), in message/partial (RFC 2046 section 5.2.2), in
 * an encoding that it does not know, and in a multipart without a usable boundary. Such a message is refused.
 */
#ifndef MAILCRANE_CONVERT_H
#define MAILCRANE_CONVERT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/outcome.h"

/* What a message holds, or is to lose. */
struct convert_needs {
	bool eight_bit;		/* octets over 127 */
	bool long_lines;	/* over MESSAGE_LINE_MAX */
};

/* Reads all of it. 0; -1 with errno. */
int convert_look(int fd, off_t offset, uint64_t length, struct convert_needs *found);

/* Writes the converted message to `target`, a descriptor of a file, and its length to *written (of use after success only). Lines over 998 octets
 * always go; octets over 127 when `seven_bit`, in headers too (ascii.h; those in addresses stay). 0; or -1 with *outcome: FAILED, cause INPUT, for
 * what can't be converted, else DEFERRED. Memory is constant. */
int convert_message(int fd, off_t offset, uint64_t length, bool seven_bit, int target, uint64_t *written,
    struct outcome *outcome);

#endif
