/*
 * digest: what the administrator is told once a day ([queue] notify), when there is something to say: what was given up, what waits for long,
 * what is damaged. A message of the null sender in the queue, marked as a report, of the spool's owner.
 */
#ifndef MAILCRANE_DIGEST_H
#define MAILCRANE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/buffer.h"
#include "base/config.h"
#include "spool/spool.h"

#define DIGEST_PERIOD (24 * 3600)	/* s between two */
#define DIGEST_LOOK 600		/* s between two looks when there was nothing to say: a look at 10,000 messages takes a tenth of a second */
#define DIGEST_WAITING 3600	/* s; what waits longer is worth a word */
#define DIGEST_LINES 50		/* messages of each kind that are listed */

struct digest_facts {
	const char *host, *domain, *id, *to;
	time_t      now, since;		/* since: of the last digest */
	const struct spool_item *queue, *failed;	/* oldest first */
	size_t      queue_count, failed_count;
	size_t      damaged, damaged_recent;
};

/* Appends the message. 1; 0 when there is nothing to say; -1 when `text` is full. Pure. */
int digest_compose(const struct digest_facts *facts, struct buffer *text);

/* For the runner, before a scan: puts the digest into the queue when one is due. Whatever goes wrong is logged. */
void digest_send(struct spool *spool, const struct config *config);

#endif
