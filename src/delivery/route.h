/*
 * route: what is remembered about the relay between runs, in one small file in the spool. Here: until when logins are
 * held back. A memory that is lost or damaged costs time, never mail: every error counts as "nothing known".
 */
#ifndef MAILCRANE_ROUTE_H
#define MAILCRANE_ROUTE_H

#include <time.h>

#include "base/config.h"
#include "spool/spool.h"

/* Until when (epoch seconds) logins to this relay are held back; 0: they are not. Changed settings or a changed password file
 * end the hold. */
time_t route_login_held(const struct spool *spool, const struct config *config);

/* Remembers a hold; `until` 0 forgets it. */
void route_hold_login(const struct spool *spool, const struct config *config, time_t until);

#endif
