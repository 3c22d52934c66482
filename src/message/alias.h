/*
 * alias: who gets the mail of a name of this host: from the settings' [aliases], then from a file in the form of aliases(5) and
 * what it includes. Nothing is ever run and nothing but these files is opened; the file is read when the first name is looked up.
 *
 * No mail is lost by a mistake in there. What can't be used ("|command", "/file", ":include:" of a file that can't be read, a
 * malformed address) is left out with a remark for the log, and a name that has nothing else left is taken as if it had
 * no alias: "*" counts, else it stands for itself. The name that closes a circle is taken as an address, with a remark.
 */
#ifndef MAILCRANE_ALIAS_H
#define MAILCRANE_ALIAS_H

#include <stddef.h>

#include "base/buffer.h"
#include "message/local.h"

#define ALIAS_INCLUDES_MAX 64
#define ALIAS_DEPTH_MAX 32	/* aliases of aliases, and files in files */

struct alias_set;

struct alias_result {		/* owned strings */
	char **addresses;	/* in wire form; names of this host without alias as they stand (local_qualify() them) */
	size_t count;
};

/* `file` may be NULL: none. `remarks` as in remark.h; borrowed. */
struct alias_set *alias_new(const char *file, struct buffer *remarks);
void alias_free(struct alias_set *set);

/* An alias of the settings, which go before the file's; "*" stands for every name of this host that has none. 0, or -1 with *why
 * (a constant phrase) when it is not a list of addresses. Call before the first look-up. */
int alias_add(struct alias_set *set, const char *name, const char *list, const char **why);

/* 1 and *result (alias_result_free) with at least one address, or 0: it has no alias. Names are compared without case. */
int alias_find(struct alias_set *set, const struct local *local, const char *name, struct alias_result *result);
void alias_result_free(struct alias_result *result);

/* Reads everything, included files too; what is wrong becomes remarks. */
void alias_check(struct alias_set *set);

#endif
