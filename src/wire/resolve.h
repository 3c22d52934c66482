/*
 * resolve: a host name to addresses, by nsswitch and /etc/hosts as getaddrinfo() does it, in a helper process that is
 * killed at the deadline. Failure is temporary, always.
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
	struct sockaddr_storage addresses[RESOLVE_MAX];	/* port 0; families interleaved (RFC 8305 section 4), first as the system orders */
	size_t count;
};

/* 0, or -1 and *outcome: stage DNS, cause NO_SUCH_NAME, RESOLVER (no answer) or LOCAL. An address literal, with or
 * without [ ], is taken as it is. */
int resolve_host(const char *host, enum relay_family family, struct deadline deadline,
    struct resolved *resolved, struct outcome *outcome);

#endif
