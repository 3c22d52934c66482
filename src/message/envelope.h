/*
 * envelope: who a message is from and to (RFC 5321 section 2.3.1), apart from its headers.
 * Owns its strings. Addresses are in wire form without angle brackets: at most 254 octets, printable US-ASCII or, in the local
 * part, UTF-8, no blanks outside quotes, always with a domain; the reverse-path may be empty (the null sender).
 */
#ifndef MAILCRANE_ENVELOPE_H
#define MAILCRANE_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>

#include "message/dsn.h"

#define ENVELOPE_ADDRESS_MAX 254	/* RFC 5321 section 4.5.3.1.3, less the brackets */
#define ENVELOPE_RECIPIENTS_MAX 10000

struct envelope {
	char  *reverse_path;
	char **recipients;
	struct dsn_wish *wishes;	/* of each recipient; they own their strings */
	size_t recipient_count;
	enum dsn_return  ret;
	char  *envid;			/* xtext, NULL when not said */
	char  *relay;			/* over which it goes whoever it is from ("relay" for [relay]); NULL: over that of its sender */
	bool   eight_bit;		/* the message holds octets over 127 (RFC 6152) */
	bool   smtputf8;		/* an address of the envelope or of the headers has a local part in UTF-8 (RFC 6531) */
};

void envelope_init(struct envelope *envelope);
void envelope_free(struct envelope *envelope);

/* Replaces the reverse-path by a copy. */
void envelope_set_reverse_path(struct envelope *envelope, const char *address);

/* Adds a copy unless it is there already (local part compared as it is, domain without case). 0; -1 when there would be
 * more than ENVELOPE_RECIPIENTS_MAX. */
int envelope_add(struct envelope *envelope, const char *address);

/* The wish of the recipients from index `first` on: those that were added since that was the count. `orcpt` is copied; NULL
 * and "" are none. */
void envelope_wish(struct envelope *envelope, size_t first, unsigned notify, const char *orcpt);

/* Copies; NULL and "" are none. */
void envelope_set_relay(struct envelope *envelope, const char *relay);
void envelope_set_envid(struct envelope *envelope, const char *envid);

/* true when an address has octets over 127. */
bool envelope_is_international(const struct envelope *envelope);

#endif
