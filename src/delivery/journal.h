/*
 * journal: the log lines of deliveries: one a recipient and attempt, key=value, and one a candidate that failed. Never bodies,
 * subjects or secrets.
 */
#ifndef MAILCRANE_JOURNAL_H
#define MAILCRANE_JOURNAL_H

#include <sys/types.h>

#include "delivery/connection.h"
#include "spool/spool.h"

/* What the ladder met on its way, when it was climbed anew. */
void journal_ladder(const char *id, const struct connection *connection);

/* The PHP script that sent the message, as PHP's mail.add_x_header notes it in the header; "" when there is none. The message begins at
 * `offset` of fd, which may be -1. */
void journal_script(int fd, off_t offset, char *script, size_t size);

/* So many recipients are tried with another relay now, since the first did not take them. */
void journal_next_relay(const char *id, const struct relay *from, const struct relay *to, size_t count, const struct outcome *why);

/* One recipient's outcome in attempt number `attempt`, whether the spool could note it or not. `connection` NULL: there was no relay;
 * `report` NULL: it did not come as far as a transaction. */
void journal_recipient(struct spool_entry *entry, size_t recipient, const struct outcome *outcome, const struct connection *connection,
    const struct splice_report *report, unsigned attempt, const char *script);

/* "connect=3 greeting=1 ...": the stages that took part, in ms. */
void journal_times(const struct stage_times *times, char *text, size_t size);

#endif
