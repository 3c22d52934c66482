/*
 * team: the couriers of one runner, each a process (crew), each with one message at a time.
 */
#ifndef MAILCRANE_TEAM_H
#define MAILCRANE_TEAM_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/config.h"
#include "delivery/courier.h"
#include "delivery/crew.h"
#include "spool/spool.h"

#define TEAM_MAX CONFIG_CONNECTIONS_MAX

struct team;

/* Nobody is hired yet. Borrows its arguments; `watch` (NULL allowed) is forgotten in each child. */
struct team *team_new(const char *config_file, bool secure, struct spool *spool, struct spool_watch *watch);
void team_free(struct team *team);		/* NULL allowed */

/* `size` couriers at most (1 to TEAM_MAX); idle ones beyond it go now, busy ones when they have answered. `patience`: ms, after which one
 * that has not answered counts as lost. */
void team_limit(struct team *team, size_t size, int64_t patience);

/* To an idle courier, or a new one when `may_hire` and there is room. false: nobody could take it. */
bool team_give(struct team *team, const struct courier_job *job, bool may_hire);

bool team_has_idle(const struct team *team);
size_t team_count(const struct team *team);	/* couriers that are there */
size_t team_busy(const struct team *team);
size_t team_free_places(const struct team *team);	/* idle ones, and those that could be hired */
int64_t team_longest(const struct team *team);	/* ms since the oldest job under way was given; 0: none is */

/* Fills TEAM_MAX places, for poll(). */
void team_polls(const struct team *team, struct pollfd *polls);

/* An answer that has come, or one for a courier that was lost over its message (result ERROR, or that took too long). false: none. */
bool team_collect(struct team *team, struct courier_answer *answer);

/* What the couriers have (settings, password, a nursery) may be what is wrong: idle ones go now, busy ones when they have answered. */
void team_renew(struct team *team);

/* Those who are busy have `ms` left. */
void team_hurry(struct team *team, int64_t ms);

#endif
