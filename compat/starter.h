/*
 * starter: wakes the runner, or starts one when nobody listens. The runner belongs to no caller: nobody
 * waits for it, it holds none of the caller's descriptors and of its environment only what the settings name.
 */
#ifndef MAILCRANE_STARTER_H
#define MAILCRANE_STARTER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/config.h"
#include "spool/spool.h"

/* true when a runner was poked or started, so that a verdict can be hoped for. false: none listens and
 * none may or can be started; the log says why. `secure`: the program is set-id. */
bool starter_wake(struct spool *spool, const struct config *config, bool secure);

/* "mailcrane direct" for one message that is in no spool: a child, which reads it from `message` and has `ms`. Gives its process and the
 * end of the pipe that will say the verdict; -1: it can't be started, and the log says why. */
pid_t starter_direct(const struct config *config, bool secure, int message, int64_t ms, int *verdict);

#endif
