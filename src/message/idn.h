/*
 * idn: domains outside US-ASCII (RFC 5890, RFC 5891, UTS 46 without transitional processing).
 */
#ifndef MAILCRANE_IDN_H
#define MAILCRANE_IDN_H

/* "b\u00fccher.example" in UTF-8 -> "xn--bcher-kva.example" in a new string; what comes out is US-ASCII and may still be no
 * domain. NULL with *why set to a constant phrase. At most 1,000 octets. */
char *idn_to_ascii(const char *domain, const char **why);

#endif
