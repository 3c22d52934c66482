/*
 * quantity: lists of times in settings, and times and sizes as settings have them, in the largest unit that gives a whole number.
 */
#ifndef MAILCRANE_QUANTITY_H
#define MAILCRANE_QUANTITY_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* Times from 1s to 1d with blanks between, at most `room` of them, into `list` (ms). Gives how many; 0 with what is wrong in `wrong`, and
 * the list untouched from there on. */
size_t quantity_parse_times(const char *text, int64_t *list, size_t room, char *wrong, size_t size);

/* "10m", "50M". 0, or -1 with errno ERANGE. */
int quantity_print_time(struct buffer *text, int64_t ms);
int quantity_print_size(struct buffer *text, uint64_t octets);
int quantity_print_times(struct buffer *text, const int64_t *list, size_t count);

#endif
