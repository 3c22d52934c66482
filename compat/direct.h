/*
 * direct: delivery without a spool, for read-only containers: the message is in memory, and a process started for it
 * alone says through a pipe what became of it. Nothing is kept: what can't be delivered in time is an error.
 */
#ifndef MAILCRANE_DIRECT_H
#define MAILCRANE_DIRECT_H

#include <stdbool.h>

#include "base/config.h"
#include "base/deadline.h"
#include "base/outcome.h"
#include "spool/spool.h"

/* true for the reasons (errno) why a spool that can't be used is done without: there is none, it may not or can't be
 * written to, or the disk is full. */
bool direct_instead_of(int error);

/* Sends a committed loose draft within `ms`, and waits until `end` at most. *outcome: the verdict of the message;
 * DEFERRED is not sent, with `uncertain` perhaps sent. */
void direct_send(const struct config *config, bool secure, const struct spool_draft *draft, int64_t ms,
    struct deadline end, struct outcome *outcome);

#endif
