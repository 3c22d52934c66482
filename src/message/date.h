/*
 * date: a moment as RFC 5322 section 3.3 writes it, in local time with its offset. No locale is consulted.
 */
#ifndef MAILCRANE_DATE_H
#define MAILCRANE_DATE_H

#include <time.h>

#define DATE_SIZE 48	/* with the NUL */

/* "Tue, 24 Nov 2026 05:11:22 +0100". Returns target. */
char *date_format(char target[DATE_SIZE], time_t when);

#endif
