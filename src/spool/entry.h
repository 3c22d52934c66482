/*
 * entry: a claimed message. Shared by claim.c, which fills it, and entry.c.
 */
#ifndef MAILCRANE_SPOOL_ENTRY_H
#define MAILCRANE_SPOOL_ENTRY_H

#include "spool/format.h"
#include "spool/private.h"
#include "spool/spool.h"

struct spool_entry {
	struct spool           *spool;		/* NULL: in none */
	int                     directory;	/* of the spool's: where its name is */
	char                    id[SPOOL_ID_SIZE];
	int                     fd;		/* holds the lock */
	struct format_head      head;
	struct format_slot      slot;
	struct format_slot      noted;		/* what spool_entry_begin wrote in its place */
	unsigned                begun;		/* attempts noted in the file and not in `slot`: 0 or 1 */
	char                   *envelope;	/* as in the file; the strings below lie in it */
	int64_t                 created;	/* ms */
	uid_t                   uid;
	const char             *program, *reverse_path, *envid, *relay;
	struct spool_report     report;
	enum dsn_return         ret;
	bool                    smtputf8;
	struct spool_recipient *recipients;
	off_t                  *offsets;	/* of each recipient's field in the file */
	size_t                  count;
};

#endif
