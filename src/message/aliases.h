/*
 * aliases: the aliases of the settings, ready for look-ups, and what is found wrong with them.
 */
#ifndef MAILCRANE_ALIASES_H
#define MAILCRANE_ALIASES_H

#include "base/buffer.h"
#include "base/config.h"
#include "base/outcome.h"
#include "message/alias.h"

struct aliases {
	struct alias_set *set;
	struct buffer     remarks;	/* of whoever looks something up: lines (remark_next), for the log or a person */
};

/* 0 (aliases_free it), or -1 with *outcome (cause CONFIG: file and line) when one in the settings is no list of addresses. The file
 * is not read yet. */
int aliases_new(struct aliases *aliases, const struct config *config, struct outcome *outcome);
void aliases_free(struct aliases *aliases);

#endif
