/*
 * identity: who called, by the real uid and the password database, never by the environment (cron and PHP
 * leave another user's there), and which domain bare addresses get. Owns its strings.
 */
#ifndef MAILCRANE_IDENTITY_H
#define MAILCRANE_IDENTITY_H

#include "base/config.h"

struct identity {
	char *user;		/* login name, or the uid as a number */
	char *full_name;	/* from the password database, NULL when there is none */
	char *host;		/* this host's own name, "localhost" when it has none that is fit */
	char *domain;
	char *program;		/* name of the process that called, for log and listing */
};

/* Cannot fail. The domain is [sender] domain, else that of [sender] from, else the host's name; never a
 * look-up. */
void identity_get(const struct config *config, struct identity *identity);
void identity_free(struct identity *identity);

#endif
