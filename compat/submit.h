/*
 * submit: the way of one message from standard input to a verdict: accept, spool, wake the runner, make it
 * safe, wait. Prints what the caller has to know; gives the exit code.
 */
#ifndef MAILCRANE_SUBMIT_H
#define MAILCRANE_SUBMIT_H

#include <stdbool.h>

#include "base/config.h"
#include "base/exitcode.h"
#include "options.h"

/* `may_create`: the spool is the user's own. `secure`: the program is set-id. */
enum exitcode submit_message(
    const struct options *options, const struct config *config, bool may_create, bool secure);

#endif
