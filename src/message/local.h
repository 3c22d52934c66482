/*
 * local: which addresses are of this host: those are looked up in the aliases and get the default domain. Pure functions.
 *
 *   root                        bare
 *   root@localhost              (and localhost.localdomain) no relay can know whose localhost: as if bare
 *   root@web1                   the host's name up to its first dot: as if bare
 *   root@web1.example.com       the host's whole name: has aliases; without one it stays as it is
 *   root@example.com            the domain that the settings name for bare addresses: a mailbox at the provider's. No aliases
 */
#ifndef MAILCRANE_LOCAL_H
#define MAILCRANE_LOCAL_H

#include <stdbool.h>

struct local {			/* borrowed */
	const char *domain;	/* for bare addresses; never NULL */
	const char *host;	/* the host's name; NULL when it is not known, or is the domain that the settings name */
};

/* The name to look up, without quotes, in a new string; NULL for an address that is elsewhere. */
char *local_name(const struct local *local, const char *address);

/* true when the address means nothing outside this host, so that the default domain must take the place of its own. */
bool local_is_nowhere(const struct local *local, const char *address);

/* That done: a new string, NULL when longer than 254 octets. An address that means something is copied. */
char *local_qualify(const struct local *local, const char *address);

#endif
