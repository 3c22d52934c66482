/*
 * aliases: the aliases of the settings, ready for look-ups, and what goes wrong with them, into the log.
 */
#ifndef MAILCRANE_ALIASES_H
#define MAILCRANE_ALIASES_H

#include "base/buffer.h"
#include "base/config.h"
#include "base/outcome.h"
#include "identity.h"
#include "message/alias.h"

struct aliases {
	struct alias_set *set;
	struct buffer     remarks;
};

/* 0 (aliases_free it), or -1 with *outcome (cause CONFIG: file and line) when one in the settings is no list of addresses. The file
 * is not read yet. */
int aliases_new(struct aliases *aliases, const struct config *config, struct outcome *outcome);
void aliases_free(struct aliases *aliases);

/* Moves the remarks into the log, as warnings. */
void aliases_log(struct aliases *aliases);

/* The host's name for struct local: NULL when the settings make it the domain of the mailboxes at the provider. */
const char *aliases_host(const struct config *config, const struct identity *identity);

#endif
