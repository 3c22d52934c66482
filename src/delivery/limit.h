/*
 * limit: what a message may not go beyond: its lifetime, repeats of what was perhaps delivered, and Received lines.
 */
#ifndef MAILCRANE_LIMIT_H
#define MAILCRANE_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

#include "base/config.h"
#include "base/outcome.h"
#include "spool/spool.h"

#define LIMIT_RECEIVED 50	/* RFC 5321 section 6.3 wants a large one, "normally at least 100"; we are its first hops */
#define LIMIT_DOUBTS 3		/* a message that nobody confirms may reach its readers so often */

/* true when the message has been waiting longer than `lifetime`. Not soon after the machine was started: one that was off for a week
 * has to get its chance with a network that works. */
bool limit_is_over(const struct config *config, time_t created);

/* true when nothing more should be tried with a message as it was claimed; *outcome (FAILED) says why: it loops, or it is over its
 * lifetime and somebody died over it. `fd` and `offset`: where its text begins. */
bool limit_forbids(const struct config *config, const struct spool_entry *entry, int fd, off_t offset, struct outcome *outcome);

/* After an attempt: turns outcomes of recipients that would be tried again into failures where a limit is reached. */
void limit_apply(const struct config *config, const struct spool_entry *entry, struct outcome *outcomes, size_t count);

#endif
