/*
 * relay: the relays of the settings: which one a sender uses, which one is next, and what only shows when all keys are in. struct relay
 * itself is in base/config.h. Relays are named by number: 0 is [relay], then those with names in the order of the file.
 */
#ifndef MAILCRANE_RELAY_H
#define MAILCRANE_RELAY_H

#include "base/config.h"

/* How many there are, 1 or more; and the one of that number. */
size_t relay_count(const struct config *config);
const struct relay *relay_at(const struct config *config, size_t number);

/* The number of the relay of that name, relay_count() when there is none. "" and "relay" are [relay]. */
size_t relay_find(const struct config *config, const char *name);

/* The number of the relay that mail from this envelope sender begins at: the first in the order of the file one of whose `from` patterns
 * fits, else [relay]. */
size_t relay_of_sender(const struct config *config, const char *sender);

/* The same for a message that names its relay (NULL or "": it does not): a report goes over the relay of what it reports. One that is
 * there no more is as if none were named. */
size_t relay_of_message(const struct config *config, const char *name, const char *sender);

/* The number of its fallback, relay_count() when it has none. */
size_t relay_next(const struct config *config, size_t number);

/* How people call it: "relay", or its NAME. */
const char *relay_title(const struct relay *relay);

/* NULL when NAME in [relay.NAME] is one, else a constant text that says what is wrong with it. */
const char *relay_name_wrong(const char *name);

/* What is wrong between relays. */
struct relay_tangle {
	const struct relay *relay;	/* whose key it is */
	const char         *key;
	int                 line;
	char                text[224];
};

/* true and *tangle: a fallback that is not there or leads in a circle, or a pattern that is there twice. */
bool relay_is_tangled(const struct config *config, struct relay_tangle *tangle);

/* What the file does not set and the provider gives, whatever the order of the lines; ports in any case. */
void relay_complete(struct relay *relay);

/* Host and login are there, one secret, allowed where `secure` (set-id). NULL, or what is wrong, never a value, and *cause. */
const char *relay_wrong(const struct relay *relay, bool secure, enum cause *cause);

/* Frees what it owns, the secret wiped. */
void relay_free(struct relay *relay);

#endif
