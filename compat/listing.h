/*
 * listing: the queue as mailq(1) prints it. Behind set-gid an ordinary user sees only own mail: the last
 * reply often names the recipient.
 */
#ifndef MAILCRANE_LISTING_H
#define MAILCRANE_LISTING_H

#include <stdbool.h>

#include "spool/spool.h"

/* Writes to standard output. 0, or -1 with *outcome. `only_own`: of the real uid alone. */
int listing_print(struct spool *spool, bool only_own, struct outcome *outcome);

#endif
