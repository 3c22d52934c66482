/*
 * hands: what people do with messages: queue, show, retry, drop, hold, release. The same for both programs: mailcrane does it where the
 * spool is open to whoever calls, sendmail (set-gid) for users, each for messages of their own.
 */
#ifndef MAILCRANE_HANDS_H
#define MAILCRANE_HANDS_H

#include <stdbool.h>

#include "base/exitcode.h"
#include "spool/spool.h"

struct hands {
	struct spool *spool;
	const char   *program;	/* for lines on stderr */
	bool          only_own;	/* messages of the real uid alone: all others are as if they were not there */
	bool          is_due;	/* set when a message became due: somebody should wake the runner */
};

/* true for a verb that hands_act knows. */
bool hands_knows(const char *verb);

/* argv[0] is the verb. Prints on stdout, what is wrong on stderr; gives the exit code: 69 when a message is not there, or under way. */
enum exitcode hands_act(struct hands *hands, int argc, char **argv);

/* May this caller see and touch a message of that user? */
bool hands_may(const struct hands *hands, uid_t uid);

#endif
