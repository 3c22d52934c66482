/*
 * server: sendmail -bs, an SMTP server for one client on stdin and stdout (RFC 5321, 1870, 2034, 2920, 3461, 6152). Symfony,
 * nmh and Alpine hand in mail so. Each message goes the way of every other one (submit); the reply to its final dot is the
 * relay's own, or "queued" when that does not come within `wait`.
 */
#ifndef MAILCRANE_COMPAT_SERVER_H
#define MAILCRANE_COMPAT_SERVER_H

#include <stdbool.h>

#include "base/config.h"
#include "base/exitcode.h"
#include "options.h"

/* Until QUIT or the end of the input: EXIT_OK. EXIT_DATA when the input ended within a message or could not be followed,
 * EXIT_REFUSED when replies are not read, or the spool can't be used; one line on stderr then. `may_create`: the spool is
 * the user's own. `secure`: the program is set-id. */
enum exitcode server_run(
    const struct options *options, const struct config *config, bool may_create, bool secure);

/* Instead of all that: says 421 and why. */
void server_decline(const struct outcome *outcome);

#endif
