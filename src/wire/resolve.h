/*
 * resolve: a host name to addresses, under a deadline (lookup does the asking). Failure is temporary, always.
 */
#ifndef MAILCRANE_RESOLVE_H
#define MAILCRANE_RESOLVE_H

#include <stddef.h>
#include <sys/socket.h>

#include "base/config.h"
#include "base/deadline.h"
#include "base/outcome.h"

#define RESOLVE_MAX 16

struct resolved {
	/* port 0; families interleaved (RFC 8305 section 4), first as the system orders */
	struct sockaddr_storage addresses[RESOLVE_MAX];
	size_t                  count;
};

/* 0, or -1 and *outcome, stage DNS and one of the causes
 *	NO_SUCH_NAME	the name does not exist; a typo in the host of a provider is named
 *	NO_ADDRESS	it exists, without an address, or without one that fits `family`
 *	RESOLVER	no answer in time, none at all, or an answer that says that it can't say, or that can't be right
 *	LOCAL		no process, or it was killed
 * An address, with or without [ ], is taken as it is. When the resolver answers no question for IPv6 addresses, those of
 * IPv4 are taken after a third of the time. */
int resolve_host(const char *host, enum relay_family family, struct deadline deadline,
    struct resolved *resolved, struct outcome *outcome);

#endif
