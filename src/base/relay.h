/*
 * relay: what only shows when all keys of a relay are in. struct relay itself is in base/config.h.
 */
#ifndef MAILCRANE_RELAY_H
#define MAILCRANE_RELAY_H

#include "base/config.h"

/* What the file does not set and the provider gives, whatever the order of the lines; ports in any case. */
void relay_complete(struct relay *relay);

/* Host and login are there, one secret, allowed where `secure` (set-id). NULL, or what is wrong, never a value, and *cause. */
const char *relay_wrong(const struct relay *relay, bool secure, enum cause *cause);

/* Frees what it owns, the secret wiped. */
void relay_free(struct relay *relay);

#endif
