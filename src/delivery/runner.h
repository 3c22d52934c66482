/*
 * runner: which messages are due, and who serves them. One at a time over a spool, by lock; safety does not rest on
 * that but on each message's own lock.
 */
#ifndef MAILCRANE_RUNNER_H
#define MAILCRANE_RUNNER_H

#include <stdbool.h>

#include "base/config.h"
#include "base/outcome.h"
#include "delivery/courier.h"
#include "spool/spool.h"

struct runner_options {
	const char *config_file;
	bool        secure;		/* set-id: see config_load */
	bool        foreground;		/* a service: stays until SIGTERM */
	bool        no_linger;		/* leaves as soon as nothing is due: a timer's, which comes back */
	bool        only_own;		/* carries only messages of the real user, and is nobody's runner */
};

/* Serves what is due, lingers, leaves. 0 also when another runner is at work. -1 and *outcome when it can't begin. */
int runner_run(struct spool *spool, const struct runner_options *options, struct outcome *outcome);

/* What a flush came to. */
struct runner_count {
	size_t finished, deferred, busy, other;
};

/* Tries everything in the queue now, due or not, beside any runner, and then the reports that come of it. `print`: a line a message on stdout. */
int runner_flush(struct spool *spool, const struct runner_options *options, bool print, struct runner_count *count,
    struct outcome *outcome);

#endif
