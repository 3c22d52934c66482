/*
 * advice: the tables of conf/ that hold words for people: advice, traps, interceptors, replies. The Makefile turns them into rows of C.
 */
#ifndef MAILCRANE_ADVICE_H
#define MAILCRANE_ADVICE_H

#include <stddef.h>

#include "base/buffer.h"

/* What stands for the words in braces; NULL counts as "". */
struct advice_words {
	const char *host, *ports, *works, *names, *issuer, *address, *user, *region;
};

/* The advice for a cause at a provider ("" when it is none that is known), the words put in, cut to fit. "" when there is none. */
void advice_for(const char *cause, const char *provider, const struct advice_words *words, char *text, size_t size);

/* What is plainly wrong with user or password for this provider: words for people, or NULL. `field` is "user" or "password". */
const char *advice_trap(const char *provider, const char *field, const char *value);

/* Who is known to sign such certificates for reading along, or NULL. */
const char *advice_interceptor(const char *issuer);

struct advice_reply {
	const char *code, *meaning, *advice;
};

/* The row that fits a reply code ("535") or an enhanced one ("5.7.8") best, or NULL. */
const struct advice_reply *advice_reply(const char *code);

#endif
