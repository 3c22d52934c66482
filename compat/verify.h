/*
 * verify: -bv and -bi: what would be done with addresses, and whether the aliases are in order. Nothing is sent and no input is read.
 */
#ifndef MAILCRANE_VERIFY_H
#define MAILCRANE_VERIFY_H

#include "base/config.h"
#include "base/exitcode.h"
#include "options.h"

/* One line on stdout for each address that mail to the words of argv would go to, or that can't be understood. EXIT_OK, or EXIT_DATA when
 * there was one of those; EXIT_SETTINGS with a line on stderr. */
enum exitcode verify_addresses(const struct options *options, const struct config *config);

/* Says nothing when the aliases are in order; else EXIT_SETTINGS, the first mistake on stderr and all of them in the log. */
enum exitcode verify_aliases(const struct config *config);

#endif
