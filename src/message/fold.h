/*
 * fold: where lines are cut that are longer than a mail may have (MESSAGE_LINE_MAX, RFC 5322 section 2.1.1).
 */
#ifndef MAILCRANE_FOLD_H
#define MAILCRANE_FOLD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/* Appends a header field (with folds and final CRLF) to `out`: continuation lines that hold nothing but blanks are left
 * out (some readers take them for the end of the headers), lines that are too long are folded at a blank, else behind
 * a comma, else between two characters. -1 when `out` is full. */
int fold_header(struct buffer *out, const char *field, size_t length);

/* true when a line of the field is too long. */
bool fold_is_needed(const char *field, size_t length);

#endif
