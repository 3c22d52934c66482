/*
 * pattern: `from` of a relay: which envelope senders use it. A word is an address (a@example.com), or a domain (@example.com or
 * example.com), and `*` in it stands for any octets, or none. `<>` is the null sender, which nothing else fits. Letters fit both cases,
 * in the local part too: no provider tells them apart.
 */
#ifndef MAILCRANE_PATTERN_H
#define MAILCRANE_PATTERN_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/config.h"

#define PATTERN_MAX 256		/* octets of one, the NUL included */

/* Words with blanks or commas between them. 0 and the relay's patterns replaced, or -1 and what is wrong in `wrong`. They are kept in lower
 * case, and domains as *@domain. */
int pattern_parse(const char *text, struct relay *relay, char *wrong, size_t size);

/* Does this kept pattern fit the sender (without brackets; "" is the null sender)? */
bool pattern_fits(const char *pattern, const char *sender);

/* Appends "from = ..." and a newline; nothing when there are none. 0, or -1 with errno ERANGE. */
int pattern_print(const struct relay *relay, struct buffer *text);

void pattern_free(struct relay *relay);

#endif
