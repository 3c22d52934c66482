/*
 * last: the last success and the last failure, for `mailcrane status`: file `last` in the spool, two places of 512 octets, each written
 * with one write. Lost or damaged it counts as nothing known, and no mail waits for it.
 */
#ifndef MAILCRANE_LAST_H
#define MAILCRANE_LAST_H

#include <time.h>

#include "base/outcome.h"
#include "spool/spool.h"

struct last {
	time_t         success, failure;	/* epoch seconds, 0: none known */
	char           success_id[SPOOL_ID_SIZE], failure_id[SPOOL_ID_SIZE];
	struct outcome why;			/* of the failure: stage, cause, reply and text only */
};

/* What became of a recipient. A login that is only held back is no news. */
void last_note(const struct spool *spool, const char *id, const struct outcome *outcome);

void last_load(const struct spool *spool, struct last *last);

#endif
