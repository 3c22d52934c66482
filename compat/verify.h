/*
 * verify: -bv and -bi: what would be done with addresses, and whether the aliases are in order. Nothing is sent and no input is read.
 */
#ifndef MAILCRANE_VERIFY_H
#define MAILCRANE_VERIFY_H

#include "base/config.h"
#include "base/exitcode.h"
#include "options.h"

/* One line on stdout for each address that mail to the words of argv would go to, or that can't be understood. EXIT_OK, or EXIT_DATA when
 * there was one of those; EXIT_REFUSED when an answer can't be written; EXIT_SETTINGS with a line on stderr. */
enum exitcode verify_addresses(const struct options *options, const struct config *config);

/* Says nothing when the aliases are in order; else what is wrong with the file, on stderr and in the log, and still EXIT_OK.
 * EXIT_SETTINGS for a mistake in those of the settings. */
enum exitcode verify_aliases(const struct config *config);

#endif
