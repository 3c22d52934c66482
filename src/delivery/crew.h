/*
 * crew: the courier as a process of its own, and the runner's line to it. A courier dies with its runner, and its nursery and
 * dialogues with it.
 */
#ifndef MAILCRANE_CREW_H
#define MAILCRANE_CREW_H

#include <stdbool.h>

#include "delivery/courier.h"
#include "spool/spool.h"

struct crew;

/* Forks. The child reads the settings by itself (see courier_new); `watch` (NULL allowed) is forgotten in it. NULL when no
 * process can be had. */
struct crew *crew_new(const char *config_file, bool secure, struct spool *spool, struct spool_watch *watch);

int crew_fd(const struct crew *crew);		/* for poll(): POLLIN when it answers or is gone */
int crew_give(struct crew *crew, const struct courier_job *job);	/* 0, or -1 when it is gone */
int crew_answer(struct crew *crew, struct courier_answer *answer);	/* 0, or -1 when it is gone */

/* Tells it to end when it has answered, without waiting for it: it gets half a second from now. */
void crew_dismiss(struct crew *crew);

/* Ends it, and waits: it gets half a second to say QUIT, from when it was told first; then it is killed. One that even then does not end within half a second (a disk that
 * hangs) is left to die by itself. NULL allowed. */
void crew_free(struct crew *crew);

#endif
