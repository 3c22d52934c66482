/*
 * team: the couriers of one runner, each a process (crew), each with one message at a time. A courier belongs to a lane, which is the
 * mail that begins at one relay: it has the connection that such mail needs, and mail of another lane never waits for it.
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

/* One lane can have all its connections, and each other one a courier. */
#define TEAM_MAX (CONFIG_CONNECTIONS_MAX + CONFIG_RELAYS_MAX)

struct team;

/* Nobody is hired yet. Borrows its arguments; `watch` (NULL allowed) is forgotten in each child. */
struct team *team_new(const char *config_file, bool secure, struct spool *spool, struct spool_watch *watch);
void team_free(struct team *team);		/* NULL allowed */

/* There are so many lanes (1 to CONFIG_RELAYS_MAX). A courier that has not answered after `patience` ms counts as lost. */
void team_set(struct team *team, size_t lanes, int64_t patience);

/* `size` couriers in the lane at most (1 to CONFIG_CONNECTIONS_MAX); idle ones beyond it go now, busy ones when they have answered. */
void team_limit(struct team *team, size_t lane, size_t size);

/* To an idle courier of the job's lane, or a new one when `may_hire` and there is room. false: nobody could take it. */
bool team_give(struct team *team, const struct courier_job *job, bool may_hire);

bool team_has_idle(const struct team *team, size_t lane);
size_t team_count(const struct team *team, size_t lane);	/* couriers that are there and stay */
size_t team_busy(const struct team *team);	/* of all lanes */
size_t team_free_places(const struct team *team, size_t lane);	/* idle ones, and those that could be hired */
int64_t team_longest(const struct team *team, size_t lane);	/* ms since the oldest job under way was given; 0: none is */

/* Fills TEAM_MAX places, for poll(). */
void team_polls(const struct team *team, struct pollfd *polls);

/* An answer that has come, or one for a courier that was lost over its message (result ERROR, or that took too long). false: none. */
bool team_collect(struct team *team, struct courier_answer *answer);

/* What the lane's couriers have (settings, password, a nursery) may be what is wrong: idle ones go now, busy ones when they have
 * answered. */
void team_renew(struct team *team, size_t lane);

/* Those who are busy have `ms` left. */
void team_hurry(struct team *team, int64_t ms);

#endif
