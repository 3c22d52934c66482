/*
 * ascii_parameter: parameters with octets over 127, such as a raw UTF-8 file name in Content-Disposition, in the form
 * of RFC 2231.
 */
#ifndef MAILCRANE_ASCII_PARAMETER_H
#define MAILCRANE_ASCII_PARAMETER_H

#include <stddef.h>

#include "base/buffer.h"

/* Appends the value of a Content-Type or Content-Disposition field; parameters of US-ASCII stay as they are. -1 when it can't
 * be understood, holds such octets elsewhere, or `out` is full: then `out` is as before. */
int ascii_parameter_list(struct buffer *out, const char *value, size_t length, const char *charset);

#endif
