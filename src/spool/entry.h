/*
 * entry: a claimed message. Shared by claim.c, which fills it, and entry.c.
 */
#ifndef MAILCRANE_SPOOL_ENTRY_H
#define MAILCRANE_SPOOL_ENTRY_H

#include "spool/format.h"
#include "spool/private.h"
#include "spool/spool.h"

struct spool_entry {
	struct spool           *spool;
	char                    id[SPOOL_ID_SIZE];
	int                     fd;		/* holds the lock */
	struct format_head      head;
	struct format_slot      slot;
	char                   *envelope;	/* as in the file; the strings below lie in it */
	int64_t                 created;	/* ms */
	uid_t                   uid;
	const char             *program, *reverse_path;
	bool                    smtputf8;
	struct spool_recipient *recipients;
	off_t                  *offsets;	/* of each recipient's field in the file */
	size_t                  count;
};

#endif
