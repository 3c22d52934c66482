/*
 * capabilities: what a relay said to EHLO (RFC 5321 section 4.1.1.1). Keywords are compared without case.
 */
#ifndef MAILCRANE_CAPABILITIES_H
#define MAILCRANE_CAPABILITIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct capabilities {
	bool     starttls, pipelining, chunking, eight_bit_mime, size, dsn, smtputf8, enhanced_status_codes, binarymime;
	uint64_t size_limit;		/* 0: none stated (RFC 1870) */
	char     auth[512];		/* upper case, separated by blanks: " PLAIN LOGIN "; "AUTH=LOGIN" forms too */
};

/* From the raw lines of a 250 reply. Anything not understood is ignored. */
void capabilities_parse(const char *raw, size_t length, struct capabilities *capabilities);

/* true when the mechanism (upper case) was offered */
bool capabilities_has_auth(const struct capabilities *capabilities, const char *mechanism);

#endif
