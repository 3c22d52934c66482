/*
 * line: a courier's line to one relay: its connection, what is remembered of it (gate), and why it can't be used at all, if so. Made when
 * a message first needs the relay, so that no password is read that is not used.
 */
#ifndef MAILCRANE_LINE_H
#define MAILCRANE_LINE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "delivery/connection.h"
#include "delivery/gate.h"

struct line {
	const struct relay *relay;	/* borrowed */
	struct connection   connection;
	struct gate         gate;
	struct outcome      broken;	/* verdict NONE: it can be used */
	bool                was_opened, has_failed;	/* a new connection could be had, or could not, since line_begin */
	time_t              tried;	/* when the password was read, or could not be */
	int64_t             password, authorities;	/* when these files were last changed, as they were read (ns) */
};

/* Reads the password. Never fails: what goes wrong is `broken`. Borrows its arguments. */
struct line *line_new(const struct config *config, const struct relay *relay, struct nursery *nursery, struct spool *spool);
void line_free(struct line *line);	/* NULL allowed */

/* Before each message: password file and authorities are read again when they have changed, and a password that could not be had is asked
 * for again once a minute. */
void line_begin(struct line *line);

/* 0 with an open connection, or -1 with the reason in *outcome. */
int line_reach(struct line *line, const struct courier_job *job, struct deadline deadline, struct outcome *outcome);

#endif
