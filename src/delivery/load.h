/*
 * load: the recipients of one message that are still to be served in an attempt, and the part of them that is with one relay now. Owns the
 * lists; borrows the spool entry's strings. The courier goes through its fields.
 */
#ifndef MAILCRANE_LOAD_H
#define MAILCRANE_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/config.h"
#include "base/deadline.h"
#include "base/outcome.h"
#include "delivery/chain.h"
#include "delivery/fitting.h"
#include "delivery/line.h"
#include "spool/spool.h"

#define LOAD_FREE SIZE_MAX	/* bound to no relay */

/* Recipients who are with one relay now, as a transaction has them. */
struct load_part {
	struct transaction transaction;
	struct fitting     fitting;		/* what goes over the wire */
	const char       **addresses;
	struct dsn_wish   *wishes;
	size_t            *members;	/* in the load */
	struct outcome    *outcomes;
	size_t             count;
	struct line       *talk;	/* over which a transaction was whose report is not settled; NULL: none */
	struct splice_report report;
};

/* The recipients that are still to be served. */
struct load {
	struct load_part part;
	size_t            *indexes;	/* in the entry */
	struct outcome    *outcomes;
	size_t            *bound;	/* to a relay by number, or LOAD_FREE */
	bool              *is_open;	/* the outcome is still to come */
	bool              *is_told;	/* in the log */
	struct line      **lines;	/* by which the outcome came; NULL: none */
	struct chain_tale *tales;
	size_t             count;
	char               id[SPOOL_ID_SIZE];
	char               script[128];
	unsigned           attempt;
	bool               is_common, is_slowed;
	struct deadline    deadline, wait;	/* of the attempt; how long a caller would wait */
};

/* All who are neither delivered nor failed, and how a transaction would begin. `message_fd` is -1 with errno when the message can't be
 * opened again. Never fails; load_free() ends it. `tales` is the courier's to make: load_free() frees it. */
void load_take(struct load *load, const struct config *config, struct spool_entry *entry);
void load_free(struct load *load);

/* Is anybody still open who is bound to this relay, by number, or LOAD_FREE: to none? */
bool load_has(const struct load *load, size_t bound);

/* Makes them the part. */
void load_part_take(struct load *load, struct spool_entry *entry, size_t bound);

/* Addresses that this relay can't be told (RFC 6531) are refused here and go behind the others, which are served. 0, or -1 when
 * nobody is left. */
int load_part_leave_out(struct load_part *part, const struct line *line);

/* The same for all of the part. */
void load_part_all(struct load_part *part, const struct outcome *outcome);

/* The same for all, before any relay was asked. Whoever may have been served stays bound to the relay that may have done it, though the
 * settings may not know that relay now. */
void load_all(struct load *load, struct spool_entry *entry, const struct outcome *outcome);

/* What the relay said of each of the part: its outcome, or one word more in the tale of those who go on to the next of `most` relays, if
 * there is one. Gives how many these are, *why is one of them. */
size_t load_judge(struct load *load, struct line *line, size_t most, bool has_next, struct outcome *why);

/* What is known into the entry, not synced: 0, or -1 and *error. One outcome that can't be written is no reason to lose the others, too:
 * who is known to have the message must not get it again. */
int load_record(const struct load *load, struct spool_entry *entry, struct outcome *error);

#endif
