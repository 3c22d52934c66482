/*
 * identity: who called, by the real uid and the password database, never by the environment (cron and PHP
 * leave another user's there), and which domain bare addresses get; and from that and the settings what is asked of each message
 * (struct message_request), so that all who make one have it from the same senders. Owns its strings. Reads files, no network.
 */
#ifndef MAILCRANE_IDENTITY_H
#define MAILCRANE_IDENTITY_H

#include <sys/types.h>

#include "base/config.h"
#include "message/message.h"

struct identity {
	char *user;		/* login name, or the uid as a number */
	char *full_name;	/* from the password database, NULL when there is none */
	char *host;		/* this host's own name, "localhost" when it has none that is fit */
	char *domain;
	char *program;		/* name of the process that called, for log and listing */
};

/* Of that user (getuid() for who called). Cannot fail. The domain is [sender] domain, else that of [sender] from, else the host's name; never a
 * look-up. */
void identity_get(const struct config *config, uid_t uid, struct identity *identity);
void identity_free(struct identity *identity);

/* Sets what follows from settings and caller: sender, domain, host, names, size. The rest is left alone, aliases and remarks too. All is borrowed
 * from the two. */
void identity_fill(const struct identity *identity, const struct config *config, struct message_request *request);

#endif
