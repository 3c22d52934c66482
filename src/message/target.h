/*
 * target: from an address as it is written to where it goes: aliases, then the default domain.
 */
#ifndef MAILCRANE_TARGET_H
#define MAILCRANE_TARGET_H

#include "message/address.h"
#include "message/alias.h"
#include "message/message.h"

/* Whom mail to this mailbox (not <>) goes to: at least one address, each with a domain. 0 and *result (alias_result_free), or -1 when one
 * would be longer than 254 octets. */
int target_of(const struct message_request *request, const char *address, struct alias_result *result);

/* A sender's address: an alias does not change who somebody is, so it gets the default domain; but where there is none that a
 * relay could take (the host's name has no dot and the settings name no domain) the first address of its alias, if it has one. A new
 * string, NULL when longer than 254 octets. */
char *target_sender(const struct message_request *request, const char *address);

/* The one address that stands for it in a header: of an alias for several, none is told, and it gets the default domain. A
 * new string, NULL when longer than 254 octets. */
char *target_shown(const struct message_request *request, const char *address);

#endif
