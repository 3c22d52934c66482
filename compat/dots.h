/*
 * dots: where the data of an SMTP message ends, and dot-unstuffing (RFC 5321 sections 4.1.1.4 and 4.5.2). Pure; keeps its
 * place between two portions.
 *
 * A client that ends its lines in CRLF ends the data with CRLF "." CRLF and with nothing else: a dot between bare LFs or
 * bare CRs is text, since another program may have seen a line end there or not ("SMTP smuggling"). Only a client that ends
 * its command lines in bare LF, as a person at a terminal does, may end the data so: then each LF ends a line.
 */
#ifndef MAILCRANE_COMPAT_DOTS_H
#define MAILCRANE_COMPAT_DOTS_H

#include <stdbool.h>
#include <stddef.h>

enum dots_place {
	DOTS_LINE_START,
	DOTS_DOT,		/* "." at the start of a line, held back */
	DOTS_DOT_CR,		/* the same and a CR, held back */
	DOTS_TEXT,
	DOTS_TEXT_CR,
	DOTS_END
};

struct dots {
	enum dots_place place;
	bool            lf_is_line_end;
};

/* At the first octet behind the reply 354. */
void dots_init(struct dots *dots, bool lf_is_line_end);

/* Takes octets from `in` until *length are used up, the final dot has passed, or `out` might become too small, and sets
 * *length to how many it took; `room` is at least 2. Gives how many it wrote to `out`. */
size_t dots_take(struct dots *dots, const char *in, size_t *length, char *out, size_t room);

#endif
