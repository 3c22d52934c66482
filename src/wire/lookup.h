/*
 * lookup: one getaddrinfo(), as nsswitch and /etc/hosts want it, in a process of its own, since it has no time limit and
 * can't be called off. That process dies with this one, and when it is ended. Nothing here waits for it, but lookup_end,
 * and that for LOOKUP_END_MS at most.
 */
#ifndef MAILCRANE_LOOKUP_H
#define MAILCRANE_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "wire/resolve.h"

#define LOOKUP_END_MS 500

/* What the resolver itself does, asked once more and directly when getaddrinfo() calls its failure a temporary one, which
 * it does for all of these. */
enum lookup_state {
	LOOKUP_UNKNOWN,
	LOOKUP_SILENT,
	LOOKUP_UNREACHABLE,	/* lookup_answer.code is the errno */
	LOOKUP_ANSWERED		/* .code is the response code of RFC 1035 section 4.1.1 */
};

/* Smaller than PIPE_BUF; the resolvers come first, as soon as the process runs. */
struct lookup_answer {
	char              resolvers[96];	/* addresses from resolv.conf, for people */
	int               error;		/* of getaddrinfo() */
	int               system_error;		/* errno when that is EAI_SYSTEM */
	enum lookup_state state;
	int               code;
	bool              is_blocked;		/* the name was given 0.0.0.0 or ::, as blockers do; such are left out */
	char              other[64];		/* no address of the wanted family, but this one */
	struct resolved   resolved;		/* in the order of the system */
};

struct lookup {
	pid_t                pid;	/* 0: none */
	int                  fd;
	size_t               got;
	struct lookup_answer answer;
};

/* `family` is AF_INET, AF_INET6 or AF_UNSPEC. The deadline is the caller's: what is asked after it helps nobody. 0, or -1
 * with errno. lookup_end it. */
int lookup_start(struct lookup *lookup, const char *host, int family, struct deadline deadline);

/* Reads what is there; for when `fd` is readable. 1: the answer is whole; 0: not yet; -1: the process died before. */
int lookup_read(struct lookup *lookup);

/* Kills the process if it still runs. Its status as waitpid() gives it, or -1 when that can't be had. */
int lookup_end(struct lookup *lookup);

/* 1 and *resolved when `host` is an address, with or without [ ], in full; 0 when it is a name. Waits for nothing. */
int lookup_literal(const char *host, struct resolved *resolved);

#endif
