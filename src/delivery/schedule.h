/*
 * schedule: which message is served next. Keeps a line for each message in the queue, so that a poke costs a look at names and at what is
 * new, whatever else waits.
 *
 * The order within a pass: first what a caller waits for, then the others, last what has used up somebody's time before (no answer, no
 * certain end, a courier that died over it). Within each of these, users take turns, and each one's oldest goes first: a flood of one user
 * delays another's message by one turn.
 */
#ifndef MAILCRANE_SCHEDULE_H
#define MAILCRANE_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/config.h"
#include "base/outcome.h"
#include "spool/spool.h"

struct schedule;

struct schedule_item {
	char     id[SPOOL_ID_SIZE];
	uid_t    uid;
	size_t   lane;			/* the number of the relay that it begins at (relay_of_sender) */
	time_t   created, due;
	unsigned attempts;
	bool     is_awaited, is_suspect, is_held, is_report;
	bool     is_given;		/* to a courier */
	unsigned pass;			/* in which it was tried last */
	size_t   rank;			/* its turn among its user's */
};

/* What may be served of the mail that begins at one relay. */
struct schedule_lane {
	bool   is_closed;		/* nothing: nobody could take it */
	bool   only_awaited;		/* the relay is down: only who waits for an answer, and what was created before `overdue` */
	bool   no_suspect;		/* the last place is kept for others */
};

/* What may be served. */
struct schedule_want {
	bool   all;			/* due or not (a flush) */
	time_t horizon;			/* s; due further off: noted before the clock was set back, so it is due */
	time_t overdue;
	bool   only_own;		/* of this user alone */
	uid_t  own;
	bool   only_reports;		/* of our own */
	struct schedule_lane lanes[CONFIG_RELAYS_MAX];
};

struct schedule *schedule_new(void);
void schedule_free(struct schedule *schedule);		/* NULL allowed */

/* By these settings lanes are told from the next refresh on; borrowed. Without a call, or NULL: all are lane 0. */
void schedule_set_relays(struct schedule *schedule, const struct config *config);

/* Looks at the queue: at what is new, or at `everything` again (about 10 us a message). 0, or -1 and *outcome. */
int schedule_refresh(struct schedule *schedule, struct spool *spool, bool everything, struct outcome *outcome);

/* From now on each message may be tried once more. */
void schedule_begin_pass(struct schedule *schedule);

/* The next one, given to the caller; NULL when there is none. Valid until the next call of any function here but schedule_left. */
const struct schedule_item *schedule_take(struct schedule *schedule, const struct schedule_want *want);

/* It was served, or somebody else has it: not again in this pass. Looks at it, since its due time has changed. */
void schedule_done(struct schedule *schedule, struct spool *spool, const char *id);

/* How many of that lane schedule_take could still give, were it not closed; counts to `most`. */
size_t schedule_left(struct schedule *schedule, const struct schedule_want *want, size_t lane, size_t most);

/* The next moment to come when one falls due; 0: none. What is due already and was left in this pass does not count. */
time_t schedule_next_due(const struct schedule *schedule);

#endif
