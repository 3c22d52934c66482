/*
 * base64: three octets as four characters (RFC 4648 section 4).
 */
#ifndef MAILCRANE_BASE64_H
#define MAILCRANE_BASE64_H

#include <stddef.h>

/* `count` is 1 to 3: with less than 3 the group is padded, and ends a text. */
void base64_four(char four[4], const char *octets, size_t count);

#endif
