/*
 * utf8: is a text that comes in pieces UTF-8? (RFC 3629; neither overlong forms nor surrogates are.)
 */
#ifndef MAILCRANE_UTF8_H
#define MAILCRANE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

struct utf8 {			/* zero to begin */
	unsigned need;		/* octets of the character at hand that are still to come */
	unsigned char low, high;	/* what the next one may be; 0, 0: the usual */
	bool is_bad;
};

void utf8_take(struct utf8 *utf8, const char *text, size_t length);

/* All octets so far are whole characters. */
bool utf8_is_valid(const struct utf8 *utf8);

#endif
