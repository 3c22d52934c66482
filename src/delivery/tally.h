/*
 * tally: how many reports each sender got lately, in the file `reports` of the spool, so that a script that writes to a thousand dead addresses
 * does not fill its owner's mailbox, nor use up what the relay allows.
 */
#ifndef MAILCRANE_TALLY_H
#define MAILCRANE_TALLY_H

#include <stdbool.h>
#include <time.h>

#include "spool/spool.h"

#define TALLY_MOST 20		/* reports to one address */
#define TALLY_PERIOD 3600	/* s, from the first of them */

/* true: the address may get one more. A file that can't be used counts nothing and allows all: a report too many is better than none. */
bool tally_allows(const struct spool *spool, const char *address, time_t now);

/* It gets one: the report is safe. One that can't be stored must not be counted, or it would be left out when it can. */
void tally_count(const struct spool *spool, const char *address, time_t now);

#endif
